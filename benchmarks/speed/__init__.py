"""How fast, beside what: `python -m benchmarks.speed` runs them all. Trust the ratios."""
