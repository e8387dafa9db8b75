"""What would run on this machine, and what is missing where something would not: found out by running a convolution."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from effmod_bench.errors import DeviceUnavailableError, ExitCode, describe, exit_code
from effmod_bench.instrument.available import check_installed, run_convolution
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.machine.subnormal import subnormal_cost
from effmod_bench.instrument.roofline import MEASURING_ROOF, obtain_roof
from effmod_bench.instrument.sessions.registry import RUNTIMES
from effmod_bench.instrument.threads import threads_to_use
from effmod_bench.screen.console import Console
from results import BenchPlan, Device, Roof, Runtime, RuntimeOptions
from results.tables.profiles import roof_in_words
from results.tables.table import Column, Note, Table
from results.tables.words import digits
from results.tables.write import OutputFormat


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One runtime on one device.

    Attributes:
        version: the runtime's, with its name, where it ran.
        subnormal_cost: of the processor: how many times as long a product takes of which a factor is subnormal; None
            on other devices.
        reason: why it cannot be used, and what would help; None where it can.
    """

    device: Device
    runtime: Runtime
    usable: bool
    version: str | None
    subnormal_cost: float | None = None
    reason: str | None


_COLUMNS: tuple[Column[Finding], ...] = (
    Column(key="device", header="device", get=lambda row: str(row.device)),
    Column(key="runtime", header="runtime", get=lambda row: str(row.runtime)),
    Column(key="usable", header="usable", get=lambda row: "yes" if row.usable else "no"),
    Column(key="version", header="version", get=lambda row: row.version),
    Column(
        key="subnormal_cost",
        header="subnormal\ncost",
        get=lambda row: row.subnormal_cost,
        show=digits(1),
        detail=True,
    ),
    Column(key="reason", header="what is missing", get=lambda row: row.reason, detail=True),
)


def examine(
    console: Console, device: Device | None, device_index: int, output_format: OutputFormat, *, wait: bool
) -> None:
    """Try every runtime of a device, and print what was found. Nobody else measures on this machine meanwhile.

    Args:
        device: the one that is to work; None for all, of which the CPU is to work.
        wait: where another effmod measures, until it is done; False to give up.

    Raises:
        DeviceUnavailableError: its first runtime does not work, and the table has been printed; or another effmod
            measures, and `wait` is False.
    """
    console.expect(_table(()))
    with measuring_alone(wait=wait, on_wait=console.note):
        findings = list(_findings(console, tuple(RUNTIMES) if device is None else (device,), device_index))
        # It takes half a minute the first time, which who asks for no details does not wait for.
        roof = _roof(console) if console.verbosity >= 1 and findings[0].device is Device.CPU else None
    console.table(_table(findings, roof), output_format)
    asked = findings[0]  # the CPU is the first of all devices
    if not asked.usable:
        raise DeviceUnavailableError(f"{asked.runtime} cannot run on {asked.device} here; the table says why")


def _table(findings: Sequence[Finding], roof: Roof | None = None) -> Table[Finding]:
    notes = (*_notes(findings), *([roof_in_words(roof)] if roof else []))
    return Table(rows=tuple(findings), columns=_COLUMNS, notes=notes, name="runtimes")


def _roof(console: Console) -> Roof | None:
    threads = threads_to_use(BenchPlan()) or 1
    return obtain_roof(read_machine(), threads, on_measure=lambda: console.note(MEASURING_ROOF))


def _findings(console: Console, devices: Sequence[Device], device_index: int) -> Iterator[Finding]:
    for device in devices:
        cost = subnormal_cost() if device is Device.CPU else None
        for runtime in RUNTIMES[device]:
            options = RuntimeOptions(runtime=runtime, device_index=device_index if device is Device.CUDA else 0)
            version = reason = None
            try:
                check_installed(device, options)
                console.note(f"trying {runtime} on {device} ...")
                version = run_convolution(device, options)
            except Exception as error:  # a package may be missing anywhere
                if exit_code(error) is not ExitCode.UNAVAILABLE:
                    raise
                reason = describe(error)
            yield Finding(
                device=device,
                runtime=runtime,
                usable=reason is None,
                version=version,
                subnormal_cost=cost,
                reason=reason,
            )


def _notes(findings: Sequence[Finding]) -> Iterator[str]:
    cost = next((finding.subnormal_cost for finding in findings), None)
    if cost is not None:
        yield Note(
            f"On this processor a product with a subnormal factor, nearer to zero than 1.2e-38, takes {cost:.1f} times "
            "as long as another (float32, in numpy).",
            "subnormal_cost",
        )
    yield from _reasons(findings)


def _reasons(findings: Sequence[Finding]) -> Iterator[str]:
    """Why what does not work does not, each reason once: the runtimes of a device mostly have the same."""
    found: dict[tuple[Device, str], list[Runtime]] = defaultdict(list)
    for finding in findings:
        if finding.reason is not None:
            found[finding.device, finding.reason].append(finding.runtime)
    for (device, reason), runtimes in found.items():
        all_of_them = len(runtimes) == len(RUNTIMES[device])
        where = str(device) if all_of_them else f"{device}, {', '.join(runtimes)}"
        yield Note(f"{where}: {reason}", "usable", "reason")
