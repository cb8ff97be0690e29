"""What has been measured: an entry for each row and setting, in a file of JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .learning import weights_of
from .rows import Row, Setting

Entry = dict[str, Any]
Key = tuple[int, str, str, str, int]  # table, row, part, setting, cap
# Of the trials that succeeded, in the order of `numbers`.
COLUMNS = ("numbers", "sequences", "before", "ST1", "wrong", "off")


class Results:
    """Trials so far; with a path they are kept there, and are there again in the next run.

    An entry is {table, row, part, setting, weights, published, cap, trials, success, sequences: [],
    numbers: [], failed: [], before: [], ST1: [], wrong: [], off: [], seconds, curve: [[seen,
    error]]}.
    `sequences` and what else is a list has a number for each trial that succeeded; `numbers` says
    which those were, and `failed` which were given up at the cap. `before` is how many sequences
    came before those, of a net to which its cells were added. `curve` is of the first trial.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.entries: dict[Key, Entry] = {}
        if path is not None and path.exists():
            for entry in json.loads(path.read_text()):
                self.entries[_key(entry)] = entry

    def has(self, row: Row, setting: Setting, cap: int, number: int) -> bool:
        """Whether a trial was run already."""
        entry = self.entries.get((row.table, row.name, setting.part, setting.name, cap))
        return entry is not None and number in (*entry["numbers"], *entry["failed"])

    def add(self, row: Row, setting: Setting, cap: int, number: int, found: Entry) -> None:
        """Keep a finished trial."""
        key = (row.table, row.name, setting.part, setting.name, cap)
        entry = self.entries.setdefault(key, _new(row, setting, cap))
        if found["success"]:
            at = sum(other < number for other in entry["numbers"])
            values = {**found, "numbers": number}
            for name in COLUMNS:
                if name in values:
                    entry[name].insert(at, values[name])
        else:
            entry["failed"] = sorted([*entry["failed"], number])
        if "curve" in found and number == min(*entry["numbers"], *entry["failed"], number):
            entry["curve"] = found["curve"]
        entry["trials"] = len(entry["numbers"]) + len(entry["failed"])
        entry["success"] = round(len(entry["numbers"]) / entry["trials"], 3)
        entry["seconds"] = round(entry["seconds"] + found["seconds"], 1)
        if self.path is not None:
            part = self.path.with_suffix(".part")
            part.write_text(self.text())
            part.replace(self.path)

    def text(self) -> str:
        """A line for each entry."""
        return "[\n" + ",\n".join(json.dumps(entry) for entry in self.entries.values()) + "\n]\n"

    def of(self, tables: set[int]) -> list[Entry]:
        """Of some tables."""
        return [entry for entry in self.entries.values() if entry["table"] in tables]


def _key(entry: Entry) -> Key:
    return entry["table"], entry["row"], entry["part"], entry["setting"], entry["cap"]


def _new(row: Row, setting: Setting, cap: int) -> Entry:
    return {
        "table": row.table,
        "row": row.name,
        "part": setting.part,
        "setting": setting.name,
        "weights": weights_of(setting.net, row.task),
        "published": row.published,
        "cap": cap,
        "trials": 0,
        "success": 0.0,
        **{name: list[Any]() for name in (*COLUMNS, "failed")},
        "seconds": 0.0,
    }
