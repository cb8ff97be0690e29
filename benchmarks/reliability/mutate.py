"""Rows and files spoilt in ways that real ones are, and in ways that only a fuzzer thinks of."""

from __future__ import annotations

import json
import random

NUMBERS = (
    "1e308", "-1e308", "1e309", "1e30", "-1e30", "1e-320", "-0", "0", "inf", "-Infinity", "NaN",
    "nan", "NA", "null", "", " ", "1_0", "0x10", "1,5", "٣", "1e5", "--1", "1e", ".", "True", "é",
    "oops", "9" * 400, '"', '""', '"1"', '"1', "1\0", "\ufeff1", "\t1", "1;2", "=1+1", "{}", "[",
)  # fmt: skip
JSON_VALUES = (
    "1e308", "-1e30", "1e999", "NaN", "-Infinity", "null", "true", "[]", "{}", '"1"', '"x"', '""',
    "[[[[1]]]]", '{"a": 1}', "1" * 400, "01", "'1'", "+1", '"\\ud800"', '"\\u0000"', "1e-400",
)  # fmt: skip
BYTES = (
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b'"',
    b"\r",
    b"\xe2\x80\xa8",
    b"\n",
    b",",
    b"\x1a",
)


def csv_row(rng: random.Random, columns: int) -> bytes:
    """A line of CSV, as a rule with something wrong."""
    fields = [f"{rng.gauss(0.0, 3.0):.4g}" for _ in range(columns)]
    for _ in range(rng.choice((0, 0, 1, 2))):
        fields[rng.randrange(len(fields))] = rng.choice(NUMBERS)
    kind = rng.randrange(20)
    if kind == 0:
        del fields[rng.randrange(len(fields))]
    elif kind == 1:
        fields.insert(rng.randrange(len(fields)), "1")
    elif kind == 2:
        fields = []
    elif kind == 3:
        fields = fields * rng.randrange(2, 300)
    return _ended(rng, _spoilt(rng, ",".join(fields).encode()))


def json_row(rng: random.Random, names: list[str]) -> bytes:
    """A line of JSON, as a rule with something wrong."""
    pairs = [(name, f"{rng.gauss(0.0, 3.0):.4g}") for name in names]
    for _ in range(rng.choice((0, 0, 1, 2))):
        at = rng.randrange(len(pairs))
        pairs[at] = (pairs[at][0], rng.choice(JSON_VALUES))
    kind = rng.randrange(20)
    if kind == 0:
        del pairs[rng.randrange(len(pairs))]
    elif kind == 1:
        pairs.append((rng.choice(names), "2"))
    elif kind == 2:
        pairs.append((f"new{rng.randrange(5)}", "3"))
    line = "{" + ", ".join(f'"{name}": {value}' for name, value in pairs) + "}"
    if kind == 3:
        line = rng.choice(("[1]", "1", "null", '"x"', "{", "}", "{}", "[" * 3000, line * 2))
    return _ended(rng, _spoilt(rng, line.encode()))


def _spoilt(rng: random.Random, line: bytes) -> bytes:
    """Now and then, some bytes of a line are others, doubled or gone."""
    kind = rng.randrange(12)
    if not line or kind > 3:
        return line
    at = rng.randrange(len(line))
    if kind == 0:
        return line[:at]
    if kind == 1:
        return line[:at] + rng.choice(BYTES) + line[at:]
    if kind == 2:
        return line[:at] + bytes([line[at] ^ 1 << rng.randrange(8)]) + line[at + 1 :]
    return line[:at] + line[at : at + 8] * rng.randrange(1, 40) + line[at + 8 :]


def _ended(rng: random.Random, line: bytes) -> bytes:
    return line + (b"\r\n" if rng.randrange(10) == 0 else b"\n")


def model_bytes(rng: random.Random, content: bytes) -> bytes:
    """A model file cut, with bits turned over, or with another header."""
    kind = rng.randrange(6)
    if kind == 0:
        return content[: rng.randrange(len(content))]
    if kind == 1:
        at = rng.randrange(len(content))
        return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
    if kind == 2:
        size = rng.choice((0, 1, 2**63, 2**64 - 1, len(content), len(content) - 8, 2**32))
        return size.to_bytes(8, "little") + content[8:]
    if kind == 3:
        at, to = sorted(rng.randrange(len(content)) for _ in range(2))
        return content[:at] + content[to:]
    if kind == 4:
        at = rng.randrange(len(content))
        return content[:at] + rng.randbytes(rng.randrange(1, 64)) + content[at:]
    return rng.randbytes(rng.randrange(200)) + content[: rng.randrange(200)]


def forged(rng: random.Random, document: dict) -> dict:
    """The JSON of a model file with some value in it changed, however deep it lies."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.choice((1, 1, 1, 3))):
        parent, key = _somewhere(rng, document)
        if rng.randrange(5) == 0 and isinstance(parent, dict):
            del parent[key]
        else:
            parent[key] = rng.choice(
                (0, 1, -1, 2**31, 2**63, 10**30, 1e308, float("nan"), 0.5, None, True, "", "x", [],
                 {}, [[]], {"a": 1}, "lstm", [10**9] * 3, "float64")
            )  # fmt: skip
        if not document:
            break
    return document


def _somewhere(rng: random.Random, document: dict) -> tuple:
    """A place in a document: what holds it, and its key there."""
    parent, key = document, rng.choice(list(document))
    while isinstance(parent[key], (dict, list)) and parent[key] and rng.randrange(8):
        parent = parent[key]
        key = rng.choice(list(parent)) if isinstance(parent, dict) else rng.randrange(len(parent))
    return parent, key
