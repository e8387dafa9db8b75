"""Several outputs of one artifact: each is judged as it would be alone, and one parity tells of all."""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from exporters.artifact.sidecar import Departure, Parity, Rounding
from exporters.proof.comparison import LEAST_CHANGE, follows, moves_enough, severity, shortfall


def merged(parities: Mapping[str, Parity]) -> Parity:
    """The parity of an artifact, by those of its outputs.

    It is that of the output that falls short by most, or else differs most, with the largest of each error of rounding,
    whichever output has it, and with the change of the output that moves most: those that hardly move are named. An
    output that moves, and not with the network's, comes before all others, with its own change. One that is undecided
    comes before those that are equal. The counts of images are both of one output.
    """
    strays = {name: parity for name, parity in parities.items() if _strays(parity)}
    worst = max((strays or parities).values(), key=_weight)
    change = worst.output_change if strays else float(np.max([each.output_change for each in parities.values()]))
    still = tuple(name for name, parity in parities.items() if _is_still(parity)) if len(parities) > 1 else ()
    rounding, departure = _rounding(parities.values())
    alike = [each for each in parities.values() if each.is_undecided is worst.is_undecided]
    unsteadiest = max(alike, key=lambda each: each.unsteady_inputs)
    return msgspec.structs.replace(
        worst,
        output_change=change,
        inputs=unsteadiest.inputs,
        unsteady_inputs=unsteadiest.unsteady_inputs,
        still_outputs=still,
        rounding=rounding,
        first_departure=departure or worst.first_departure,
    )


def _weight(parity: Parity) -> tuple[bool, bool, tuple[float, float]]:
    """To order outputs by: first those that are equal, then those that are undecided, then those that differ."""
    size = severity(parity)
    return size[0] > 0 and not parity.is_undecided, parity.is_undecided, size


def _strays(parity: Parity) -> bool:
    return parity.tolerance is None and parity.output_change > LEAST_CHANGE and not follows(parity)


def _is_still(parity: Parity) -> bool:
    """Whether an output moves too little for its equality to say something."""
    return parity.output_change <= LEAST_CHANGE if parity.tolerance is None else not moves_enough(parity)


def _rounding(parities: Iterable[Parity]) -> tuple[Rounding | None, Departure | None]:
    """The largest of each of the errors, and where the first output begins to depart whose program is wrong."""
    apart = [(parity.rounding, parity.first_departure) for parity in parities if parity.rounding is not None]
    if not apart:
        return None, None
    found = [rounding for rounding, _ in apart]
    program, rounded = (
        max(each, key=lambda judged: shortfall(*judged)) for each in zip(*(each.judged for each in found), strict=True)
    )
    largest = Rounding(
        program_relative_error=program[0],
        rounded_relative_error=rounded[0],
        arithmetic_relative_error=float(np.max([rounding.arithmetic_relative_error for rounding in found])),
        tolerance=program[1],
        rounded_tolerance=None if rounded[1] == program[1] else rounded[1],
    )
    return largest, next((departure for rounding, departure in apart if not rounding.is_right), None)
