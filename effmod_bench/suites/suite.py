"""What a file of this folder, or of a user's own, declares: what to measure, and what of the paper stands beside it."""

from enum import StrEnum
from typing import Annotated

import msgspec

from models import list_models
from results import Device, Runtime
from results.statistics.reproduction import PaperLatency


class View(StrEnum):
    """What measurements are shown as.

    A table of networks beside the paper's latencies; two forms in turn; latency by image size or by a network's
    arguments; a few tests with their spread; detectors and segmenters; Core ML packages.
    """

    LATENCIES = "latencies"
    PAIRS = "pairs"
    SCALING = "scaling"
    TESTS = "tests"
    DOWNSTREAM = "downstream"
    PACKAGES = "packages"


Positive = Annotated[int, msgspec.Meta(ge=1)]


class Measuring(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What is measured in one run. The keys are the options of `effmod bench`, and mean the same.

    Attributes:
        networks: names, patterns, functions and files; none for those of the suite's table.
        anchor: what every network is timed in turn with; None for no pairs.
        in_turn: time each of the others in turn with the first, as `effmod compare` does; `runs`, `rounds` and
            `anchor` are of no use to it.
        processes, blocks: of the pairs.
        along: of the view `scaling`, what the latency is a function of: an option that is swept, or an argument of the
            networks.
        over: the network that others are set beside at equal arguments, such as "efficientmod_iso".
    """

    networks: tuple[str, ...] = ()
    image_size: str | int | None = None
    batch_size: str | int = "1"
    threads: str | int | None = None
    rewrite: str = "none"
    checkpoint: str | None = None
    runtime: Runtime | None = None
    runs: Positive = 4000
    rounds: Positive = 5
    warmup: Annotated[int, msgspec.Meta(ge=0)] | None = None
    anchor: str | None = None
    in_turn: bool = False
    processes: Annotated[int, msgspec.Meta(ge=2)] | None = None
    blocks: Positive = 60
    along: str = "image-size"
    over: str | None = None


class Quick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fewer runs, for a first look: what the suite says, or a tenth of the runs in two processes at most."""

    runs: Positive | None = None
    rounds: Positive | None = None
    processes: Annotated[int, msgspec.Meta(ge=2)] | None = None

    def of(self, measuring: Measuring) -> Measuring:
        """A run with as much less to do."""
        return msgspec.structs.replace(
            measuring,
            runs=self.runs or max(1, measuring.runs // 10),
            rounds=self.rounds or min(2, measuring.rounds),
            processes=self.processes or 2,
        )


class Suite(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A table or figure of the paper that can be measured again, or a user's own.

    Attributes:
        name: that of its file, without the suffix, or its path.
        title: what is shown in it.
        shows: the paper's tables and figures that it is.
        aliases: other names of it.
        tables: by the names that `effmod list --table` takes; its networks are those of the first.
        published: the file under `results/published` whose rows are its networks.
        columns: of that file, that are shown; None for those that say more than the network's own figures.
        devices: where it was measured in the paper.
        beside: the paper's latencies that stand beside ours, by where we measure and by the paper's hardware; the
            first gives the ratio and the ranks. Each is named by its column in `results/published`.
        measure: a run each.
        notes: what stands below the tables.
    """

    name: str = ""
    title: str
    shows: str = ""
    aliases: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    published: str | None = None
    columns: tuple[str, ...] | None = None
    view: View = View.LATENCIES
    devices: tuple[Device, ...] = (Device.CPU, Device.CUDA)
    beside: dict[Device, dict[str, str]] = {}
    measure: tuple[Measuring, ...]
    quick: Quick = Quick()
    notes: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """What stands above its table."""
        return f"The paper's {self.shows}: {self.title}" if self.shows else self.title

    def networks(self) -> list[str]:
        """The networks of its table."""
        return [spec.name for spec in list_models(table=self.tables[0])] if self.tables else []

    def networks_of(self, measuring: Measuring) -> list[str]:
        """What a run of it times, as one names it."""
        return list(measuring.networks) or self.networks()

    def papers(self, device: Device) -> list[PaperLatency]:
        """The paper's latencies that stand beside ours."""
        beside = self.beside.get(device, {})
        return [PaperLatency(figure=figure, hardware=hardware) for hardware, figure in beside.items()]
