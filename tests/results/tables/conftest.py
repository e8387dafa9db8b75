import pytest

from results import Measurement, summarise
from results.tables.measurements import measurement_table
from results.tables.table import Table
from tests.fakes import make_round, timed_artifact


@pytest.fixture
def table() -> Table[Measurement]:
    xs = timed_artifact("efficientmod_xs")
    return measurement_table(summarise([make_round([10.0, 12.0]), make_round([20.0, 22.0], artifact=xs)]))
