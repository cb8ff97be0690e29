"""python -m benchmarks.reliability kills|fuzz|memory|latency|throughput: each has its --help."""

from __future__ import annotations

import sys
from importlib import import_module

MEASUREMENTS = ("kills", "fuzz", "memory", "latency", "throughput")


def main() -> None:
    """Run the measurement that the first argument names."""
    if len(sys.argv) < 2 or sys.argv[1] not in MEASUREMENTS:
        sys.exit(f"usage: python -m benchmarks.reliability {'|'.join(MEASUREMENTS)} [--help]")
    module = import_module(f"{__package__}.{sys.argv.pop(1)}")
    sys.exit(module.main())


if __name__ == "__main__":
    main()
