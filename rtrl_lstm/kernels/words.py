"""What counts as a number, and what as none, wherever text is read."""

LARGEST = 1e30
"""Numbers beyond this magnitude are refused: they would overflow in float32."""

_OF_SPREADSHEETS = ("#N/A", "#NA", "#DIV/0!", "#NUM!", "#REF!", "#VALUE!")
MISSING = frozenset(
    ("", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "None", "<NA>", "NaT", "?")
).union(_OF_SPREADSHEETS)
"""Texts that say "no value here", of seven characters at most; so do None, a float NaN and an
absent key."""
