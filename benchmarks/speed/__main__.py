"""All speed measurements, one after the other; two minutes."""

from . import fleet, roof, sparse, start, step_vs_torch

for measurement in (step_vs_torch, roof, fleet, sparse, start):
    measurement.main()
    print()
