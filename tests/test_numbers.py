"""Reported numbers keep what their digits say: value, rounding, unit, and whether they are meant."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timing import takes_less_than

from registry.card import Claim
from registry.numbers import Unit, numbers_in, plain_characters, read_number


@pytest.mark.parametrize(
    ("text", "value", "half_width", "decimals", "unit"),
    [
        ("85%", 0.85, 0.005, 0, "percent"),
        ("92.68%", 0.9268, 0.00005, 2, "percent"),
        ("92.68 %", 0.9268, 0.00005, 2, "percent"),
        ("0.85", 0.85, 0.005, 2, "fraction"),
        ("0.8500", 0.85, 0.00005, 4, "fraction"),
        ("0,85", 0.85, 0.005, 2, "fraction"),
        ("92,68%", 0.9268, 0.00005, 2, "percent"),
        (".85", 0.85, 0.005, 2, "fraction"),
        ("1", 1.0, 0.5, 0, "fraction"),
        ("5", 5.0, 0.5, 0, "raw"),
        ("1,250", 1250.0, 0.5, 0, "raw"),
        ("1,234,567.8", 1234567.8, 0.05, 1, "raw"),
        ("0,125", 0.125, 0.0005, 3, "fraction"),
        ("2e-4", 2e-4, 0.5e-4, 0, "fraction"),
        ("1.50E3", 1500.0, 5.0, 2, "raw"),
        ("-0.12", -0.12, 0.005, 2, "raw"),
        ("+3.5", 3.5, 0.05, 1, "raw"),
        ("150%", 1.5, 0.005, 0, "percent"),
        ("90 percent", 0.9, 0.005, 0, "percent"),
        ("e.g., 89.20%", 0.892, 0.00005, 2, "percent"),
        # A comma before other than three digits is a decimal one.
        ("1,2345", 1.2345, 0.00005, 4, "raw"),
        ("1,0000", 1.0, 0.00005, 4, "fraction"),
        ("92,6834%", 0.926834, 5e-7, 4, "percent"),
        ("1,2345 h", 1.2345, 0.00005, 4, "h"),
        # Characters beside ASCII that mean the same.
        ("\u22120.12", -0.12, 0.005, 2, "raw"),
        ("85\uff05", 0.85, 0.005, 0, "percent"),
        ("\uff11\uff12\uff0e\uff15\uff05", 0.125, 0.0005, 1, "percent"),
        ("2\u00bd h", 2.5, 0.05, 1, "h"),
        ("85%\u00b9", 0.85, 0.005, 0, "percent"),
        ("Accuracy \u2014 92%", 0.92, 0.005, 0, "percent"),
        # Powers of ten.
        ("2e\u22125", 2e-5, 0.5e-5, 0, "fraction"),
        ("1.2×10⁻³", 0.0012, 0.00005, 1, "fraction"),
        ("1.2 x 10^-3", 0.0012, 0.00005, 1, "fraction"),
        ("1.2*10**-3", 0.0012, 0.00005, 1, "fraction"),
        ("10⁻³", 0.001, 0.0005, 0, "fraction"),
        ("1.2·10³ kg", 1200, 50, 1, "kg"),
    ],
)
def test_a_number_is_read_with_its_rounding(
    text: str, value: float, half_width: float, decimals: int, unit: str
) -> None:
    number = read_number(text)
    assert (number.value, number.decimals, number.unit) == (value, decimals, unit)
    assert number.half_width == pytest.approx(half_width, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "value", "half_width", "decimals", "unit"),
    [
        ("~45 kg CO2eq", 45, 0.5, 0, "kg"),
        ("45 kgCO2eq", 45, 0.5, 0, "kg"),
        ("450 g CO2eq", 450, 0.5, 0, "g"),
        ("450gCO₂", 450, 0.5, 0, "g"),
        ("1.2 tonnes of CO2", 1.2, 0.05, 1, "t"),
        ("5 hours", 5, 0.5, 0, "h"),
        ("5h", 5, 0.5, 0, "h"),
        ("~5 h", 5, 0.5, 0, "h"),
        ("a 5-hour run", 5, 0.5, 0, "h"),
        ("1,5 Hours", 1.5, 0.05, 1, "h"),
        ("30 min", 30, 0.5, 0, "min"),
        ("0.16 s", 0.16, 0.005, 2, "s"),
        ("around 0.3 s a review", 0.3, 0.05, 1, "s"),
        ("12 seconds per example", 12, 0.5, 0, "s"),
        ("160 ms", 160, 0.5, 0, "ms"),
        ("3 days", 3, 0.5, 0, "days"),
        ("2 weeks", 2, 0.5, 0, "weeks"),
        ("1.5e3 s", 1500, 50, 1, "s"),
        # No units: a capital letter, a word that only begins like one, one that does not follow the number.
        ("5 T", 5, 0.5, 0, "raw"),
        ("5 training runs", 5, 0.5, 0, "raw"),
        ("5 shots", 5, 0.5, 0, "raw"),
        ("CO2 in kg: 45", 45, 0.5, 0, "raw"),
    ],
)
def test_a_unit_that_follows_the_number_is_read(
    text: str, value: float, half_width: float, decimals: int, unit: str
) -> None:
    number = read_number(text)
    assert (number.value, number.decimals, number.unit) == (value, decimals, unit)
    assert number.half_width == pytest.approx(half_width, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "value", "half_width", "decimals", "unit"),
    [
        ("4:32 h", 4 + 32 / 60, 0.5 / 60, 0, "h"),
        ("4:32h", 4 + 32 / 60, 0.5 / 60, 0, "h"),
        ("4:32 min", 4 + 32 / 60, 0.5 / 60, 0, "min"),
        ("0:45:10", 45 / 60 + 10 / 3600, 0.5 / 3600, 0, "h"),
        ("0:45:10 h", 45 / 60 + 10 / 3600, 0.5 / 3600, 0, "h"),
        ("1:07:41.78", 1 + 7 / 60 + 41.78 / 3600, 0.005 / 3600, 2, "h"),
        ("100:00:00", 100, 0.5 / 3600, 0, "h"),
        ("1 day, 2:03:04", 1 + (2 + 3 / 60 + 4 / 3600) / 24, 0.5 / 86400, 0, "days"),
        ("1h 23m", 1 + 23 / 60, 0.5 / 60, 0, "h"),
        ("1h23m", 1 + 23 / 60, 0.5 / 60, 0, "h"),
        ("1h30", 1.5, 0.5 / 60, 0, "h"),
        ("1 h 23 min 4 s", 1 + 23 / 60 + 4 / 3600, 0.5 / 3600, 0, "h"),
        ("about 5 hours and 30 minutes", 5.5, 0.5 / 60, 0, "h"),
        ("2 days, 3 hours", 2.125, 0.5 / 24, 0, "days"),
        ("43m 51.05s", 43 + 51.05 / 60, 0.005 / 60, 2, "min"),
    ],
)
def test_a_time_of_several_parts_is_one_number(
    text: str, value: float, half_width: float, decimals: int, unit: str
) -> None:
    number = read_number(text)
    assert (number.decimals, number.unit) == (decimals, unit)
    assert (number.value, number.half_width) == pytest.approx((value, half_width), rel=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4:32", "'4:32' may be hours or minutes; write `4:32 h` or `4:32 min`"),
        ("took 4:32.", "'4:32' may be hours or minutes; write `4:32 h` or `4:32 min`"),
        ("4:32 s", "'4:32' may be hours or minutes; write `4:32 h` or `4:32 min`"),
        ("4:75 h", "75 min in '4:75 h' is 60 or more; correct it"),
        ("4:75 min", "75 s in '4:75 min' is 60 or more; correct it"),
        ("1:02:60", "60 s in '1:02:60' is 60 or more; correct it"),
        ("1h 60m", "60 min in '1h 60m' is 60 or more; correct it"),
        ("1 d 24 h", "24 h in '1 d 24 h' is 24 or more; correct it"),
        ("1.5h 3m", "1.5 h in '1.5h 3m' has decimals, though a smaller unit follows; correct it"),
        ("1:02:03 min", "'1:02:03' is hours, minutes and seconds, not min; write it without a unit"),
        ("10 m", "'m' is no unit of one fixed size that is read here; write g, kg, t, s, min, h or days"),
        ("45 tons", "'tons' is no unit of one fixed size that is read here; write g, kg, t, s, min, h or days"),
        ("99 lbs CO2", "'lbs' is no unit of one fixed size that is read here; write g, kg, t, s, min, h or days"),
    ],
)
def test_a_time_or_unit_that_can_be_read_in_two_ways_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read_number(text)


@pytest.mark.parametrize(
    ("text", "unit", "value", "half_width"),
    [
        ("450 g", "kg", 0.45, 0.0005),
        ("1.2 t", "kg", 1200, 50),
        ("~45 kg", "kg", 45, 0.5),
        ("30 min", "h", 0.5, 0.5 / 60),
        ("0:45:10", "s", 2710, 0.5),
        ("2 days", "h", 48, 12),
        ("160 ms", "s", 0.16, 0.0005),
        # Without a unit it is taken to be in the one that is asked for.
        ("45", "kg", 45, 0.5),
        ("0.16", "s", 0.16, 0.005),
    ],
)
def test_a_number_is_told_in_another_unit(text: str, unit: Unit, value: float, half_width: float) -> None:
    number = read_number(text).to(unit)
    assert (number.text, number.unit) == (text, unit)
    assert (number.value, number.half_width) == pytest.approx((value, half_width), rel=1e-12)


@pytest.mark.parametrize(("text", "unit"), [("5 h", "kg"), ("45 kg", "h"), ("85%", "kg"), ("5 s", "fraction")])
def test_a_number_has_no_value_in_a_unit_of_another_quantity(text: str, unit: Unit) -> None:
    with pytest.raises(ValueError, match=f"{text!r} is in .*, not in {unit}"):
        read_number(text).to(unit)


def test_a_number_that_no_float_holds_in_the_other_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="too large a number"):
        read_number("1e308 t").to("g")


@pytest.mark.parametrize("text", ["~45 kg", "≈5 h", "about 5 hours", "approximately 5", "roughly 90%", "0.85 ± x"])
def test_a_number_that_says_so_is_approximate(text: str) -> None:
    assert read_number(text).approximate


@pytest.mark.parametrize("text", ["85%", "0.8500", "1,250", "e.g., 89.20%", "5 hours"])
def test_a_number_that_does_not_say_so_is_not_approximate(text: str) -> None:
    assert not read_number(text).approximate


@pytest.mark.parametrize(
    "text",
    ["e.g., 89.20%", "e.g. 0.9", "eg. 0.9", "for example 90%", "90% (TBD)", "0.XX", "85.XX%", "0.9xx", "e.g 90%",
     "eg 90", "for instance, 90%", "placeholder 85%", "0.9 TODO"],
)  # fmt: skip
def test_a_number_that_says_so_is_a_placeholder(text: str) -> None:
    assert read_number(text).placeholder


@pytest.mark.parametrize("text", ["85%", "~45 kg CO2eq", "leg. 3", "90% on the example set", "2.5x faster"])
def test_a_number_that_does_not_say_so_is_no_placeholder(text: str) -> None:
    assert not read_number(text).placeholder


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("high", 0), ("CO2", 0), ("%", 0), ("85% and 87%", 2), ("0.85 ± 0.01", 2), ("3-5", 2), ("80/20", 2),
     ("1:2:3:4", 4), ("30 min 5 h", 2), ("4:32 h on 8 GPUs", 2), ("1h 5", 2), ("1h 30m (1:30 h)", 3)],
)  # fmt: skip
def test_a_text_without_exactly_one_number_is_refused(text: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"expected one number, found {count} in "):
        read_number(text)


@pytest.mark.parametrize("text", ["1h5", "2x3"])
def test_a_second_number_inside_a_word_is_not_overlooked(text: str) -> None:
    with pytest.raises(ValueError, match="expected one number, found more"):
        read_number(text)


@pytest.mark.parametrize("text", ["\u22120.12", "85\uff05", "1.2×10⁻³", "85%\u00b9"])
def test_the_text_is_kept_as_written(text: str) -> None:
    assert read_number(text).text == text


def test_a_power_of_another_base_is_not_read_as_its_base() -> None:
    with pytest.raises(ValueError, match="expected one number, found 2"):
        read_number("0.85²")


@pytest.mark.parametrize("text", ["1,2,3", "1.2.3", "4.41.2", "1,25,000"])
def test_a_version_or_a_list_is_not_read_as_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="expected one number"):
        read_number(text)


@pytest.mark.parametrize(
    "text",
    ["9" * 100_000, "9" * 990 + ".1.1", "1h" + " " * 990, "1 h " * 250, "1:" * 500, "1d ," * 250, "1" * 490 + ":12 h"],
)
def test_a_hostile_text_takes_no_time(text: str) -> None:
    def read() -> None:
        with suppress(ValueError):
            read_number(text)

    assert takes_less_than(0.5, read)


@pytest.mark.parametrize("text", ["1e999", "9" * 400, "1e9999999999", "5e400%", "9" * 400 + ":32 h"])
def test_a_number_that_no_float_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too large a number"):
        read_number(text)


def test_a_number_too_small_for_a_float_is_nothing() -> None:
    assert read_number("1e-999").value == 0


def test_the_rounding_gives_the_ends() -> None:
    number = read_number("85%")
    assert (number.low, number.high) == pytest.approx((0.845, 0.855))


@pytest.mark.parametrize("value", ["92.68", "100", "1.5"])
def test_a_score_above_one_is_in_percent_without_the_sign(value: str) -> None:
    claim = Claim(metric="accuracy", value=value)
    assert claim.number.value == pytest.approx(float(value) / 100)


@pytest.mark.parametrize(("metric", "value"), [("loss", "1.5"), ("co2_kg", "45"), ("training_hours", "5")])
def test_what_is_no_share_is_never_in_percent_without_the_sign(metric: str, value: str) -> None:
    assert Claim(metric=metric, value=value).number.value == float(value)


SHARES = st.floats(0, 1, allow_nan=False)
DECIMALS = st.integers(0, 12)


@given(SHARES, DECIMALS)
def test_a_rounded_fraction_reads_back_within_its_half_width(value: float, decimals: int) -> None:
    number = read_number(f"{value:.{decimals}f}")
    assert number.decimals == decimals
    assert abs(Decimal(number.value) - Decimal(value)) <= Decimal(number.half_width) * (1 + Decimal("1e-3"))


@given(SHARES, st.integers(0, 9))
def test_a_rounded_percentage_reads_back_within_its_half_width(value: float, decimals: int) -> None:
    number = read_number(f"{100 * value:.{decimals}f}%")
    assert (number.decimals, number.unit) == (decimals, "percent")
    assert abs(Decimal(number.value) - Decimal(value)) <= Decimal(number.half_width) * (1 + Decimal("1e-3"))


@given(st.integers(0, 10**12), st.integers(0, 3))
def test_thousands_separators_change_nothing(value: int, decimals: int) -> None:
    grouped, plain = read_number(f"{value:,}.{'5' * decimals}".rstrip(".")), f"{value}.{'5' * decimals}".rstrip(".")
    assert (grouped.value, grouped.decimals) == (float(plain), decimals)


@given(st.floats(1e-12, 1e12), st.integers(0, 8))
def test_an_exponent_scales_value_and_rounding(value: float, decimals: int) -> None:
    text = f"{value:.{decimals}e}"
    number = read_number(text)
    assert number.value == float(text)
    assert abs(Decimal(number.value) - Decimal(value)) <= Decimal(number.half_width) * (1 + Decimal("1e-3"))


@given(st.floats(0, 1e6), st.integers(0, 6), st.sampled_from(["g", "kg", "t", "ms", "s", "min", "h", "days", "weeks"]))
def test_a_rounded_measurement_reads_back_within_its_half_width(value: float, decimals: int, unit: str) -> None:
    number = read_number(f"{value:.{decimals}f} {unit}")
    assert (number.decimals, number.unit) == (decimals, unit)
    assert abs(Decimal(number.value) - Decimal(value)) <= Decimal(number.half_width) * (1 + Decimal("1e-3"))


@given(st.integers(1, 10**6))
def test_every_way_to_write_a_duration_means_the_same_time(seconds: int) -> None:
    minutes, s = divmod(seconds, 60)
    h, m = divmod(minutes, 60)
    for text in (f"{h}:{m:02}:{s:02}", f"{h}h {m}m {s}s", f"{h} hours, {m} minutes and {s} seconds", f"{seconds} s",
                 f"{minutes}:{s:02} min", str(timedelta(seconds=seconds))):  # fmt: skip
        number = read_number(text).to("s")
        assert number.value == pytest.approx(seconds, rel=1e-12)
        assert number.half_width == pytest.approx(0.5, rel=1e-12)


@given(st.floats(0, 1e6), st.sampled_from(["ms", "s", "min", "h", "days", "weeks"]), st.sampled_from(["s", "h"]))
def test_a_unit_there_and_back_changes_nothing(value: float, unit: Unit, other: Unit) -> None:
    number = read_number(f"{value:.3f} {unit}")
    back = number.to(other).to(unit)
    assert (back.value, back.half_width) == pytest.approx((number.value, number.half_width), rel=1e-12)


@given(st.floats(0, 1e6), st.integers(4, 8))
def test_a_decimal_comma_is_a_decimal_point(value: float, decimals: int) -> None:
    text = f"{value:.{decimals}f}"
    assert read_number(text.replace(".", ",")).value == read_number(text).value


@given(st.integers(-20, 20), st.integers(10, 99))
def test_every_way_to_write_a_power_of_ten_is_the_same_number(exponent: int, mantissa: int) -> None:
    raised = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    number = read_number(f"{mantissa / 10}e{exponent}")
    for text in (f"{mantissa / 10} x 10^{exponent}", f"{mantissa / 10}×10{raised}", f"{mantissa / 10}*10**{exponent}"):
        other = read_number(text)
        assert (other.value, other.half_width, other.decimals) == (number.value, number.half_width, number.decimals)


@given(st.text("0123456789.,:%eE+-~ COhmsd½²⁻×x^\u2212\uff05", max_size=40))
def test_numbers_of_a_longer_text_are_found_with_their_place(text: str) -> None:
    plain = plain_characters(text)
    numbers, rest = numbers_in(plain)
    assert len(rest) == len(plain)
    assert all(number.text.split()[0] in plain for number in numbers)


WORDS = [
    "h",
    "m",
    "min",
    "s",
    "d",
    "day",
    "kg",
    "g",
    "t",
    "tons",
    "and",
    ":",
    "1h",
    "30",
    "4:32",
    "CO2",
    "%",
    "e.g.",
    "00",
]


@given(st.one_of(st.text("0123456789.,:%eE+-~ COhms", max_size=16), st.lists(st.sampled_from(WORDS)).map(" ".join)))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        number = read_number(text)
    except ValueError as error:
        assert re.match("expected one number, found |too large a number: |.*; (write|correct) ", str(error))
    else:
        assert number.low <= number.value <= number.high
