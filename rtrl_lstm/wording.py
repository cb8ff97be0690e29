"""Words that messages share."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """So many of a thing whose plural ends in s: "1 row", "2,000 bad rows"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
