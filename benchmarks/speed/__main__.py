"""All speed measurements, one after the other; about a minute."""

from . import fleet, roof, sparse, step_vs_torch

for measurement in (step_vs_torch, roof, fleet, sparse):
    measurement.main()
    print()
