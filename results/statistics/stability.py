"""Signs that a number should not be leaned on. It is kept all the same, and marked.

What the samples show is worked out from them when they are read, and so is what the machine did meanwhile, from the
facts that each record holds.
"""

import math
from collections.abc import Callable, Sequence
from enum import StrEnum

from results.records.artifact import Subnormals
from results.records.environment import Conditions, Environment, Machine
from results.records.measured import Round
from results.records.plan import Device, RuntimeOptions
from results.statistics.dependence import depend
from results.statistics.drift import drifts, rounds_drift
from results.statistics.feeds import input_dependence, may_depend
from results.statistics.modes import fall_in_two, rounds_have_two_modes
from results.statistics.stacks import by_run, of_each
from results.statistics.timed import TimedRound


class StabilityWarning(StrEnum):
    """What makes a measurement doubtful, or a comparison."""

    FEWER_CORES = "fewer-cores-than-threads"
    CPU_QUOTA = "cpu-quota"
    GOVERNOR = "frequency-governor"
    BATTERY = "battery"
    OTHER_LOAD = "other-load"
    THROTTLED = "throttled"
    MEMORY_PRESSURE = "memory-pressure"
    NOT_STEADY = "not-steady"
    DRIFT = "drift"
    PROCESSES_DEPEND = "processes-depend"
    BIMODAL = "bimodal"
    RATIO_BIMODAL = "ratio-bimodal"
    ROUNDS_DISAGREE = "rounds-disagree"
    INPUT_DEPENDENT = "input-dependent"
    MADE_UP_INPUT = "made-up-input"
    SUBNORMAL_WEIGHTS = "subnormal-weights"
    SUBNORMAL_ACTIVATIONS = "subnormal-activations"


OF_ARTIFACTS = frozenset(
    (
        StabilityWarning.INPUT_DEPENDENT,
        StabilityWarning.MADE_UP_INPUT,
        StabilityWarning.SUBNORMAL_WEIGHTS,
        StabilityWarning.SUBNORMAL_ACTIVATIONS,
    )
)
"""What an artifact itself is warned of, wherever it is timed: of a comparison it may be either's."""

SPREAD_LIMIT = 0.1

# What concerns single processes is said where it befell at least this share of them: one of five, four of twenty.
AFFECTED_SHARE = 0.2

DRIFT_LEVEL = 0.02  # how often chance alone may look like a drift, in all rounds of a measurement together
OTHER_LOAD_LIMIT = 0.05  # of all cores' time, or
OTHER_LOAD_CORES = 0.5  # so much of one core's, whichever is less
AVAILABLE_MEMORY_LIMIT = 0.05
MEMORY_STALL_LIMIT = 0.01
SWAPPED_IN_LIMIT = 10e6  # bytes; a little is read back now and then on a machine at rest


def find_warnings(round_spread: float | None, rounds: Sequence[Round | TimedRound]) -> tuple[StabilityWarning, ...]:
    """The warnings that a measurement's good rounds give, in the order in which they ran."""
    import numpy as np

    if not rounds:
        return ()
    level = DRIFT_LEVEL / len(rounds)  # after Bonferroni: each round is one more chance to be wrong
    times = [record.durations_ns for record in rounds]
    medians = [float(median) for median in of_each(times, lambda rows: np.median(rows, axis=1))]
    run_ids = [record.run_id for record in rounds]
    drift = rounds_drift(times, level=level, share=AFFECTED_SHARE) or drifts(medians, level=DRIFT_LEVEL)
    found = {
        StabilityWarning.NOT_STEADY: _often([record.steady is False for record in rounds]),
        StabilityWarning.DRIFT: drift,
        # What drifts is alike from one round to the next: that is said already. What differs from run to run is in the
        # interval.
        StabilityWarning.PROCESSES_DEPEND: not drift and any(map(depend, by_run(run_ids, map(math.log, medians)))),
        StabilityWarning.BIMODAL: _often(of_each(times, rounds_have_two_modes)) or fall_in_two(medians),
        StabilityWarning.ROUNDS_DISAGREE: round_spread is not None and round_spread > SPREAD_LIMIT,
        StabilityWarning.INPUT_DEPENDENT: input_dependence((r.fed_ns, r.other_ns) for r in rounds) is not None,
        StabilityWarning.MADE_UP_INPUT: bool(may_depend(rounds[0].artifact, rounds[0].environment.session)),
    }
    plan = rounds[0].plan
    return (
        *find_machine_warnings([record.environment for record in rounds]),
        *(warning for warning, applies in found.items() if applies),
        *find_subnormal_warnings(plan.device, plan.options, [record.subnormals for record in rounds]),
    )


def find_subnormal_warnings(
    device: Device, options: RuntimeOptions, artifacts: Sequence[Subnormals | None]
) -> tuple[StabilityWarning, ...]:
    """The warnings that artifacts give of whose numbers some are subnormal, where those may cost time.

    GPUs and Apple's processors take as long for them as for others.
    """
    if device is not Device.CPU or options.denormal_as_zero:
        return ()
    found = {
        StabilityWarning.SUBNORMAL_WEIGHTS: any(each.weights for each in artifacts if each),
        StabilityWarning.SUBNORMAL_ACTIVATIONS: any(each.activations for each in artifacts if each),
    }
    return tuple(warning for warning, applies in found.items() if applies)


def find_machine_warnings(environments: Sequence[Environment]) -> tuple[StabilityWarning, ...]:
    """The warnings that the machine gives, by what it was and did while a measurement's or comparison's processes ran.

    Args:
        environments: one for each process that did not fail.
    """
    if not environments:
        return ()
    machine, threads = environments[0].machine, environments[0].threads or 0
    found = {
        StabilityWarning.FEWER_CORES: threads > machine.available_cores,
        StabilityWarning.CPU_QUOTA: machine.cpu_quota is not None and threads > machine.cpu_quota,
        StabilityWarning.GOVERNOR: any(e.machine.governor not in (None, "performance") for e in environments),
        StabilityWarning.BATTERY: _befell(environments, lambda c, _: c.on_battery is True),
        StabilityWarning.OTHER_LOAD: _befell(environments, _met_other_load)
        or _often([_gpu_was_shared(e) for e in environments]),
        StabilityWarning.THROTTLED: _befell(environments, _was_slowed)
        or _often([_gpu_was_throttled(e) for e in environments]),
        StabilityWarning.MEMORY_PRESSURE: _befell(environments, _lacked_memory),
    }
    return tuple(warning for warning, applies in found.items() if applies)


def _befell(environments: Sequence[Environment], sign: Callable[[Conditions, Machine], bool]) -> bool:
    """Whether enough processes show a sign; those of which nothing is known do not."""
    return _often([e.conditions is not None and sign(e.conditions, e.machine) for e in environments])


def _often(signs: Sequence[bool]) -> bool:
    return any(signs) and sum(signs) >= AFFECTED_SHARE * len(signs)


def _was_slowed(conditions: Conditions, _: Machine) -> bool:
    held_down = conditions.slowed_before or conditions.slowed_after
    return bool(conditions.thermal_throttles or conditions.quota_throttles or held_down)


def _gpu_was_throttled(environment: Environment) -> bool:
    states = (environment.gpu_before, environment.gpu_after)
    return any(bool(state.throttle_reasons) for state in states if state)


def _gpu_was_shared(environment: Environment) -> bool:
    states = (environment.gpu_before, environment.gpu_after)
    return any(bool(state.other_processes) for state in states if state)


def _met_other_load(conditions: Conditions, machine: Machine) -> bool:
    cores = machine.logical_cores
    if conditions.other_cpu_s is None or not cores:
        return False
    return conditions.other_cpu_s > min(OTHER_LOAD_LIMIT * cores, OTHER_LOAD_CORES) * conditions.elapsed_s


def _lacked_memory(conditions: Conditions, machine: Machine) -> bool:
    available = conditions.available_memory_bytes
    return (
        (available is not None and available < AVAILABLE_MEMORY_LIMIT * machine.memory_bytes)
        or (conditions.memory_stall_s or 0.0) > MEMORY_STALL_LIMIT * conditions.elapsed_s
        or (conditions.swapped_in_bytes or 0) > SWAPPED_IN_LIMIT
    )
