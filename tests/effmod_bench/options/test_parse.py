import pytest
import typer

from effmod_bench.options.parse import Until, parse_duration, parse_length, parse_percent, parse_until, parse_width


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), ("0.5 %", 0.005), (".5%", 0.005), ("100%", 1.0), ("0%", 0.0)]
)
def test_a_percentage_is_a_share(text: str, share: float) -> None:
    assert parse_percent(text) == pytest.approx(share, abs=1e-15)


@pytest.mark.parametrize("text", ["5", "0.05", "-5%", "5%%", "%", "five%", ""])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write it as 5%"):
        parse_percent(text)


def test_no_ratio_is_known_to_nothing() -> None:
    assert parse_width("1%") == 0.01
    for text in ("0%", "0.00 %"):
        with pytest.raises(typer.BadParameter, match="no ratio is known to 0%"):
            parse_width(text)


def test_a_measurement_goes_on_for_a_width_or_for_a_gate() -> None:
    assert parse_until("0.5%") == Until(0.005)
    assert parse_until("decided") == Until(None)
    with pytest.raises(typer.BadParameter, match="write it as 5%"):
        parse_until("decide")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("2 m", 120)])
def test_a_duration_is_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["10", "0s", "-1m", "1d", "m", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write it as 90s, 10m or 1h"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "inches"), [("3.3in", 3.3), ("8.4cm", 8.4 / 2.54), ("84 mm", 8.4 / 2.54), ("240pt", 240 / 72)]
)
def test_a_length_is_in_inches(text: str, inches: float) -> None:
    assert parse_length(text) == pytest.approx(inches)
    assert parse_length(7.2) == 7.2  # a default


@pytest.mark.parametrize("text", ["3.3", "0", "-3in", "3px", "in", ""])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"write it as 3\.3in"):
        parse_length(text)


@pytest.mark.parametrize("text", ["0in", "1.9in", "5mm", "41in"])
def test_no_picture_is_as_narrow_or_as_wide(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"from 2in.* to 40in"):
        parse_length(text)
