"""What a store holds, summarised: the measurements themselves, or a pandas DataFrame of them."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from results.records.accuracy import AccuracyRecord, StatedAccuracy
from results.records.by_hand import HandEntry
from results.records.file import StoreError
from results.records.measured import ComparisonProcess, Round
from results.records.profile import Profile
from results.statistics.profile import Part, Profiled, profiles_of_runs
from results.statistics.profile_plan import Planned, PlannedPart, planned_operators, plans_of_runs
from results.statistics.profile_tree import operator_parts
from results.statistics.samples import samples_of
from results.statistics.summary import Measurement, summarise
from results.statistics.timed import Pool, TimedPair, TimedRound
from results.store import Store, no_measurements
from results.tables.table import Table
from results.tables.write import OutputFormat

if TYPE_CHECKING:
    import pandas as pd


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds, of each kind in the order in which it was begun, in no more memory than statistics need."""

    rounds: tuple[TimedRound, ...]
    pairs: tuple[TimedPair, ...]
    by_hand: tuple[HandEntry, ...]
    profiles: tuple[Profile, ...] = ()
    accuracies: tuple[AccuracyRecord | StatedAccuracy, ...] = ()

    def selected(self, patterns: Sequence[str]) -> "Contents":
        """What is of these names; all where there are none. Pairs stay where either of the two does; accuracies all do.

        Args:
            patterns: names, or patterns of the kind that a shell has.
        """
        if not patterns:
            return self
        return msgspec.structs.replace(
            self,
            rounds=tuple(each for each in self.rounds if is_one_of(each.artifact.name, patterns)),
            pairs=tuple(
                each
                for each in self.pairs
                if is_one_of(each.baseline.name, patterns) or is_one_of(each.candidate.name, patterns)
            ),
            by_hand=tuple(each for each in self.by_hand if is_one_of(each.name, patterns)),
            profiles=tuple(each for each in self.profiles if is_one_of(each.artifact.name, patterns)),
        )


def is_one_of(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name is one of these, or matches one of them: a name may have brackets, as patterns have."""
    return any(name == each or fnmatch.fnmatchcase(name, each) for each in patterns)


def read_contents(store: Store) -> Contents:
    """What a store holds, in one pass.

    Raises:
        StoreError: it cannot be read.
    """
    pool, found = Pool(), []
    kinds = (Round, ComparisonProcess, HandEntry, Profile, AccuracyRecord, StatedAccuracy)
    for record in store.records(*kinds):
        kept: TimedRound | TimedPair | HandEntry | Profile | AccuracyRecord | StatedAccuracy
        match record:
            case Round():
                kept = pool.timed_round(record)
            case ComparisonProcess():
                kept = pool.timed_pair(record)
            case HandEntry() | Profile() | AccuracyRecord() | StatedAccuracy():
                kept = record
        found.append((record.started_at, record.id, kept))
    in_order = [kept for *_, kept in sorted(found, key=lambda each: each[:2])]
    return Contents(
        rounds=tuple(each for each in in_order if isinstance(each, TimedRound)),
        pairs=tuple(each for each in in_order if isinstance(each, TimedPair)),
        by_hand=tuple(each for each in in_order if isinstance(each, HandEntry)),
        profiles=tuple(each for each in in_order if isinstance(each, Profile)),
        accuracies=tuple(each for each in in_order if isinstance(each, AccuracyRecord | StatedAccuracy)),
    )


def read_measurements(store: Store) -> list[Measurement]:
    """What a store holds, summarised.

    Raises:
        StoreError: it cannot be read, or holds no rounds.
    """
    contents = read_contents(store)
    if not contents.rounds:
        raise no_measurements(store.path)
    return summarise(contents.rounds, contents.pairs, contents.accuracies)


def samples(store: str) -> "pd.DataFrame":
    """Every timed inference of a store, a row each, in the order in which the processes began.

    Rounds that failed, and those that were repeated since, are left out, as statistics leave them out. Times of
    comparisons stand beside those of rounds: of each process both artifacts, in turn.

    Columns: `name`, `form`, `format`, `sha256`, `image_size`, `batch_size`, `device`, `runtime`, `threads`,
    `processor`, `place` (as in `Environment`); `role` ("alone", or "baseline" or "candidate" of a comparison, then
    `beside` names the other one); `run_id`, `round`, `attempt`, `started_at` (of the process, UTC); `index` (of the
    inference in its round, from 0), `duration_ns`, and `at_s`: seconds from the process's start to that inference, as
    far as its record tells, without the warm-up.

    Raises:
        StoreError: it cannot be read, or holds no times.
    """
    contents = read_contents(Store(Path(store)))
    if not contents.rounds and not contents.pairs:
        raise no_measurements(Path(store))
    return samples_of(contents.rounds, contents.pairs)


def load(store: str, of: Literal["measurements", "profiles"] = "measurements") -> "pd.DataFrame":
    """The measurements of a store, one row each: the columns of `effmod show --output-format csv`.

    Or the operators of its profiles, one row each, the slowest of a profile first: `network`, `target` (of a run of
    `effmod compare --by` 0 and 1), the other columns of its list, `operator`, `module`, and those of `effmod profile
    --by operator --output-format csv`. Of a plan of Core ML, whose `basis` is "estimated", there are `estimated_share`
    and `processors`, and no times.

    Raises:
        StoreError: it cannot be read, or holds none.
    """
    import pandas as pd

    path = Path(store)
    if of == "profiles":
        return pd.DataFrame(_operators(read_contents(Store(path)).profiles, path))
    from results.tables.measurements import MEASUREMENT_COLUMNS

    measurements = read_measurements(Store(path))
    return pd.DataFrame([{column.key: column.get(row) for column in MEASUREMENT_COLUMNS} for row in measurements])


_CALLED = {"name": "operator", "path": "module"}
_OF_GROUPS = ("depth", "operators")  # columns that an operator alone has no use for


def _operators(records: Sequence[Profile], path: Path) -> list[dict[str, Any]]:
    from results.tables.profile_plans import blank_plan_tables
    from results.tables.profiles import PROFILES_COLUMNS, blank_profile_tables

    whole: list[tuple[Profiled | Planned, Table[Any], Sequence[Part | PlannedPart]]] = []
    measured, _ = blank_profile_tables("operator", OutputFormat.CSV)
    estimated, _ = blank_plan_tables("operator", OutputFormat.CSV)
    whole += [(each, measured, operator_parts(each)) for each in profiles_of_runs(records)]
    whole += [(each, estimated, planned_operators(each)) for each in plans_of_runs(records)]
    if not whole:
        raise StoreError(f"the store {path} holds no profiles; 'effmod profile TARGET --store {path}' adds one")
    rows = []
    for profile, table, parts in whole:
        around = {column.key: column.get(profile) for column in PROFILES_COLUMNS}
        around = {"network": around.pop("name"), "target": profile.target, **around}
        columns = [column for column in table.columns if column.key not in _OF_GROUPS]
        rows += [around | {_CALLED.get(each.key, each.key): each.get(part) for each in columns} for part in parts]
    return rows
