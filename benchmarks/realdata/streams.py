"""The streams: which there are, what is forecast in them, and which half they belong to.

The rule, fixed before anything was measured: every data set of river.datasets,
river.drift.datasets, statsmodels.datasets, sklearn.datasets and vega_datasets that lies inside the
package, has a time column or a documented order in time, and has at least 1,000 rows. (River's
shuttle, segment, yeast, phishing and banana have none; sklearn ships none.) Their names in
alphabetical order take turns: the first is for choosing defaults, the second for the report, and
so on. examples/nyc_taxi.csv and everything generated are for choosing.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.realdata import generated

Rows = list[dict[str, Any]]
TAXI = Path(__file__).parents[2] / "examples" / "nyc_taxi.csv"


@dataclass(frozen=True)
class Stream:
    """What is forecast.

    Attributes:
        name: data set, and what of it is forecast.
        read: gives the rows.
        target, time: columns; time may be None.
        horizon: rows ahead; 0: a row's target from its other columns.
        season: rows, which the methods that need one are told; 0: none. Ours is told nothing.
        task: what is forecast: see `Schema`.
    """

    name: str
    read: Callable[[], Rows]
    target: str
    horizon: int
    time: str | None = None
    season: int = 0
    task: str = "regression"

    @property
    def data(self) -> str:
        """The data set."""
        return self.name.split(":")[0]

    @property
    def half(self) -> str:
        """choose or report."""
        return "report" if self.data in REPORT else "choose"


def shipped(package: str, path: str) -> Callable[[], Rows]:
    """A reader of a CSV file inside a package."""

    def read() -> Rows:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise SystemExit(f"the data set lies in {package}, which is not installed")
        return read_csv(Path(spec.submodule_search_locations[0]) / path)

    return read


def read_csv(path: Path) -> Rows:
    """The rows of a CSV file, plain or gzip; empty cells are None."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    rows = csv.DictReader(text.splitlines())
    return [{name: value or None for name, value in row.items()} for row in rows]


def _co2() -> Rows:
    rows = shipped("statsmodels", "datasets/co2/co2.csv")()
    for row in rows:
        date = row["date"]
        row["date"] = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return rows


def _direction() -> Rows:
    """Whether the next day's return is above 0."""
    rows = shipped("river", "datasets/sp500.csv.gz")()
    for row in rows:
        row["up"] = "up" if float(row.pop("next_day_return")) > 0 else "down"
    return rows


def _brent() -> Rows:
    """Its dates as they are read everywhere."""
    rows = shipped("river", "drift/datasets/brent_crude_oil.csv")()
    for row in rows:
        month, day, year = row["day"].split("/")
        row["day"] = f"{year}-{month:0>2}-{day:0>2}"
    return rows


def _trump() -> Rows:
    """Its ordinal number of the day is a date."""
    rows = shipped("river", "datasets/trump_approval.csv.gz")()
    for row in rows:
        row.pop("ordinal_date")
    return rows


_apple = shipped("river", "drift/datasets/apple.csv")
_water = shipped("river", "datasets/water-flow.csv")
_sp500 = shipped("river", "datasets/sp500.csv.gz")
_seattle = shipped("vega_datasets", "_data/seattle-temps.csv")
_weather = shipped("vega_datasets", "_data/seattle-weather.csv")
_sf = shipped("vega_datasets", "_data/sf-temps.csv")
_FLOW = "Water flow [l/s]"

REAL = [
    Stream("apple:close+1", _apple, "Close", 1, "Date"),
    Stream("apple:volume+1", _apple, "Volume", 1, "Date"),
    Stream("brent_crude_oil:+1", _brent, "DPB", 1, "day"),
    Stream("brent_crude_oil:+5", _brent, "DPB", 5, "day"),
    Stream("co2:+1", _co2, "co2", 1, "date", 52),
    Stream("co2:+13", _co2, "co2", 13, "date", 52),
    Stream("seattle_temps:+1", _seattle, "temp", 1, "date", 24),
    Stream("seattle_temps:+24", _seattle, "temp", 24, "date", 24),
    Stream("seattle_weather:temp_max+1", _weather, "temp_max", 1, "date"),
    Stream("seattle_weather:weather", _weather, "weather", 0, "date", 0, "multiclass"),
    Stream("seattle_weather:weather+1", _weather, "weather", 1, "date", 0, "multiclass"),
    Stream("sf_temps:+1", _sf, "temp", 1, "date", 24),
    Stream("sf_temps:+24", _sf, "temp", 24, "date", 24),
    Stream("sp500:return", _sp500, "next_day_return", 0, "date"),
    Stream("sp500:up", _direction, "up", 0, "date", 0, "binary"),
    Stream("trump_approval:", _trump, "five_thirty_eight", 0),
    Stream("water_flow:+1", _water, _FLOW, 1, "Time", 24),
    Stream("water_flow:+24", _water, _FLOW, 24, "Time", 24),
]
REPORT = sorted({stream.data for stream in REAL})[1::2]

TAXIS = [
    Stream("nyc_taxi:+5", lambda: read_csv(TAXI), "value", 5, "timestamp", 48),
    Stream("nyc_taxi:+48", lambda: read_csv(TAXI), "value", 48, "timestamp", 48),
]

GENERATED = [
    Stream("gen_delayed_xor:", generated.delayed_xor, "y", 0, task="binary"),
    Stream("gen_friedman_drift:", generated.friedman_drift, "y", 0),
    Stream("gen_mackey_glass:+6", generated.mackey_glass, "y", 6),
    Stream("gen_random_walk:+1", generated.random_walk, "y", 1),
    Stream("gen_sea_drift:", generated.sea_drift, "y", 0, task="binary"),
    Stream("gen_season_shifts:+1", generated.season_shifts, "y", 1, season=24),
    Stream("gen_season_shifts:+12", generated.season_shifts, "y", 12, season=24),
    Stream("gen_waveform:", generated.waveform, "y", 0, task="multiclass"),
]

STREAMS = {stream.name: stream for stream in [*REAL, *TAXIS, *GENERATED]}


def stream_of_file(path: str, target: str, horizon: int, time: str | None) -> Stream:
    """A stream of the user's own."""
    name = f"{Path(path).stem}:{target}+{horizon}"
    found = Stream(name, lambda: read_csv(Path(path)), target, horizon, time)
    values = [row[target] for row in found.read()[:1000]]
    return found if all(map(_is_number, values)) else Stream(
        name, found.read, target, horizon, time, task="multiclass"
    )  # fmt: skip


def _is_number(value: str | None) -> bool:
    try:
        return value is None or math.isfinite(float(value))
    except ValueError:
        return False
