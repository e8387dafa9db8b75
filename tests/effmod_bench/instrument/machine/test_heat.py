from pathlib import Path

import pytest

from effmod_bench.instrument.machine import heat
from effmod_bench.instrument.machine.heat import is_slowed, temperature_c


@pytest.fixture
def thermal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's folder of sensors and of what cools, without any."""
    monkeypatch.setattr(heat, "THERMAL", tmp_path)
    monkeypatch.setattr(heat, "RASPBERRY_PI", tmp_path / "get_throttled")
    return tmp_path


def _add(folder: Path, **files: str) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")


def test_the_hottest_sensor_of_the_processor_counts(thermal: Path) -> None:
    _add(thermal / "thermal_zone0", type="bigcore0-thermal", temp="61500")
    _add(thermal / "thermal_zone1", type="cpu-thermal", temp="48000")
    _add(thermal / "thermal_zone2", type="iwlwifi_1", temp="90000")
    assert temperature_c() == 61.5


def test_a_machine_without_sensors_has_no_temperature(thermal: Path) -> None:
    assert temperature_c() is None
    assert is_slowed() is None
    assert not list(thermal.iterdir())


@pytest.mark.parametrize(("state", "slowed"), [("0", False), ("3", True)])
def test_a_lower_clock_that_cools_slows_down(state: str, slowed: bool, thermal: Path) -> None:
    _add(thermal / "cooling_device0", type="cpufreq-cpu0", cur_state=state)
    _add(thermal / "cooling_device1", type="pwm-fan", cur_state="4")
    assert is_slowed() is slowed


@pytest.mark.parametrize(("flags", "slowed"), [("0", False), ("50005", True), ("50000", False)])
def test_a_raspberry_pi_tells_whether_it_is_slowed_now(flags: str, slowed: bool, thermal: Path) -> None:
    """What was, since it was started, is in the bits above."""
    (thermal / "get_throttled").write_text(f"{flags}\n")
    assert is_slowed() is slowed
