"""How hot the processor is, and whether the system holds its clock down. Linux tells, and nobody else here."""

from pathlib import Path

from effmod_bench.instrument.machine.system import read_text

THERMAL = Path("/sys/class/thermal")
# What the kernel calls a sensor of the processor: "cpu-thermal", "bigcore0-thermal", "x86_pkg_temp".
_OF_PROCESSOR = ("cpu", "soc", "core", "pkg", "package")
# The firmware of a Raspberry Pi says why it slows down, by bits: too little voltage, a limited frequency, throttled,
# at its limit of temperature. The bits above these are of what was since the start.
RASPBERRY_PI = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_NOW = 0b1111


def temperature_c() -> float | None:
    """The highest that the processor's own sensors show, in degrees Celsius; None where there is none."""
    found = []
    for zone in THERMAL.glob("thermal_zone*"):
        kind, text = (read_text(zone / "type") or "").lower(), read_text(zone / "temp")
        if text and any(word in kind for word in _OF_PROCESSOR):
            found.append(int(text) / 1000)  # the kernel's thousandths
    return max(found, default=None)


def is_slowed() -> bool | None:
    """Whether cores may not run as fast as they can, for heat or want of power; None where nothing tells."""
    told = []
    for device in THERMAL.glob("cooling_device*"):
        kind, state = read_text(device / "type") or "", read_text(device / "cur_state")
        # Such a "device" cools by a lower clock: its state says by how many steps.
        if state and kind.lower().startswith(("cpufreq", "thermal-cpufreq", "processor")):
            told.append(int(state) > 0)
    flags = read_text(RASPBERRY_PI)
    if flags:
        told.append(bool(int(flags, 16) & _NOW))
    return any(told) if told else None
