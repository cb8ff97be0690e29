"""All that is compiled, and nothing else.

Importing this package imports Numba; nothing outside it does.
"""
