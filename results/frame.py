"""Measurements as a pandas DataFrame."""

from typing import TYPE_CHECKING

from results.statistics.summary import read_measurements
from results.store import Store

if TYPE_CHECKING:
    import pandas as pd


def load(store: str) -> "pd.DataFrame":
    """The measurements of a store, one row each: the columns of `effmod show --output-format csv`."""
    from pathlib import Path

    import pandas as pd

    from results.tables.measurements import MEASUREMENT_COLUMNS

    measurements = read_measurements(Store(Path(store)))
    return pd.DataFrame([{column.key: column.get(row) for column in MEASUREMENT_COLUMNS} for row in measurements])
