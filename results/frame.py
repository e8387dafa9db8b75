"""What a store holds, summarised: the measurements themselves, or a pandas DataFrame of them."""

from pathlib import Path
from typing import TYPE_CHECKING

from results.records.measured import ComparisonProcess
from results.statistics.summary import Measurement, summarise
from results.store import Store

if TYPE_CHECKING:
    import pandas as pd


def read_measurements(store: Store) -> list[Measurement]:
    """What a store holds, summarised.

    Raises:
        StoreError: it cannot be read, or holds no rounds.
    """
    return summarise(store.read(), store.read_kind(ComparisonProcess))


def load(store: str) -> "pd.DataFrame":
    """The measurements of a store, one row each: the columns of `effmod show --output-format csv`."""
    import pandas as pd

    from results.tables.measurements import MEASUREMENT_COLUMNS

    measurements = read_measurements(Store(Path(store)))
    return pd.DataFrame([{column.key: column.get(row) for column in MEASUREMENT_COLUMNS} for row in measurements])
