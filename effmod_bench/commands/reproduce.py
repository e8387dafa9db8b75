"""`effmod reproduce`: what the paper measured, measured here."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec

from effmod_bench.errors import DeviceUnavailableError, ExitCode, TargetError
from effmod_bench.options.accuracy import Top1, parse_top1
from effmod_bench.options.export import Checkpoint, OnnxChoices, checkpoint_paths
from effmod_bench.options.option import PRECISELY, WHAT, WRITTEN, argument, but, option
from effmod_bench.options.output import Printing, StoreFolder, default_store
from effmod_bench.options.places import Elsewhere
from effmod_bench.options.protocol import DryRun, Margin, Pairs, Patience, RoundCount, Rounds, Runs, Seed, run_to_resume
from effmod_bench.options.runtime import ComparedSettings, DeviceName, Threads, parse_device
from effmod_bench.options.selection import Select
from effmod_bench.options.words import complete_network
from effmod_bench.screen.console import Console
from results import Device

if TYPE_CHECKING:
    from effmod_bench.runs.plan import RunPlan
    from effmod_bench.runs.reproduce import Reproduction, Step
    from effmod_bench.suites.suite import Measuring, Suite
    from results import Store
    from results.tables.table import Table


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
        ("effmod reproduce ./numbers.zip --store again", "somebody's figures, as 'effmod share' packs them"),
        ("effmod reproduce table10 --on ray://auto --nodes 3", "on three nodes of each kind of a Ray cluster"),
        ("effmod reproduce --resume", "go on with what was cut short"),
    )

    suites: Annotated[
        list[str] | None,
        argument(
            "[SUITE]...",
            help="Such as table1 or fig8, 'all', the path of a .toml file of your own, or somebody's store: a folder "
            "or a zip, by its path. Without any: a list of them.",
            autocompletion=complete_suite,
        ),
    ] = None
    quick: Annotated[
        bool, option("--quick", help="Fewer runs, for a first look; each suite says how many.", panel=PRECISELY)
    ] = False
    runs: Annotated[int | None, but(Runs, show_default="the suite's, the paper's where it says")] = None
    rounds: Annotated[int | None, but(RoundCount, show_default="the suite's")] = None
    seed: Seed = 0
    add: Annotated[
        list[str] | None,
        option(
            "--add",
            metavar="NETWORK",
            help="Measure this network, too, and show it among the others; of somebody's store, the file, function or "
            "plug-in's network that its records name. Once for each.",
            panel=WHAT,
            show_default=False,
            autocompletion=complete_network,
        ),
    ] = None
    checkpoint: Annotated[
        list[str] | None,
        but(
            Checkpoint,
            help="Trained weights of what --add names, or of somebody's store, where they are found by their hash.",
            rich_help_panel=WHAT,
        ),
    ] = None
    top1: Annotated[
        list[str] | None,
        but(Top1, help="An accuracy of what --add names, as in mine.py:net=77.3.", rich_help_panel=WHAT),
    ] = None
    files: Annotated[
        list[Path] | None,
        option(
            "--files",
            metavar="FOLDER|ZIP",
            help="Where files that somebody's store names are looked up, by their hash: a folder, or the zip itself "
            "where it brings them. Once for each.",
            panel=WHAT,
            show_default=False,
        ),
    ] = None
    select: Annotated[
        list[str] | None,
        but(
            Select,
            help="Of somebody's store, only what is called so, such as 'mobileone_*'. Once for each.",
            show_default="all",
        ),
    ] = None
    margin: Annotated[
        float,
        but(
            Margin,
            help="Of somebody's store: figures that differ by no more are the same, as two honest runs may differ.",
            show_default="10%",
        ),
    ] = 0.1
    device: Annotated[
        str | None, but(DeviceName, show_default="where the paper measured, as far as that can be used here")
    ] = None
    threads: Threads = None
    elsewhere: Elsewhere = Elsewhere()
    dry_run: DryRun = False
    patience: Patience = Patience()
    store: StoreFolder = msgspec.field(default_factory=default_store)
    printing: Printing = Printing()
    written: Annotated[tuple[str, ...], WRITTEN] = ()

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.isolation.limit import allow
        from effmod_bench.runs.reproduce import find_reproduction
        from effmod_bench.runs.suites import suite_table
        from effmod_bench.runs.theirs import is_store
        from results import Store

        store = Store(self.store)
        allow(self.patience.timeout)
        self.elsewhere.check()
        if self.patience.resume:
            run_to_resume(self.written, None)
            reproduction = find_reproduction(store, self.suites or [])
        elif not self.suites:
            if self.add or self.checkpoint or self.top1:
                raise TargetError("say which suite it joins: 'effmod reproduce table1 --add ...'")
            console.table(suite_table(self._steps), self.printing.output_format)
            return ExitCode.OK
        elif any(map(is_store, self.suites)):
            with self._place_of_files() as place:
                return self._carry_out(console, self._again(console, place), store)
        else:
            reproduction = self._new(console)
        return self._carry_out(console, reproduction, store)

    def _carry_out(self, console: Console, reproduction: "Reproduction", store: "Store") -> ExitCode:
        """Say what it would do, or do it."""
        from effmod_bench.runs.preview import preview
        from effmod_bench.runs.repeat import Repeating, blank_repetition, print_refused
        from effmod_bench.runs.reproduce import Means, Reproducing
        from effmod_bench.screen.reproductions import SINGLE, print_plans

        output_format = self.printing.output_format
        if len(reproduction.suites) > 1 and not self.dry_run and output_format in SINGLE:
            raise TargetError(f"--output-format {output_format} holds one table; name one suite")
        is_again = reproduction.claimed is not None
        if is_again:
            to_come = [blank_repetition(reproduction)]
        else:
            to_come = [blank for step in reproduction.steps for blank in self._blanks(reproduction, step)]
        if self.dry_run:
            plans = [preview(step.run, store) for step in reproduction.steps]
            console.expect(*plans, *to_come)
            print_plans(console, plans, output_format)
            if is_again:
                print_refused(console, reproduction, output_format)
            return ExitCode.OK
        console.expect(*to_come)
        means = Means(
            console=console,
            store=store,
            output_format=output_format,
            wait=not self.patience.no_wait,
            round_timeout_s=self.patience.round_timeout,
            elsewhere=self.elsewhere,
        )
        work = Repeating if is_again else Reproducing
        return work(reproduction, means).carry_out()

    def _blanks(self, reproduction: "Reproduction", step: "Step") -> "list[Table[Any]]":
        """The tables that may come of a step, without rows."""
        from effmod_bench.suites.views import blank_tables

        return blank_tables(reproduction.suites[step.suite], [step.run.plan.device])

    @contextmanager
    def _place_of_files(self) -> Iterator[Path]:
        """For what a zip brings: in the store, or of a dry run in a folder that goes."""
        if not self.dry_run:
            yield self.store / "brought"
            return
        with tempfile.TemporaryDirectory(prefix="effmod-") as folder:
            yield Path(folder)

    def _again(self, console: Console, place: Path) -> "Reproduction":
        """Somebody's figures, to be measured as they were."""
        from effmod_bench.runs.repeat import new_repetition
        from effmod_bench.runs.supplied import gather

        (path, *others) = self.suites or []
        if others:
            raise TargetError(f"a store is measured again by itself; leave {others[0]} out, or name one at a time")
        for name in ("--runs", "--rounds", "--seed", "--device", "--threads"):
            if name in self.written:
                raise TargetError(
                    f"{name}: {path} says how its figures were measured; leave {name} out (--quick is less)"
                )
        if self.top1:
            raise TargetError(
                f"--top1 {self.top1[0]}: somebody's latencies are measured again, and accuracies are not; leave "
                "it out, and state one where they are shown: 'effmod show --top1 NAME=PERCENT'"
            )
        checkpoints = checkpoint_paths(self.checkpoint)
        supplied = gather(self.add or [], self.files or [], checkpoints, place=place)
        return new_repetition(
            console,
            path,
            self.store,
            supplied,
            select=self.select or (),
            margin=self.margin,
            quick=self.quick,
            elsewhere=self.elsewhere,
        )

    def _new(self, console: Console) -> "Reproduction":
        from effmod_bench.runs.reproduce import new_reproduction
        from effmod_bench.suites import find_suite, list_suites

        for name in ("--files", "--select", "--margin"):
            if name in self.written:
                raise TargetError(
                    f"{name} is for somebody's store: a folder or a zip, by its path, such as ./numbers.zip"
                )
        if self.checkpoint is not None and not self.add:
            raise TargetError(f"--checkpoint {self.checkpoint[0]} is for what --add names; add --add mine.py:net")
        asked = self.suites or []
        names = [each for name in asked for each in (list_suites() if name == "all" else [name])]
        suites = list({suite.name: suite for suite in map(find_suite, names)}.values())
        suites = [suite for suite in suites if self._has_device(console, suite, alone=len(suites) == 1)]
        self._check_in_turn(suites)
        self._check_top1(suites)
        return new_reproduction(asked, suites, lambda suite: self._placed(console, self._steps(suite)))

    def _placed(self, console: Console, steps: "list[tuple[RunPlan, bool]]") -> "list[tuple[RunPlan, bool]]":
        """Runs with their places; one that may be left out is, where there is no place for it.

        Raises:
            TargetError, DeviceUnavailableError: there is a place for none.
        """
        from effmod_bench.runs.where import check_places, with_places

        found, failures = [], list[Exception]()
        for run, optional in steps:
            try:
                placed = with_places(run, self.elsewhere, console.note)
                check_places(placed, self.elsewhere)
                found.append((placed, optional))
            except (TargetError, DeviceUnavailableError) as error:
                if not optional:
                    raise
                failures.append(error)
        if not found and failures:
            raise failures[0]
        for why in dict.fromkeys(map(str, failures)):
            console.warn(f"left out: {why}")
        return found

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

    def _check_top1(self, suites: "Sequence[Suite]") -> None:
        """Refuse an accuracy of what is not measured."""
        measured = {name for suite in suites for each in suite.measure for name in suite.networks_of(each)}
        for name in parse_top1(self.top1):
            if name not in measured and name not in (self.add or ()):
                raise TargetError(f"--top1 {name}: {name} is not measured; add it by --add {name}")

    def _steps(self, suite: "Suite") -> "list[tuple[RunPlan, bool]]":
        """The runs of a suite on each device, and whether one may be left out where there is no such device."""
        devices = [self.device] if self.device is not None else list(suite.devices)
        top1, runs = parse_top1(self.top1), []
        for device in devices:
            for measuring in suite.measure:
                targets = suite.networks_of(measuring)
                runs.append((self._run(suite, measuring, device, targets, None), self.device is None))
            if self.add:
                first = suite.measure[0]
                beside = suite.networks_of(first)[:1] if first.in_turn else []
                run = self._run(suite, first, device, [*beside, *self.add], self.checkpoint)
                runs.append((run, self.device is None))
        return [(_with_top1(run, top1), optional) for run, optional in runs]

    def _run(
        self, suite: "Suite", measuring: "Measuring", device: str, targets: Sequence[str], checkpoint: list[str] | None
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
                    seed=self.seed,
                ),
                where=ComparedSettings(device=device, runtime=measuring.runtime, threads=threads),
                file=OnnxChoices(
                    rewrite=rewrite,
                    image_size=_text(measuring.image_size),
                    batch_size=str(measuring.batch_size),
                    checkpoint=[measuring.checkpoint] if measuring.checkpoint else None,
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
                seed=self.seed,
                anchor=anchor,
                processes=processes if anchor is not None else None,
            ),
            where=BenchedSettings(device=device, runtime=measuring.runtime, threads=threads),
            file=TimedFile(
                image_size=_text(measuring.image_size),
                batch_size=str(measuring.batch_size),
                rewrite=rewrite,
                checkpoint=checkpoint or ([measuring.checkpoint] if measuring.checkpoint else None),
            ),
        ).asked()


def _with_top1(run: "RunPlan", top1: Mapping[str, float]) -> "RunPlan":
    """A run with what the user states of its targets."""
    return msgspec.structs.replace(run, top1={name: top1[name] for name in run.targets if name in top1})


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)
