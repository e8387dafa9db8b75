"""What is said and kept of a race: its rows, the file that was chosen, what that rests on, and how to run it."""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from effmod_bench.instrument.sessions.registry import ONNXRUNTIMES
from effmod_bench.instrument.threads import threads_to_use
from effmod_bench.options.settings import arguments
from effmod_bench.screen.console import Console
from effmod_bench.targets.target import NetworkTarget
from effmod_bench.tuning.candidates import Candidate
from effmod_bench.tuning.race import Race
from exporters import deliver, writing
from exporters.feeds.given import NOTHING_GIVEN, Given
from results import RUNTIME_NAMES, Comparison, ComparisonPlan, Device, RuntimeOptions
from results.statistics.estimate import UNCHANGED, Estimate, estimate
from results.statistics.tuning import Decision, Trial, TuningReport
from results.tables.words import counted


class Winner(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen.

    Attributes:
        again: its comparison with the baseline in new processes; None where it is the baseline, the budget
            had no time for it, or the user interrupted.
    """

    candidate: Candidate
    again: Comparison | None = None


def title(race: Race) -> str:
    artifact, plan = race.baseline.subject.artifact, race.plan
    where = counted(threads_to_use(plan) or 1, "thread") if plan.device is Device.CPU else str(plan.device)
    return ", ".join(filter(None, (artifact.name, race.machine.cpu_model, where, "timed in turn")))


def list_trials(race: Race, winner: Winner, left_out: Sequence[Trial], *, top1: float | None) -> list[Trial]:
    """The baseline first, then by speed; what was never timed comes last.

    Args:
        top1: of the baseline, in percent; None without images.
    """
    timed = [_trial(race, each, winner) for each in race.candidates.values()]
    timed.sort(key=lambda trial: trial.estimate.ratio if trial.estimate else float("inf"))
    if winner.candidate is race.baseline:
        decision, reason = Decision.CHOSEN, "nothing is faster beyond doubt"
    else:
        decision, reason = Decision.KEPT, "what the others are compared with"
    baseline = msgspec.structs.replace(race.baseline, top1=top1)
    return [_described(race.plan, baseline, UNCHANGED, 0, 0, decision, reason), *timed, *left_out]


def _trial(race: Race, candidate: Candidate, winner: Winner) -> Trial:
    name, again = candidate.name, winner.again
    ratios = race.ratios[name]
    found, processes, runs = estimate(ratios), len(ratios), race.runs[name]
    if name == winner.candidate.name:
        decision, reason = Decision.CHOSEN, "not compared again"
        if again is not None:
            found, processes, runs = again.estimate, again.processes, again.runs
            reason = "compared again, in new processes"
        elif found is None and name in race.screened:
            reason = f"not compared again; {1 / race.screened[name]:.2f} times as fast in the screening"
    elif name in race.dropped:
        decision, reason = Decision.DROPPED, race.dropped[name]
    elif found is None:
        decision, reason = Decision.DROPPED, "the budget ended before it was timed often enough"
    else:
        decision, reason = Decision.KEPT, f"not told apart from {winner.candidate.name}"
    return _described(race.plan, candidate, found, processes, runs, decision, reason)


def _described(
    plan: ComparisonPlan,
    candidate: Candidate,
    estimate: Estimate | None,
    processes: int,
    runs: int,
    decision: Decision,
    reason: str,
) -> Trial:
    return Trial(
        name=candidate.name,
        file=candidate.subject.path.name,
        sha256=candidate.subject.artifact.sha256,
        options=candidate.options,
        relative_error=candidate.relative_error,
        equal=candidate.equal,
        top1=candidate.top1,
        estimate=estimate,
        processes=processes,
        runs=runs,
        warmup_runs=plan.warmup_runs if processes else None,
        seed=plan.seed if processes else None,
        decision=decision,
        reason=reason,
    )


def hand_over(source: Path, report: TuningReport, folder: Path) -> tuple[Path, Path]:
    """Leave a file in the folder, with the report beside it; returns where the two are.

    The user's own file stays where he has it.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = source if source == Path(report.target) else deliver(source, folder)
    beside = folder / f"{path.name}.tuning.json"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    return path, beside


def say_winner(console: Console, baseline: Candidate, winner: Winner) -> None:
    best, again = winner.candidate, winner.again
    if best is baseline:
        console.note(f"Nothing was found to be faster than the {best.name} file.")
    elif again is not None and again.estimate is not None:
        speed = again.estimate.speed
        console.note(
            f"{best.name} is {speed.ratio:.3f} times as fast as the {baseline.name} file "
            f"({speed.low:.3f} to {speed.high:.3f}); its outputs are within {best.relative_error:.1e} of the "
            "largest."
        )
    if not best.equal:
        off = f"its outputs are off by {best.relative_error:.1e}"
        console.warn(f"{best.name} is not equal to the {baseline.name} file: {off}")


def say_how_to_run(
    console: Console,
    path: Path,
    plan: ComparisonPlan,
    options: RuntimeOptions,
    *,
    code: str,
    network: NetworkTarget | None = None,
    input_shapes: Mapping[str | None, tuple[int, ...]],
    given: Given = NOTHING_GIVEN,
    batch_size: int,
) -> None:
    """The settings of a file, and the command that measures it again.

    Args:
        code: what runs it, in Python.
        network: where the runtime runs it itself; of a file its image size and weights are in the file.
        input_shapes, given, batch_size: as the user gave them, for what the file leaves open.
    """
    settings = "".join(f", {setting}" for setting in _settings(plan, options))
    console.note(f"Run it with {RUNTIME_NAMES[options.runtime]}{settings}:")
    for line in code.splitlines():
        console.note(f"    {line}")
    again = ["effmod", "bench", network.name if network else os.fspath(path), "--threads", str(threads_to_use(plan))]
    again += network.choices.of_network() if network else []
    again += [*arguments(plan.device, options), *_feeding(input_shapes, batch_size), *given.options()]
    console.note(f"Measure it: {shlex.join(again)}")


def _settings(plan: ComparisonPlan, options: RuntimeOptions) -> Iterator[str]:
    """In the runtime's own words; those of its defaults that were never varied are left out."""
    if options.runtime not in ONNXRUNTIMES:
        return  # the code has them
    if plan.device is Device.CPU:
        yield f"intra_op_num_threads = {threads_to_use(plan)}"
        yield f"graph_optimization_level = ORT_ENABLE_{options.graph_optimization.upper()}"
        if not options.allow_spinning:
            yield 'session.intra_op.allow_spinning = "0"'
        if options.denormal_as_zero:
            yield 'session.set_denormal_as_zero = "1"'
        return
    yield f"prefer_nhwc = {int(options.prefer_nhwc)}"
    yield f"enable_cuda_graph = {int(options.cuda_graph)}"
    yield f"use_tf32 = {int(options.use_tf32)}"


def _feeding(input_shapes: Mapping[str | None, tuple[int, ...]], batch_size: int) -> Iterator[str]:
    for name, shape in input_shapes.items():
        yield f"--input-shape={f'{name}:' if name else ''}{','.join(map(str, shape))}"
    if batch_size != 1:
        yield f"--batch-size={batch_size}"
