"""Time stamps as texts and numbers, the interval between rows, and the calendar inputs."""

import json
import math
from datetime import date, datetime, timedelta, timezone
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtrl_lstm.table.timestamps import CALENDAR, Clock, calendar_inputs, read_seconds
from rtrl_lstm.table.values import BadRow, SchemaError

HALF_PAST = datetime(2014, 7, 1, 0, 30)


def seconds(moment):
    return (moment - datetime(1970, 1, 1)).total_seconds()


@pytest.mark.parametrize(
    "raw",
    [
        "2014-07-01 00:30:00",
        "2014-07-01 00:30",
        "2014-07-01T00:30:00",
        " 2014-07-01T00:30:00.000 ",
        "2014-07-01T00:30:00Z",
        "2014-07-01T00:30:00+02:00",
        "20140701T003000",
        "1404174600",
        "1404174600.0",
        "1404174600000",
        1404174600,
        1404174600.0,
        1404174600000,
        1404174600000000,
        1404174600000000000,
        "2014/07/01 00:30",
        "2014/7/1 0:30:00",
        "01/07/2014 00:30",
        "01.07.2014 00:30:00",
        "1-7-2014, 0:30",
        "1/7/14 12:30 AM",
        "01/07/2014 12:30:00 a.m.",
        "1 July 2014 00:30",
        "01-Jul-14 0:30",
        "Jul 1, 2014, 12:30 AM",
        "2014-07-01 00:30:00 UTC",
        "2014-07-01 00:30:00 +0200",
        "Tue, 01 Jul 2014 00:30:00 GMT",
        "Tuesday 1 July 2014 00:30",
        "1/7/2014 12:30 AM Z",
        "2014-07-01 12:30:00 AM",
        "2014-7-1 0:30",
        "01/Jul/2014:00:30:00 +0200",
        "Tue Jul  1 00:30:00 2014",
        "Tue Jul 01 00:30:00 +0000 2014",
        "Tue Jul 1 00:30:00 CEST 2014",
        "20140701 0030",
        "201407010030",
        "20140701003000",
        201407010030,
        20140701003000,
        HALF_PAST,
        datetime(2014, 7, 1, 0, 30, tzinfo=timezone(timedelta(hours=9))),
    ],
)
def test_the_same_moment_in_many_forms(raw):
    assert read_seconds(raw) == seconds(HALF_PAST)


@pytest.mark.parametrize("raw", ["2014-07-01", "20140701", 20140701, date(2014, 7, 1), "1/7/2014",
                                 "July 1 2014", "2014-7-1", "2014070100", 2014070100,
                                 "1-JUL-2014", "2014-07"])  # fmt: skip
def test_a_day_alone_is_its_midnight(raw):
    assert read_seconds(raw) == seconds(datetime(2014, 7, 1))


@pytest.mark.parametrize(
    "raw",
    ["2014-07-01 00:30 - 2014-07-01 00:45", "01.07.2014 00:30 - 01.07.2014 00:45",
     "01.07.2014 00:30 - 00:45", "1 Jul 2014 00:30:00 – 01:30:00", "2014-07-01 00:30 to 00:45",
     "01/07/2014 00:30:00 - 01/07/2014 00:45:00 (CET)"],
)  # fmt: skip
def test_of_an_interval_it_is_the_beginning(raw):
    assert read_seconds(raw) == seconds(HALF_PAST)
    with pytest.raises(ValueError, match="unknown format"):
        read_seconds("1:00 " * 100_000)


@pytest.mark.parametrize("raw", ["2014-07", "Jul 2014", "July 2014", "Jul-2014", "jul. 2014"])
def test_a_month_alone_is_its_first_day(raw):
    assert read_seconds(raw) == seconds(datetime(2014, 7, 1))


def test_fractions_of_a_second_count():
    assert read_seconds("2014-07-01 00:30:00.25") == seconds(HALF_PAST) + 0.25


@pytest.mark.parametrize(
    ("day", "of_day"),
    [("01/07/2014", "00:30:00"), ("2014-07-01", " 00.30.00"), ("01-Jul-14", "12:30 AM"),
     ("2014-07-01 00:30", None), ("2014-07-01 00:30", "")],
)  # fmt: skip
def test_a_time_of_day_in_a_column_of_its_own(day, of_day):
    clock = Clock("d", "t")
    clock = Clock.from_json(json.loads(json.dumps(clock.to_json())))
    assert clock.read({"d": day, "t": of_day}).seconds == seconds(HALF_PAST)
    with pytest.raises(BadRow, match="no time stamp"):
        clock.read({"d": None, "t": "00:30"})


@pytest.mark.parametrize(
    "raw",
    ["yesterday", "2014-13-01", "32/01/2014", "13/13/2014", "1/7/2014 25:00", "1/7/2014 13:00 PM",
     "2014-07-01 00:60", "2014-7/1", "Jul 32 00:30:00 2014", "Jul 1 2014 00:30:00 2014",
     "1/7-2014", "1 Ju 2014", "Mai 1, 2014", "2014-13", "inf", "1e300", [], {},
     "UTC", "Mon", "1404174600 UTC", "Tue " * 9, "2014-07-01 UTC UTC", "2014-07-01 00:30 EST"],
)  # fmt: skip
def test_what_is_no_time_stamp(raw):
    fresh, running = Clock("t"), Clock("t")
    with pytest.raises(SchemaError, match="'t'"):
        fresh.parse(raw)
    running.commit(running.parse("2014-07-01"))
    with pytest.raises(BadRow, match="'t'"):
        running.parse(raw)


@pytest.mark.parametrize("raw", [None, "", " ", "NaN", float("nan"), "NA"])
def test_a_missing_stamp_is_a_bad_row_even_at_first(raw):
    with pytest.raises(BadRow, match="no time stamp"):
        Clock("t").parse(raw)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_iso_text_and_datetime_agree_to_the_microsecond(moment):
    assert read_seconds(moment.isoformat(sep=" ")) == read_seconds(moment)
    assert read_seconds(moment) == seconds(moment)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_calendar_inputs_are_those_of_datetime(moment):
    named = dict(zip(CALENDAR, calendar_inputs(seconds(moment)), strict=True))
    flags = list(named.values())[4:]
    assert flags == [float(day == moment.weekday()) for day in range(7)]
    midnight = datetime(moment.year, moment.month, moment.day)
    angle = math.tau * (moment - midnight).total_seconds() / 86400
    assert named["sin day"] == pytest.approx(math.sin(angle), abs=1e-9)
    assert named["cos day"] == pytest.approx(math.cos(angle), abs=1e-9)
    assert named["sin half day"] == pytest.approx(math.sin(2 * angle), abs=1e-9)
    assert named["cos half day"] == pytest.approx(math.cos(2 * angle), abs=1e-9)


@pytest.mark.parametrize("make", [str, float, lambda days: f" {days:.4f}"])
def test_days_of_a_spreadsheet(make):
    clock = Clock("t")
    for hour in range(48):
        moment = datetime(2023, 1, 1) + timedelta(hours=hour)
        found = clock.parse(make(44927 + hour / 24))
        assert abs(clock.commit(found) - seconds(moment)) < 5
    assert abs(clock.interval - 3600) < 10
    again = Clock.from_json(json.loads(json.dumps(clock.to_json())))
    assert again.parse(44929).seconds == seconds(datetime(2023, 1, 3))


@pytest.mark.parametrize("make", [str, float, lambda year: f" {year:.4f}"])
def test_years(make):
    clock = Clock("t")
    for month in range(36):
        found = clock.parse(make(1958 + month / 12))
        clock.commit(found)
        assert abs(found.seconds - seconds(datetime(1958, 1, 1)) - month * 365.25 * 7200) < 86400
    assert abs(clock.interval - 365 * 7200) < 7201
    again = Clock.from_json(json.loads(json.dumps(clock.to_json())))
    assert again.parse(1961).seconds == seconds(datetime(1961, 1, 1))
    assert again.parse("1960.5").seconds == seconds(datetime(1960, 7, 2))  # a leap year


def test_years_that_follow_each_other_leave_no_gap():
    clock = Clock("t")
    for year in range(1700, 2009):
        stamp = clock.parse(str(year))
        assert clock.missing(stamp) == 0
        clock.commit(stamp)
    assert clock.missing(clock.parse("2012")) == 3
    with pytest.raises(BadRow):
        clock.parse("2_012")


@pytest.mark.parametrize(
    "first", ["0", "1499", "2201", "25568", "73050.5", "1404174600", "2014-07-01", "20140701"]
)
def test_what_begins_as_another_number_is_no_such_day(first):
    clock = Clock("t")
    assert clock.commit(clock.parse(first)) == read_seconds(first)
    assert clock.parse("30000").seconds == 30000.0


@given(st.lists(st.integers(-3, 5), max_size=60))
def test_the_interval_is_the_median_of_the_last_15_positive_differences(differences):
    clock, now = Clock("t"), 1e9
    clock.commit(clock.parse(now))
    for k, difference in enumerate(differences):
        now += difference
        clock.commit(clock.parse(now))
        positive = [float(d) for d in differences[: k + 1] if d > 0][-15:]
        assert clock.interval == (median(positive) if positive else 0.0)
        assert clock.ahead(4) == calendar_inputs(now + 4 * clock.interval)
        clock = Clock.from_json(json.loads(json.dumps(clock.to_json())))


@pytest.mark.parametrize("unit", ["D", "h", "s", "ms", "us", "ns"])
def test_numpys_time_stamps(unit):
    raw = np.datetime64("2014-07-01T03", unit)
    moment = datetime(2014, 7, 1, 0 if unit == "D" else 3)
    assert read_seconds(raw) == seconds(moment)


class NotATime(datetime):
    """As pandas has it: a datetime of which every difference is no number."""

    def replace(self, **changes):
        return self

    def __sub__(self, other):
        return self

    def total_seconds(self):
        return math.nan

    def __str__(self):
        return "NaT"


@pytest.mark.parametrize(
    "raw", [np.datetime64("NaT"), NotATime(2000, 1, 1)], ids=["numpy", "pandas"]
)
def test_no_time(raw):
    with pytest.raises(BadRow, match="there is no time stamp"):
        Clock("t").parse(raw)


@pytest.mark.parametrize(
    ("left_out", "steps"), [({5, 6}, (1, 3, 5, 11)), ({6}, (1, 6, 8)), (set(), (1, 7, 9))]
)
def test_of_a_row_a_day_the_calendar_knows_which_days_are_left_out(left_out, steps):
    days = [d for d in range(200) if (d + 3) % 7 not in left_out]  # day 0 was a Thursday
    days.remove(40)  # a holiday
    if left_out:
        days = sorted([*days, 100 + (max(left_out) - 3 - 100) % 7])  # once there was a row
    clock = Clock("t")
    for place, day in enumerate(days[: -max(steps)]):
        clock.commit(clock.parse(86400 * day))
        coming = [d for d in range(day + 1, 220) if (d + 3) % 7 not in left_out]
        for rows in steps:
            expected = coming[rows - 1] if place >= 15 else day + rows * (clock.interval // 86400)
            assert clock.ahead(rows) == calendar_inputs(86400.0 * expected)
    saved = Clock.from_json(json.loads(json.dumps(clock.to_json())))
    assert saved.ahead(5) == clock.ahead(5)
