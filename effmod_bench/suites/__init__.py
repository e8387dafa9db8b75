"""The paper's tables, to be measured again: a file each."""

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

_DECLARED = (table1, table2, table3_table9, table4, table5, table6, table7_table11, table10, table12, appendix_l)

SUITES: dict[str, Suite] = {table: module.SUITE for module in _DECLARED for table in module.SUITE.tables}


def find_suite(table: str) -> Suite:
    """The suite of a table of the paper.

    Raises:
        TargetError: there is none.
    """
    check_table(table)
    return SUITES[table]
