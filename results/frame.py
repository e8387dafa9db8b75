"""What a store holds, summarised: the measurements themselves, or a pandas DataFrame of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from results.records.by_hand import HandEntry
from results.records.measured import ComparisonProcess, Round
from results.statistics.summary import Measurement, summarise
from results.statistics.timed import Pool, TimedPair, TimedRound
from results.store import Store, no_measurements

if TYPE_CHECKING:
    import pandas as pd


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds, of each kind in the order in which it was begun, in no more memory than statistics need."""

    rounds: tuple[TimedRound, ...]
    pairs: tuple[TimedPair, ...]
    by_hand: tuple[HandEntry, ...]


def read_contents(store: Store) -> Contents:
    """What a store holds, in one pass.

    Raises:
        StoreError: it cannot be read.
    """
    pool, found = Pool(), []
    for record in store.records(Round, ComparisonProcess, HandEntry):
        kept: TimedRound | TimedPair | HandEntry
        match record:
            case Round():
                kept = pool.timed_round(record)
            case ComparisonProcess():
                kept = pool.timed_pair(record)
            case HandEntry():
                kept = record
        found.append((record.started_at, record.id, kept))
    in_order = [kept for *_, kept in sorted(found, key=lambda each: each[:2])]
    return Contents(
        rounds=tuple(each for each in in_order if isinstance(each, TimedRound)),
        pairs=tuple(each for each in in_order if isinstance(each, TimedPair)),
        by_hand=tuple(each for each in in_order if isinstance(each, HandEntry)),
    )


def read_measurements(store: Store) -> list[Measurement]:
    """What a store holds, summarised.

    Raises:
        StoreError: it cannot be read, or holds no rounds.
    """
    contents = read_contents(store)
    if not contents.rounds:
        raise no_measurements(store.path)
    return summarise(contents.rounds, contents.pairs)


def load(store: str) -> "pd.DataFrame":
    """The measurements of a store, one row each: the columns of `effmod show --output-format csv`."""
    import pandas as pd

    from results.tables.measurements import MEASUREMENT_COLUMNS

    measurements = read_measurements(Store(Path(store)))
    return pd.DataFrame([{column.key: column.get(row) for column in MEASUREMENT_COLUMNS} for row in measurements])
