"""All that comes before measuring: wrong use is said, the store can be written, every file is there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from effmod_bench.instrument.available import check_installed, check_runs
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.machine.system import available_cores, cpu_quota
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import PAPER_THREADS, threads_to_use, usable_cores
from effmod_bench.isolation.apart import end
from effmod_bench.runs.items import find_targets
from effmod_bench.runs.plan import Invocation
from effmod_bench.screen.console import Console
from effmod_bench.screen.weights import say_weights
from effmod_bench.targets.subjects import say_changed
from effmod_bench.targets.target import FileTarget
from results import BenchPlan, StoreError
from results.tables.words import counted


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What can be timed now.

    Attributes:
        anchor: where there is one.
        left_out: what else was asked for, and why it is not timed, of which the user was told.
    """

    subjects: tuple[Subject, ...]
    anchor: Subject | None
    left_out: dict[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether that is all that was asked for."""
        return not self.left_out


@contextmanager
def prepared(
    console: Console, invocation: Invocation, *, check: Callable[[Sequence[str]], None] = lambda _: None
) -> Iterator[Prepared]:
    """What a run is to time, and the anchor where there is one; export what is missing.

    Nobody else measures on this machine until the block ends. Where it is cut short, the user is told how to go on.

    Args:
        check: refuses names that make no sense together: those of the targets, before anything is exported, and
            those of the artifacts that they came to.

    Raises:
        StoreError: the store cannot be written.
        DeviceUnavailableError: the device cannot be used here.
        UnknownModelError, ImageSizeError, TargetError, ArtifactError, CheckpointError, ExportError, ParityError:
            a target cannot be timed; and as `check`.
    """
    run, store = invocation.run, invocation.store
    found = find_targets(run)
    targets, anchor = found.targets, found.anchor
    check([target.name for target in targets])
    check_installed(run.plan.device, run.plan.options)
    store.check_writable()
    for threads in run.threads or (run.plan.threads,):
        _say_threads(console, msgspec.structs.replace(run.plan, threads=threads))
    for what, error in found.left_out.items():
        console.warn(f"{what} is left out: {error}")
    # A wrong file is said before waiting, and before the minutes that exporting takes.
    files = [target.read for target in (*targets, anchor) if isinstance(target, FileTarget)]
    say_changed(console, {subject.path: subject for subject in files}.values())
    if not invocation.resumed:
        store.write(run)
    try:
        with measuring_alone(wait=invocation.wait, on_wait=console.note):
            check_runs(run.plan.device, run.plan.options)
            # One artifact named twice, as a network and as its file, say, is one target, in its first place: the first
            # of all is the baseline of a comparison.
            once: dict[bytes, Subject] = {}
            for target in targets:
                subject = target.subject(console)
                once.setdefault(msgspec.json.encode(subject.artifact), subject)
            beside = anchor.subject(console) if anchor else None
            check([subject.artifact.name for subject in once.values()])
            timed = [*once.values(), *([beside] if beside else [])]
            say_weights(console, [(subject.artifact.name, subject.artifact.weights) for subject in timed])
            end()  # what has made the files is in the way of measuring
            left_out = {what: str(error) for what, error in found.left_out.items()}
            yield Prepared(subjects=tuple(once.values()), anchor=beside, left_out=left_out)
    except KeyboardInterrupt:
        console.note(f"go on: {run.resume_command(store.path)}")
        raise
    except StoreError as error:
        raise StoreError(
            f"{error}. What it holds stays readable; once it can be written, go on: {run.resume_command(store.path)}"
        ) from error


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
