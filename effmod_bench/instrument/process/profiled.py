"""One artifact profiled: what a profile's process does."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.instrument.process.messages import Profiled, ProfileJob
from results import Device

if TYPE_CHECKING:
    from effmod_bench.instrument.profilers.profiler import Profiler


def blocks_of(runs: int, block: int | None) -> tuple[int, ...]:
    """How many runs count in each block."""
    full, rest = divmod(runs, block or runs)
    return (block or runs,) * full + ((rest,) if rest else ())


def run_profile(job: ProfileJob, *, on_warm: Callable[[int], None]) -> Profiled:
    """Load the artifact twice, with the profiler and without, and run both in blocks by turns.

    Of Core ML, whose plan is an estimate, nothing is run.

    Args:
        on_warm: told about how many nanoseconds a run takes, when those that count begin.

    Raises:
        ProfileError: what the profiler has told is no whole profile.
        FloatingPointError: the artifact gives NaN or infinity.
        Exception: whatever the runtime raises for a file that it cannot load or run.
    """
    if job.session.device is Device.COREML:
        from effmod_bench.instrument.profilers.coreml import read_plan

        return read_plan(job.session)
    from effmod_bench.instrument.clock import no_garbage_collection, time_in_turn, time_once
    from effmod_bench.instrument.process.inputs import make_inputs
    from effmod_bench.instrument.sessions.registry import open_profiler, open_session
    from effmod_bench.instrument.sessions.session import check_outputs

    inputs, *_ = make_inputs(job.inputs, job.feeds, job.mean, job.std)
    profiler = open_profiler(job.session, inputs)
    plain = open_session(msgspec.structs.replace(job.session, profile_folder=None), inputs)
    first = (plain, profiler) if job.plain_first else (profiler, plain)
    first_ns = [time_once(each.run)[1] for each in first]
    for session in (plain, profiler.session):
        session.prepare_outputs()
    with_ns: list[int] = []
    without_ns: list[int] = []
    with no_garbage_collection():
        warmup = [list(time_in_turn([each.run] * job.warmup_runs)) for each in first]
        on_warm(min(warmup[0] or first_ns[:1]))
        for number, runs in enumerate(blocks_of(job.runs, profiler.block)):
            for each in first if number % 2 == 0 else first[::-1]:
                time_in_turn([each.run])  # it finds the caches full of the other's weights, and is left out
                if each is profiler:
                    with_ns += _profiled_block(profiler, runs)
                else:
                    without_ns += time_in_turn([each.run] * runs)
    check_outputs(profiler.session)
    facts = profiler.session.facts()
    account = profiler.read(_counted(1 + job.warmup_runs, blocks_of(job.runs, profiler.block)), with_ns)
    return Profiled(
        session=facts,
        operators=account.operators,
        run_us=account.run_us,
        runs_each=account.runs_each,
        with_ns=tuple(with_ns),
        without_ns=tuple(without_ns),
    )


def _profiled_block(profiler: "Profiler", runs: int) -> list[int]:
    from effmod_bench.instrument.clock import time_in_turn

    profiler.begin()
    taken = time_in_turn([profiler.run] * runs)
    profiler.end()
    return list(taken)


def _counted(before: int, blocks: tuple[int, ...]) -> list[int]:
    """Which of the profiler's runs count, after so many that do not."""
    found: list[int] = []
    next_ = before
    for block in blocks:
        found += range(next_ + 1, next_ + 1 + block)
        next_ += 1 + block
    return found
