"""`effmod reproduce`: what the paper measured, measured here."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.options.export import Checkpoint, OnnxChoices
from effmod_bench.options.option import PRECISELY, WHAT, WRITTEN, argument, but, option
from effmod_bench.options.output import Printing, StoreFolder, default_store
from effmod_bench.options.protocol import DryRun, Pairs, Patience, RoundCount, Rounds, Runs, run_to_resume
from effmod_bench.options.runtime import DeviceName, OnnxRuntimeSettings, Threads, parse_device
from effmod_bench.options.words import complete_network
from effmod_bench.screen.console import Console
from results import Device

if TYPE_CHECKING:
    from effmod_bench.runs.plan import RunPlan
    from effmod_bench.runs.reproduce import Reproduction
    from effmod_bench.suites.suite import Measuring, Suite


def complete_suite(incomplete: str) -> list[str]:
    """The suites that begin so."""
    from effmod_bench.suites import list_suites

    return [name for name in (*list_suites(), "all") if name.startswith(incomplete)]


class Reproduce(msgspec.Struct, frozen=True, kw_only=True):
    """Measure a table or figure of the paper by its own protocol, and show it beside the paper's figures."""

    examples: ClassVar = (
        ("effmod reproduce", "what there is, and how long each takes here"),
        ("effmod reproduce table1 --device cpu --quick", "a first look at Table 1"),
        ("effmod reproduce table1 --add mine.py:net --checkpoint mine.pth", "with a network of one's own"),
        ("effmod reproduce ./mine.toml", "a suite of one's own"),
        ("effmod reproduce --resume", "go on with what was cut short"),
    )

    suites: Annotated[
        list[str] | None,
        argument(
            "[SUITE]...",
            help="Such as table1 or fig8, 'all', or the path of a .toml file of your own. Without any: a list of them.",
            autocompletion=complete_suite,
        ),
    ] = None
    quick: Annotated[
        bool, option("--quick", help="Fewer runs, for a first look; each suite says how many.", panel=PRECISELY)
    ] = False
    runs: Annotated[int | None, but(Runs, show_default="the suite's, the paper's where it says")] = None
    rounds: Annotated[int | None, but(RoundCount, show_default="the suite's")] = None
    add: Annotated[
        list[str] | None,
        option(
            "--add",
            metavar="NETWORK",
            help="Measure this network, too, and show it among the others. Once for each.",
            panel=WHAT,
            show_default=False,
            autocompletion=complete_network,
        ),
    ] = None
    checkpoint: Annotated[
        Path | None, but(Checkpoint, help="Trained weights of what --add names.", rich_help_panel=WHAT)
    ] = None
    device: Annotated[
        str | None, but(DeviceName, show_default="where the paper measured, as far as that can be used here")
    ] = None
    threads: Threads = None
    dry_run: DryRun = False
    patience: Patience = Patience()
    store: StoreFolder = msgspec.field(default_factory=default_store)
    printing: Printing = Printing()
    written: Annotated[tuple[str, ...], WRITTEN] = ()

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.isolation.limit import allow
        from effmod_bench.runs.preview import preview
        from effmod_bench.runs.reproduce import Reproducing, find_reproduction
        from effmod_bench.runs.suites import suite_table
        from effmod_bench.screen.reproductions import SINGLE, print_plans
        from results import Store

        output_format, store = self.printing.output_format, Store(self.store)
        allow(self.patience.timeout)
        if self.patience.resume:
            run_to_resume(self.written, None)
            reproduction = find_reproduction(store, self.suites or [])
        elif not self.suites:
            if self.add or self.checkpoint:
                raise TargetError("say which suite it joins: 'effmod reproduce table1 --add ...'")
            console.table(suite_table(self._steps), output_format)
            return ExitCode.OK
        else:
            reproduction = self._new(console)
        if len(reproduction.suites) > 1 and not self.dry_run and output_format in SINGLE:
            raise TargetError(f"--output-format {output_format} holds one table; name one suite")
        if self.dry_run:
            print_plans(console, [preview(step.run, store) for step in reproduction.steps], output_format)
            return ExitCode.OK
        return Reproducing(
            console,
            reproduction,
            store,
            output_format,
            wait=not self.patience.no_wait,
            round_timeout_s=self.patience.round_timeout,
        ).carry_out()

    def _new(self, console: Console) -> "Reproduction":
        from effmod_bench.runs.reproduce import new_reproduction
        from effmod_bench.suites import find_suite, list_suites

        if self.checkpoint is not None and not self.add:
            raise TargetError(f"--checkpoint {self.checkpoint} is for what --add names; add --add mine.py:net")
        asked = self.suites or []
        names = [each for name in asked for each in (list_suites() if name == "all" else [name])]
        suites = list({suite.name: suite for suite in map(find_suite, names)}.values())
        suites = [suite for suite in suites if self._has_device(console, suite, alone=len(suites) == 1)]
        self._check_in_turn(suites)
        return new_reproduction(asked, suites, self._steps)

    def _has_device(self, console: Console, suite: "Suite", *, alone: bool) -> bool:
        """Whether a suite is for the device that was asked for; of several, one that is not is left out."""
        if self.device is None or parse_device(self.device)[0] in suite.devices:
            return True
        why = f"{suite.name} is for {', '.join(suite.devices)}, not for --device {self.device}"
        if alone:
            raise TargetError(why)
        console.warn(f"left out: {why}")
        return False

    def _check_in_turn(self, suites: "Sequence[Suite]") -> None:
        """Refuse options that are of no use to what is timed in turn, where that is all there is."""
        if not all(measuring.in_turn for suite in suites for measuring in suite.measure):
            return
        given = {"--runs": self.runs, "--rounds": self.rounds, "--checkpoint": self.checkpoint}
        for name, value in given.items():
            if value is not None:
                names = ", ".join(suite.name for suite in suites)
                raise TargetError(f"{name} is for networks that are timed alone, and {names} times them in turn")

    def _steps(self, suite: "Suite") -> "list[tuple[RunPlan, bool]]":
        """The runs of a suite on each device, and whether one may be left out where there is no such device."""
        devices = [self.device] if self.device is not None else list(suite.devices)
        runs = []
        for device in devices:
            for measuring in suite.measure:
                targets = suite.networks_of(measuring)
                runs.append((self._run(suite, measuring, device, targets, None), self.device is None))
            if self.add:
                first = suite.measure[0]
                beside = suite.networks_of(first)[:1] if first.in_turn else []
                run = self._run(suite, first, device, [*beside, *self.add], self.checkpoint)
                runs.append((run, self.device is None))
        return runs

    def _run(
        self, suite: "Suite", measuring: "Measuring", device: str, targets: Sequence[str], checkpoint: Path | None
    ) -> "RunPlan":
        """One run: the command that it is, filled in."""
        from effmod_bench.commands.bench import Bench, BenchedSettings, TimedFile
        from effmod_bench.commands.compare import Compare
        from effmod_bench.targets.names import is_file

        if self.quick:
            measuring = suite.quick.of(measuring)
        runs, rounds, processes = self.runs or measuring.runs, self.rounds or measuring.rounds, measuring.processes
        threads = _text(measuring.threads if self.threads is None else self.threads)
        kind, _ = parse_device(device)
        if kind is Device.COREML:
            threads = None  # it chooses them itself
        rewrite = None if all(map(is_file, targets)) else measuring.rewrite
        if measuring.in_turn:
            return Compare(
                targets=list(targets),
                pairs=Pairs(
                    processes=processes,
                    blocks=measuring.blocks,
                    warmup=Pairs().warmup if measuring.warmup is None else measuring.warmup,
                ),
                where=OnnxRuntimeSettings(device=device, runtime=measuring.runtime, threads=threads),
                file=OnnxChoices(
                    rewrite=rewrite,
                    image_size=_text(measuring.image_size),
                    batch_size=str(measuring.batch_size),
                    checkpoint=Path(measuring.checkpoint) if measuring.checkpoint else None,
                ),
            ).asked()
        several = threads is not None and "," in threads
        anchor = None if several or kind is Device.COREML else measuring.anchor
        warmup = Rounds().warmup if measuring.warmup is None else measuring.warmup
        return Bench(
            targets=list(targets),
            rounds=Rounds(
                runs=runs,
                rounds=rounds,
                warmup=warmup,
                anchor=anchor,
                processes=processes if anchor is not None else None,
            ),
            where=BenchedSettings(device=device, runtime=measuring.runtime, threads=threads),
            file=TimedFile(
                image_size=_text(measuring.image_size),
                batch_size=str(measuring.batch_size),
                rewrite=rewrite,
                checkpoint=checkpoint or (Path(measuring.checkpoint) if measuring.checkpoint else None),
            ),
        ).asked()


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)
