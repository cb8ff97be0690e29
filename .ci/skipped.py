"""Fail if a test was skipped that the committed list does not name.

usage: skipped.py REPORT.xml LIST
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(report: str, allowed_list: str) -> int:
    """Return 1 and name the tests if any were skipped outside the list, else 0."""
    lines = (line.split("#")[0].strip() for line in Path(allowed_list).read_text().splitlines())
    allowed = {line for line in lines if line}
    cases = list(ElementTree.parse(report).iter("testcase"))
    if not cases:
        print("the report names no test at all", file=sys.stderr)
        return 1
    skipped = {
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("skipped") is not None
    }
    for name in sorted(skipped - allowed):
        print(f"skipped, and not in {allowed_list}: {name}", file=sys.stderr)
    return 1 if skipped - allowed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
