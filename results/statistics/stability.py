"""Signs that a number should not be leaned on. It is kept all the same, and marked.

What the samples show is worked out from them when they are read, and so is what the machine did meanwhile, from the
facts that each record holds.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from math import log
from typing import TYPE_CHECKING

from results.records.environment import Conditions, Environment, Machine
from results.records.measured import Round

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


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
    BIMODAL = "bimodal"
    RATIO_BIMODAL = "ratio-bimodal"
    ROUNDS_DISAGREE = "rounds-disagree"


SPREAD_LIMIT = 0.1

# What concerns single processes is said where it befell at least this share of them: one of five, four of twenty.
AFFECTED_SHARE = 0.2

LEAST_RUNS = 100  # fewer in a round tell neither a drift nor two modes
LEAST_ROUNDS = 5
DRIFT_LIMIT = 0.03
DRIFT_LEVEL = 0.02  # how often chance alone may look like a drift, in all rounds of a measurement together
MODES_APART = 0.05
ROUNDS_APART = 0.1
SPLIT_EXPLAINS = 0.95
OTHER_LOAD_LIMIT = 0.05  # of all cores' time, or
OTHER_LOAD_CORES = 0.5  # so much of one core's, whichever is less
AVAILABLE_MEMORY_LIMIT = 0.05
MEMORY_STALL_LIMIT = 0.01
SWAPPED_IN_LIMIT = 10e6  # bytes; a little is read back now and then on a machine at rest
_BLOCKS = 10


def find_warnings(round_spread: float | None, rounds: Sequence[Round]) -> tuple[StabilityWarning, ...]:
    """The warnings that a measurement's good rounds give, in the order in which they ran."""
    if not rounds:
        return ()
    level = DRIFT_LEVEL / len(rounds)  # after Bonferroni: each round is one more chance to be wrong
    medians = [_median(record.durations_ns) for record in rounds]
    found = {
        StabilityWarning.NOT_STEADY: _often([record.steady is False for record in rounds]),
        StabilityWarning.DRIFT: _often([drifts(_block_medians(r.durations_ns), level=level) for r in rounds])
        or drifts(medians, level=DRIFT_LEVEL),
        StabilityWarning.BIMODAL: _often([has_two_modes(record.durations_ns) for record in rounds])
        or fall_in_two(medians),
        StabilityWarning.ROUNDS_DISAGREE: round_spread is not None and round_spread > SPREAD_LIMIT,
    }
    return (
        *find_machine_warnings([record.environment for record in rounds]),
        *(warning for warning, applies in found.items() if applies),
    )


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
        StabilityWarning.THROTTLED: _befell(environments, lambda c, _: bool(c.thermal_throttles or c.quota_throttles))
        or _often([_gpu_was_throttled(e) for e in environments]),
        StabilityWarning.MEMORY_PRESSURE: _befell(environments, _lacked_memory),
    }
    return tuple(warning for warning, applies in found.items() if applies)


def drifts(medians: Sequence[float], *, level: float) -> bool:
    """Whether values in the order of time rise or fall by more than 3 % from first to last, and not by chance.

    How much is Sen's slope (1968), the median over all pairs, so that neither a spike nor one jump makes it; chance
    is the test of Mann (1945), Kendall's tau against time. Fewer than five values never drift.

    Args:
        level: how often chance alone may pass.
    """
    if len(medians) < LEAST_ROUNDS:
        return False
    from scipy.stats import kendalltau, theilslopes

    times = range(len(medians))
    change = abs(theilslopes(medians, times).slope) * (len(medians) - 1) / _median(medians)
    return bool(change > DRIFT_LIMIT and kendalltau(times, medians).pvalue < level)


def has_two_modes(durations_ns: Sequence[int]) -> bool:
    """Whether a round's runs lie in two groups at least 5 % apart, with little in between.

    The runs, as logarithms, are split where the variance between the two parts is largest (Otsu 1979); the outermost
    twentieths are moved inwards for that, or rare spikes would decide it. A distribution with one mode is, anywhere
    between two points, at least as dense as at one of them; so the runs are counted in three windows of equal width,
    around the medians of the two parts and halfway between. Of two modes each holds a tenth of all runs, and halfway
    there are fewer than half as many as at the smaller of them.
    """
    import numpy as np

    if len(durations_ns) < LEAST_RUNS:
        return False
    logs = np.sort(np.log(durations_ns))
    least = len(logs) // 10
    split, _ = _split(logs.clip(*np.percentile(logs, (5, 95))), least)
    low, high = float(np.median(logs[:split])), float(np.median(logs[split:]))
    width = (high - low) / 3
    at_low, valley, at_high = (
        np.count_nonzero(np.abs(logs - centre) <= width / 2) for centre in (low, (low + high) / 2, high)
    )
    smaller = min(at_low, at_high)
    return bool(high - low > log(1 + MODES_APART) and smaller >= least and valley < smaller / 2)


def fall_in_two(medians: Sequence[float]) -> bool:
    """Whether the medians of rounds, five or more, fall in two groups at least 10 % apart, of two rounds or more each.

    Or the ratios of a comparison's processes.

    They do where splitting their logarithms in two explains 95 % of their variance (Otsu's criterion: 64 % for many
    normal values). Five values of one wide uniform distribution pass in about one case of ten, ten hardly ever.
    """
    import numpy as np

    if len(medians) < LEAST_ROUNDS:
        return False
    logs = np.sort(np.log(medians))
    split, explained = _split(logs, 2)
    apart = logs[split:].mean() - logs[:split].mean()
    return bool(apart > log(1 + ROUNDS_APART) and explained > SPLIT_EXPLAINS)


def _split(values: "npt.NDArray[np.float64]", least: int) -> tuple[int, float]:
    """Where to cut sorted values in two, each part at least so long, and the share of their variance it explains."""
    import numpy as np

    n = len(values)
    sizes = np.arange(least, n - least + 1)
    centred = values - values.mean()
    sums = np.cumsum(centred)[sizes - 1]
    between = sums**2 * n / (sizes * (n - sizes))
    best = int(between.argmax())
    total = float((centred**2).sum())
    return int(sizes[best]), float(between[best]) / total if total else 0.0


def _block_medians(durations_ns: Sequence[int]) -> list[float]:
    """The medians of ten successive parts of a round; none of a round too short to tell."""
    import numpy as np

    if len(durations_ns) < LEAST_RUNS:
        return []
    return [float(np.median(block)) for block in np.array_split(np.asarray(durations_ns), _BLOCKS)]


def _median(values: Sequence[float]) -> float:
    import numpy as np

    return float(np.median(values))


def _befell(environments: Sequence[Environment], sign: Callable[[Conditions, Machine], bool]) -> bool:
    """Whether enough processes show a sign; those of which nothing is known do not."""
    return _often([e.conditions is not None and sign(e.conditions, e.machine) for e in environments])


def _often(signs: Sequence[bool]) -> bool:
    return any(signs) and sum(signs) >= AFFECTED_SHARE * len(signs)


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
