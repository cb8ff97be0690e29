"""The naive NumPy twin of the engine, in float64, that every fast path is held against.

Written from the equations, never from the kernels: slow and obvious. Nothing here is compiled,
fused, padded or laid out cleverly. An array has one row per unit and one column per source, in the
order that its cell gives.
"""
