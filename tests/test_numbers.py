"""Reported numbers keep what their digits say: value, rounding, unit, and whether they are meant."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.card import Claim
from registry.numbers import read_number


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
        ("~45 kg CO2eq", 45.0, 0.5, 0, "raw"),
        ("around 0.3 s a review", 0.3, 0.05, 1, "fraction"),
        ("e.g., 89.20%", 0.892, 0.00005, 2, "percent"),
    ],
)
def test_a_number_is_read_with_its_rounding(
    text: str, value: float, half_width: float, decimals: int, unit: str
) -> None:
    number = read_number(text)
    assert (number.value, number.decimals, number.unit) == (value, decimals, unit)
    assert number.half_width == pytest.approx(half_width, rel=1e-12)


@pytest.mark.parametrize("text", ["~45 kg", "≈5 h", "about 5 hours", "approximately 5", "roughly 90%", "0.85 ± x"])
def test_a_number_that_says_so_is_approximate(text: str) -> None:
    assert read_number(text).approximate


@pytest.mark.parametrize("text", ["85%", "0.8500", "1,250", "e.g., 89.20%", "5 hours"])
def test_a_number_that_does_not_say_so_is_not_approximate(text: str) -> None:
    assert not read_number(text).approximate


@pytest.mark.parametrize("text", ["e.g., 89.20%", "e.g. 0.9", "eg. 0.9", "for example 90%", "90% (TBD)"])
def test_a_number_that_says_so_is_a_placeholder(text: str) -> None:
    assert read_number(text).placeholder


@pytest.mark.parametrize("text", ["85%", "~45 kg CO2eq", "leg. 3", "90% on the example set"])
def test_a_number_that_does_not_say_so_is_no_placeholder(text: str) -> None:
    assert not read_number(text).placeholder


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("high", 0), ("CO2", 0), ("%", 0), ("85% and 87%", 2), ("0.85 ± 0.01", 2), ("3-5", 2), ("80/20", 2)],
)
def test_a_text_without_exactly_one_number_is_refused(text: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"expected one number, found {count} in "):
        read_number(text)


@pytest.mark.parametrize("text", ["1,2,3", "1.2.3", "4.41.2", "1,25,000"])
def test_a_version_or_a_list_is_not_read_as_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="expected one number"):
        read_number(text)


@pytest.mark.parametrize("text", ["1e999", "9" * 400, "1e9999999999", "5e400%"])
def test_a_number_that_no_float_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too large a number"):
        read_number(text)


def test_a_number_too_small_for_a_float_is_nothing() -> None:
    assert read_number("1e-999").value == 0


def test_the_rounding_gives_the_ends() -> None:
    number = read_number("85%")
    assert (number.low, number.high) == (pytest.approx(0.845), pytest.approx(0.855))


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


@given(st.text(st.sampled_from("0123456789.,%eE+-~ CO"), max_size=12))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        number = read_number(text)
    except ValueError as error:
        assert str(error).startswith(("expected one number, found ", "too large a number: "))
    else:
        assert number.low <= number.value <= number.high
