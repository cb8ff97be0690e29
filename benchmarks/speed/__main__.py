"""All speed measurements, one after the other; two minutes.

python -m benchmarks.speed [--picture FILE.svg]
"""

import sys

from . import fleet, roof, sparse, start, step_vs_torch, threads

step_vs_torch.main()
print()
roof.main(sys.argv[1:])
for measurement in (threads, fleet, sparse, start):
    print()
    measurement.main()
