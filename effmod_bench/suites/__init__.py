"""The paper's tables, to be measured again: a file each."""

from collections.abc import Sequence
from typing import Any

from effmod_bench.suites import (
    appendix_l,
    table1,
    table2,
    table3_table9,
    table4,
    table5,
    table6,
    table7_table11,
    table10,
    table12,
)
from effmod_bench.suites.suite import Suite
from effmod_bench.targets.names import check_table
from results import Measurement
from results.tables.measurements import measurement_table
from results.tables.table import Table

_DECLARED = (table1, table2, table3_table9, table4, table5, table6, table7_table11, table10, table12, appendix_l)

SUITES: dict[str, Suite] = {table: module.SUITE for module in _DECLARED for table in module.SUITE.tables}


def find_suite(table: str) -> Suite:
    """The suite of a table of the paper.

    Raises:
        TargetError: there is none.
    """
    check_table(table)
    return SUITES[table]


def table_of(measurements: Sequence[Measurement], table: str | None) -> Table[Any]:
    """The table that measurements are shown as: that of the paper which is named, or our own."""
    return measurement_table(measurements) if table is None else find_suite(table).reproduce(measurements)
