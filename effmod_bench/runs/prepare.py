"""All that comes before measuring: wrong use is said, the store can be written, every file is there."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec

from effmod_bench.errors import TargetError, UnfinishedError
from effmod_bench.instrument.available import check_installed, check_runs
from effmod_bench.instrument.evaluate import evaluate
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.machine.system import available_cores, cpu_quota
from effmod_bench.instrument.place import Place
from effmod_bench.instrument.sessions.session import SessionError
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import PAPER_THREADS, threads_to_use, usable_cores
from effmod_bench.instrument.watch import without_folders
from effmod_bench.isolation.apart import apart, end
from effmod_bench.runs.items import Found, find_targets
from effmod_bench.runs.plan import Invocation, RunPlan
from effmod_bench.runs.resume import accuracies_in
from effmod_bench.runs.stated import say_outranked
from effmod_bench.runs.where import places_of, reached
from effmod_bench.screen.console import Console
from effmod_bench.screen.weights import say_weights
from effmod_bench.targets.stated import check_stated, is_stated, with_stated
from effmod_bench.targets.subjects import say_changed
from effmod_bench.targets.target import FileTarget, Target, unmade_subject
from exporters import ExportError, ParityError
from exporters.rewrites import RewriteError
from exporters.stage import Stage
from models.zoo.errors import ModelTargetError
from results import RUNTIME_NAMES, BenchPlan, Runtime, RuntimeOptions, Store, StoreError
from results.tables.words import counted


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What can be timed now.

    Attributes:
        subjects: some may not be made; their records say why.
        options: how each of them is run; empty where that is as the run's plan says.
        anchor: where there is one.
        places: where: this machine, or others, of which some may be lost.
        left_out: what else was asked for, and why it is not timed, of which the user was told.
    """

    subjects: tuple[Subject, ...]
    options: tuple[RuntimeOptions, ...] = ()
    anchor: Subject | None
    places: tuple[Place, ...]
    left_out: dict[str, str]

    @property
    def not_timed(self) -> dict[str, str]:
        """What is left out, or could not be made, and why."""
        unmade = {each.artifact.name: each.failure for each in self.subjects if each.failure is not None}
        return self.left_out | unmade

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return not self.left_out


@contextmanager
def prepared(
    console: Console, invocation: Invocation, *, check: Callable[[Sequence[str]], None] = lambda _: None
) -> Iterator[Prepared]:
    """What a run is to time, and the anchor where there is one; export what is missing.

    Of several targets one that cannot be made does not end the run: what comes of it is a row that says why.

    Nobody else measures on this machine, or on its boards, until the block ends. Where it is cut short, the user is
    told how to go on.

    Args:
        check: refuses names that make no sense together: those of the targets, before anything is exported, and
            those of the artifacts that they came to.

    Raises:
        StoreError: the store cannot be written.
        DeviceUnavailableError: the device cannot be used here.
        UnknownModelError, ImageSizeError, TargetError, ArtifactError, CheckpointError, ExportError, ParityError:
            a target cannot be timed; and as `check`.
    """
    run = invocation.run
    found = find_targets(run)
    check([target.name for target in found.targets])
    check_stated(run.top1, found.targets)
    with reached(console, invocation):
        yield from _prepared(console, invocation, found, check)


def _prepared(
    console: Console, invocation: Invocation, found: Found, check: Callable[[Sequence[str]], None]
) -> Iterator[Prepared]:
    run, store, is_here = invocation.run, invocation.store, invocation.elsewhere.on is None
    targets, anchor = found.targets, found.anchor
    if is_here:
        for options in run.every_options:
            check_installed(run.plan.device, options)
    store.check_writable()
    for threads in run.threads or (run.plan.threads,) if is_here else ():
        _say_threads(console, msgspec.structs.replace(run.plan, threads=threads))
    for what, error in found.left_out.items():
        console.warn(f"{what} is left out: {error}")
    # A wrong file is said before waiting, and before the minutes that exporting takes.
    files = [target.read for target in (*targets, anchor) if isinstance(target, FileTarget)]
    say_changed(console, {subject.path: subject for subject in files}.values())
    if not invocation.resumed:
        store.write(run)
    try:
        with ExitStack() as held:
            if is_here:
                held.enter_context(measuring_alone(wait=invocation.wait, on_wait=console.note))
                for options in run.every_options:
                    check_runs(run.plan.device, options)
            places = held.enter_context(places_of(console, invocation))
            # One artifact named twice, as a network and as its file, say, is one target, in its first place: the first
            # of all is the baseline of a comparison.
            once: dict[bytes, tuple[Subject, RuntimeOptions]] = {}
            stated = list[Subject]()
            for target, options, subject in _subjects(console, run, found):
                if subject.failure is None:
                    subject = with_stated(subject, target, run.top1)
                    stated += [subject] if is_stated(target, run.top1) else []
                once.setdefault(msgspec.json.encode((subject.artifact, options)), (subject, options))
            compared = run.compared if is_here else None
            subjects = tuple(subject for subject, _ in once.values())
            if compared is not None:
                subjects = _tried(console, [*once.values()], alone=compared.control)
            beside = anchor.subject(console) if anchor else None
            check([subject.artifact.name for subject in subjects])
            timed = [*subjects, *([beside] if beside else [])]
            _say_outranked(console, store, stated)
            say_weights(console, [(subject.artifact.name, subject.artifact.weights) for subject in timed])
            end()  # what has made the files is in the way of measuring
            left_out = {what: str(error) for what, error in found.left_out.items()}
            yield Prepared(
                subjects=subjects,
                options=tuple(options for _, options in once.values()) if len(run.every_options) > 1 else (),
                anchor=beside,
                places=places,
                left_out=left_out,
            )
    except KeyboardInterrupt:
        console.note(f"go on: {invocation.resume_command}")
        raise
    except StoreError as error:
        raise StoreError(
            f"{error}. What it holds stays readable; once it can be written, go on: {invocation.resume_command}"
        ) from error


def _tried(console: Console, every: Sequence[tuple[Subject, RuntimeOptions]], *, alone: bool) -> tuple[Subject, ...]:
    """What is compared, each with why where its runtime cannot run it: that is a row, and no process is spent on it.

    Args:
        alone: the first is worth timing by itself.

    Raises:
        TargetError: that is the first, or nothing is left to compare with it.
    """
    found: list[Subject] = []
    refusals: list[str] = []
    for subject, options in every:
        why = why_not(subject, options) if subject.failure is None else None
        if why is not None:
            refusals.append(f"{why}; leave {options.runtime} out, or take another file")
            if not found:
                raise TargetError(f"{refusals[0]}: the first is what all others are compared with")
            console.warn(f"{subject.artifact.name} failed on {RUNTIME_NAMES[options.runtime]}; on to the next")
        found.append(msgspec.structs.replace(subject, failure=subject.failure or why))
    if refusals and sum(subject.failure is None for subject in found) < (1 if alone else 2):
        raise TargetError(refusals[0])
    return tuple(found)


def why_not(subject: Subject, options: RuntimeOptions) -> str | None:
    """Why a runtime of its own reading cannot run a file; None where it can, or where that is not known before."""
    if options.runtime is not Runtime.OPENVINO:
        return None
    try:
        apart(functools.partial(evaluate, subject, options), what=subject.path.name, stage=Stage.LOADING)
    except (SessionError, UnfinishedError) as error:
        return without_folders(str(error), [subject.path])
    return None


def _subjects(console: Console, run: RunPlan, found: Found) -> list[tuple[Target, RuntimeOptions, Subject]]:
    """Each target, how it is run, and what is timed of it; where that cannot be made, why.

    Raises:
        Exception: what goes wrong with one would go wrong with all, or nothing is left to time.
    """
    made: list[tuple[Target, RuntimeOptions, Subject]] = []
    failed: list[tuple[Target, Subject, Exception]] = []
    before = {artifact.name for artifact in run.artifacts if artifact.is_made}
    for target, options in zip(found.targets, found.options, strict=True):
        subject = next((subject for other, subject, _ in failed if other == target), None)
        try:
            subject = subject or target.subject(console)
        except (ExportError, ParityError, RewriteError, ModelTargetError) as error:
            subject = unmade_subject(target, error)
            is_baseline = run.compared is not None and not made
            if is_baseline or subject.artifact.name in before:
                raise
            console.warn(f"{target.name} failed; on to the next")
            failed.append((target, subject, error))
        made.append((target, options, subject))
    timed = sum(subject.failure is None for *_, subject in made)
    if failed and timed < (1 if run.compared is None or run.compared.control else 2):
        raise failed[0][-1]
    return made


def _say_outranked(console: Console, store: Store, stated: Sequence[Subject]) -> None:
    """Say of what the user states an accuracy, and another one was measured."""
    if stated:
        known = [*accuracies_in(console, store), *(each for subject in stated for each in subject.accuracies)]
        say_outranked([subject.artifact for subject in stated], known, say=console.note)


def _say_threads(console: Console, plan: BenchPlan) -> None:
    threads, cores, quota = threads_to_use(plan), available_cores(), cpu_quota()
    if threads is None:
        return
    limit = f"a container's limit of {quota:g} {'core' if quota == 1 else 'cores'}" if quota and quota < cores else None
    if plan.threads is None and usable_cores() < PAPER_THREADS:
        console.note(
            f"{counted(threads, 'thread')}, {f'as many as {limit} lets run' if limit else 'one for each core'}; the "
            f"paper used {PAPER_THREADS} (--threads {PAPER_THREADS} obeys, on shared cores)"
        )
    elif threads > usable_cores():
        where = f"within {limit}" if limit else f"on {counted(cores, 'core')}"
        console.warn(f"{threads} threads {where} wait for each other: expect slow and uneven times")
