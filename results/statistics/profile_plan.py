"""What a runtime's plan comes to: of each operator, and of any group of them, the share of the work that it estimates.

Nothing ran, so that there are neither times nor intervals.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from results.records.artifact import TimedArtifact
from results.records.environment import Environment
from results.records.measured import Outcome
from results.records.plan import ProfilePlan
from results.records.profile import Joined, Profile, ProfiledOperator
from results.statistics.profile_tree import DEPTH, by_kind, whole_and_modules

UNKNOWN = "unknown"
"""The processor of an operator of which the plan tells none."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime's plan for one artifact.

    Attributes:
        target: which of its run's it is, from 0.
        estimated_shares: by operator, of the work of an inference; they add up to 1.
    """

    run_id: str
    target: int
    artifact: TimedArtifact
    plan: ProfilePlan
    environment: Environment
    operators: tuple[ProfiledOperator, ...]
    estimated_shares: tuple[float, ...]

    @property
    def has_modules(self) -> bool:
        """Whether the operators say of what modules they are."""
        return any(operator.module for operator in self.operators)

    @property
    def attributed(self) -> float:
        """The share of the work that belongs to a module."""
        return math.fsum(
            s for s, each in zip(self.estimated_shares, self.operators, strict=True) if each.module is not None
        )

    @property
    def guessed(self) -> float:
        """The share of the work whose module was told by the operators' neighbours alone."""
        pairs = zip(self.estimated_shares, self.operators, strict=True)
        return math.fsum(share for share, each in pairs if each.joined is Joined.NEIGHBOURS)

    @property
    def processors(self) -> dict[str, float]:
        """The share of the work on each processor, the largest first."""
        return _processors(self, range(len(self.operators)))


class PlannedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A group of operators: a module, a kind, or one operator alone.

    Attributes:
        name, path, depth: as of a `Part`.
        estimated_share: of the work of an inference.
        processors: the share of its own work on each processor, the largest first.
        guessed: that of operators whose module was told by their neighbours alone.
    """

    name: str
    path: str
    depth: int
    estimated_share: float
    operators: int
    processors: dict[str, float]
    guessed: float

    @property
    def weight(self) -> float:
        return self.estimated_share


def plans_of_runs(records: Sequence[Profile]) -> list[Planned]:
    """The plans among profiles; of those that failed there is none."""
    return [_planned(record) for record in records if record.outcome is Outcome.OK and record.weights]


def _planned(record: Profile) -> Planned:
    whole = math.fsum(record.weights)
    return Planned(
        run_id=record.run_id,
        target=record.target,
        artifact=record.artifact,
        plan=record.plan,
        environment=record.environment,
        operators=record.operators,
        estimated_shares=tuple(weight / whole for weight in record.weights),
    )


def planned_modules(planned: Planned, *, depth: int = DEPTH, operators: bool = False) -> tuple[PlannedPart, ...]:
    """The modules of a network, the whole of it first, as deep as asked.

    Args:
        operators: show those of each module that is shown beneath it.
    """

    def make(own: Sequence[int], name: str, path: str, depth: int) -> PlannedPart:
        return _part(planned, own, name=name, path=path, depth=depth)

    def of_operator(i: int, depth: int) -> PlannedPart:
        return _operator(planned, i, depth=depth)

    shown = of_operator if operators else None
    return whole_and_modules(planned.operators, planned.artifact.name, make, shown, depth=depth)


def planned_operators(planned: Planned) -> tuple[PlannedPart, ...]:
    """Every operator, that with most of the work first."""
    parts = [_operator(planned, i) for i in range(len(planned.operators))]
    return tuple(sorted(parts, key=lambda each: -each.estimated_share))


def planned_kinds(planned: Planned) -> tuple[PlannedPart, ...]:
    """The operators of each kind, the kind with most of the work first."""
    parts = [_part(planned, found, name=kind, path=kind) for kind, found in by_kind(planned.operators).items()]
    return tuple(sorted(parts, key=lambda each: -each.estimated_share))


def _operator(planned: Planned, i: int, *, depth: int = 0) -> PlannedPart:
    operator = planned.operators[i]
    return _part(planned, [i], name=f"{operator.kind} {operator.name}", path=operator.module or "", depth=depth)


def _part(planned: Planned, operators: Sequence[int], *, name: str, path: str, depth: int = 0) -> PlannedPart:
    share = math.fsum(planned.estimated_shares[i] for i in operators)
    guessed = math.fsum(
        planned.estimated_shares[i] for i in operators if planned.operators[i].joined is Joined.NEIGHBOURS
    )
    return PlannedPart(
        name=name,
        path=path,
        depth=depth,
        estimated_share=share,
        operators=len(operators),
        processors=_processors(planned, operators),
        guessed=guessed / (share or 1.0),
    )


def _processors(planned: Planned, operators: Sequence[int]) -> dict[str, float]:
    """Without those that have none of the work, but where there is none at all."""
    by_processor: dict[str, float] = defaultdict(float)
    for i in operators:
        by_processor[planned.operators[i].provider or UNKNOWN] += planned.estimated_shares[i]
    whole = math.fsum(by_processor.values())
    in_order = sorted(by_processor.items(), key=lambda item: -item[1])
    return {name: share / (whole or 1.0) for name, share in in_order if share or not whole}
