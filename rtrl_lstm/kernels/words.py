"""What counts as a number, and what as none, wherever text is read."""

LARGEST = 1e30
"""Numbers beyond this magnitude are refused: they would overflow in float32."""

_OF_SPREADSHEETS = ("#N/A", "#NA", "#DIV/0!", "#NUM!", "#REF!", "#VALUE!")
MISSING = frozenset(
    ("", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "None", "<NA>", "NaT", "?")
).union(_OF_SPREADSHEETS)
"""Texts that say "no value here", of seven characters at most; so do None, a float NaN and an
absent key."""

NO_NUMBER = MISSING.union(("-", "--", "---", ".", "..", "..."))
"""Those that say so in a column of numbers. Among texts these may be any: a class may be called
"-", beside "+"."""

FARTHEST = 30.0
"""Beyond so many times its spread, its mean or 1 a number of a column is taken for no more."""

SETTLED = 100
"""So many numbers set a column's scale; until then any number joins as it is."""
