"""Whether the day or the month comes first in dates: said or found out, and never both."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from command_line import run
from hypothesis import given
from hypothesis import strategies as st

import rtrl_lstm as rl
from rtrl_lstm.table.schema import BadRow, Schema
from rtrl_lstm.table.timestamps import EPOCH, Clock

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
US, EUROPE = "{0.month}/{0.day}/{0.year} {0.hour}:00", "{0.day}/{0.month}/{0.year} {0.hour}:00"


def seconds(moment: datetime) -> float:
    return (moment - EPOCH).total_seconds()


def stamps(form: str, begin: datetime, step: timedelta, count: int) -> list[str]:
    return [form.format(begin + k * step) for k in range(count)]


def through_json(clock: Clock) -> Clock:
    return Clock.from_json(json.loads(json.dumps(clock.to_json())))


def read_all(clock: Clock, raws: list[str]) -> list[float]:
    """Seconds of stamps, the clock being saved and restored before each."""
    found = []
    for raw in raws:
        clock = through_json(clock)
        found.append(clock.commit(clock.parse(raw)))
    return found


def test_the_day_until_a_stamp_can_only_have_the_month_first():
    said = read_all(Clock("t"), ["02/01/2014", "01/13/2014", "02/01/2014"])
    assert said == [seconds(datetime(2014, *day)) for day in ((1, 2), (1, 13), (2, 1))]


def test_steps_show_it_as_well():
    """An hour after 23 others is an hour if the month comes first, and 28 days if the day does."""
    begin = datetime(2020, 2, 3)
    for form, wrong in ((US, 24), (EUROPE, 0)):
        said = read_all(Clock("t"), stamps(form, begin, HOUR, 60))
        right = [seconds(begin + k * HOUR) for k in range(60)]
        assert said[wrong:] == right[wrong:]
        assert all(one != other for one, other in zip(said[:wrong], right, strict=False))


@given(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)), st.integers(1, 24 * 40),
       st.sampled_from([US, EUROPE]))  # fmt: skip
def test_regular_stamps_never_show_the_wrong_order(begin, hours, form):
    begin = begin.replace(minute=0, second=0, microsecond=0)
    clock = Clock("t")
    for raw in stamps(form, begin, hours * HOUR, 60):
        clock.commit(clock.parse(raw))
    assert clock.to_json()["dates"]["first"] in ("month-first" if form is US else "day-first", None)


def test_whole_months_are_a_step_like_any_other():
    for form, first in ((US, "month-first"), (EUROPE, "day-first")):
        clock = Clock("t")
        months = [datetime(2019 + k // 12, 1 + k % 12, 1) for k in range(15)]
        for k, month in enumerate(months):
            assert clock.to_json()["dates"]["first"] == (None if k < 13 else first)
            clock.commit(clock.parse(form.format(month)))


def test_where_the_month_is_found_to_be_first_nothing_jumps():
    """The stamp before is put right, and so no gap is seen and the interval is a day."""
    clock = Clock("t")
    raws = stamps(US, datetime(2020, 1, 1), DAY, 20)
    for k, raw in enumerate(raws):
        stamp = clock.parse(raw)
        assert clock.missing(stamp) == 0
        clock.commit(stamp)
        if k == 12:
            assert clock.interval == DAY.total_seconds()
    dates = clock.to_json()["dates"]
    assert (dates["first"], dates["turned"], dates["unsure"]) == ("month-first", 11, 0)


@pytest.mark.parametrize(
    ("said", "fits", "other"),
    [("day-first", "13/1/2020", "1/13/2020"), ("month-first", "1/13/2020", "13/1/2020")],
)
def test_an_order_that_is_known_is_kept(said, fits, other):
    found = Clock("t")
    found.commit(found.parse(fits))
    for clock in (Clock("t", None, said), through_json(found)):
        for known in (clock, through_json(clock)):
            assert known.parse(fits).seconds == seconds(datetime(2020, 1, 13))
            with pytest.raises(BadRow, match=f"'{other}' is no date with the {said[:3]}"):
                known.parse(other)


def test_a_row_that_is_bad_for_another_reason_shows_nothing():
    schema = Schema("y", time="t", task="regression")
    schema.read({"t": "1/2/2020", "y": 1.0})
    before = schema.to_json()
    with pytest.raises(BadRow):
        schema.read({"t": "1/13/2020", "y": "much"})
    assert schema.to_json() == before


def test_filled_rows_are_on_the_way():
    rows = [{"t": raw, "y": k} for k, raw in enumerate(stamps(US, datetime(2020, 1, 9), DAY, 9))]
    del rows[6]
    schema = Schema("y", time="t", dates="month-first", gaps="fill")
    readings = [schema.read(row) for row in rows]
    assert [len(reading.before) for reading in readings] == [0] * 6 + [1, 0]
    assert readings[6].before[0].seconds == seconds(datetime(2020, 1, 15))


@pytest.mark.parametrize("arguments", [{"dates": "month"}, {"dates": "day-first", "time": None}])
def test_what_cannot_be_said(arguments):
    with pytest.raises(ValueError, match="dates"):
        Schema("y", **{"time": "t", **arguments})


def _rows(form: str, step: timedelta = DAY, count: int = 60) -> list[str]:
    days = stamps(form, datetime(2020, 1, 1), step, count)
    return [f"{day},{k % 7}" for k, day in enumerate(days)]


def _forecasts(folder: Path, rows: list[str], *options: str) -> tuple[str, str]:
    (folder / "rows.csv").write_text("\n".join(["day,y", *rows]) + "\n")
    done = run("learn", "rows.csv", "--target", "y", "--predictions", "p.csv", *options, cwd=folder)
    return (folder / "p.csv").read_text(), done.stderr


def test_a_file_is_looked_at_first(tmp_path: Path) -> None:
    said, notes = _forecasts(tmp_path, _rows(US))
    assert "--dates" not in notes
    iso = _forecasts(tmp_path, _rows("{0:%Y-%m-%d}"))[0]
    assert said == iso == _forecasts(tmp_path, _rows(EUROPE))[0]
    wrong = _forecasts(tmp_path, _rows(US), "--dates", "day-first", "--on-bad-row", "skip-all")
    assert wrong[0] != iso
    assert "'1/13/2020 0:00' is no date with the day first" in wrong[1]


def test_what_a_file_leaves_open_is_said(tmp_path: Path) -> None:
    said, notes = _forecasts(tmp_path, _rows(US, count=9))
    assert "such as '1/2/2020 0:00' were read month first, as they are closer together" in notes
    assert "--dates day-first says otherwise" in notes
    assert said == _forecasts(tmp_path, _rows("{0:%Y-%m-%d}", count=9))[0]
    said, notes = _forecasts(tmp_path, _rows(US, count=9), "--dates", "month-first")
    assert "--dates" not in notes
    said, notes = _forecasts(tmp_path, _rows("{0.day:02d}.{0.month:02d}.{0.year}", count=9))
    assert "--dates" not in notes
    months = [f"01.{month:02d}.2020,{month % 5}" for month in range(1, 13)]
    one, other = (_forecasts(tmp_path, months, "--dates", said) for said in ("auto", "day-first"))
    assert one[0] == other[0]
    (row,) = _rows("3/4/2020", count=1)
    assert "were read day first: --dates month-first" in _forecasts(tmp_path, [row])[1]


def test_a_pipe_tells_what_it_took_them_for(tmp_path: Path) -> None:
    piped = ("learn", "--target", "y", "--time", "day")
    for count, note in (
        (9, "dates in 'day' were read day first, which may be wrong: --dates month-first"),
        (40, "11 dates in 'day' had been read day first when one showed that the month is"),
    ):
        text = "\n".join(["day,y", *_rows(US, count=count)]) + "\n"
        assert note in run(*piped, stdin=text, cwd=tmp_path).stderr
        assert note not in run(*piped, "--dates", "month-first", stdin=text, cwd=tmp_path).stderr


def test_the_model_keeps_the_order(tmp_path: Path) -> None:
    """A day after the end of January, read in another way, would be a gap of months."""
    rows, later = _rows(US, count=62)[:31], _rows(US, count=62)[31:]
    _forecasts(tmp_path, rows, "--model", "m.rtrl")
    assert rl.load(tmp_path / "m.rtrl").schema.arguments["dates"] == "month-first"
    assert re.search("dates +month-first", run("inspect", "m.rtrl", cwd=tmp_path).stdout)
    (tmp_path / "later.csv").write_text("\n".join(["day,y", *later[:9]]) + "\n")
    run("export", "m.rtrl", "m.onnx", cwd=tmp_path)
    iso = _rows("{0:%Y-%m-%d}", count=62)[31:][:9]
    (tmp_path / "iso.csv").write_text("\n".join(["day,y", *iso]) + "\n")
    for command in (("predict", "m.rtrl"), ("infer", "m.onnx")):
        one, other = (
            run(*command, f"{name}.csv", cwd=tmp_path).stdout for name in ("later", "iso")
        )
        assert one == other
    resume = ("learn", "rows.csv", "--model", "m.rtrl", "--resume", "--dates")
    run(*resume, "month-first", cwd=tmp_path)
    done = run(*resume, "day-first", cwd=tmp_path, code=1)
    assert "was made with --dates month-first, not day-first" in done.stderr
