import csv
import io

import pytest

from results.statistics.profile_plan import planned_modules, planned_operators, plans_of_runs
from results.tables.profile_plans import most_table, plan_table
from results.tables.profiles import profiles_table
from results.tables.write import OutputFormat, render
from tests.fakes import make_plan

RECORD = make_plan(
    [0.5, 0.25, 0.25, 0.0],
    modules=["stem", "head", "head", None],
    providers=["Neural Engine", "CPU", "GPU", ""],
)


@pytest.mark.parametrize("output_format", OutputFormat)
def test_every_format_says_that_shares_are_estimates(output_format: OutputFormat) -> None:
    (planned,) = plans_of_runs([RECORD])
    table = plan_table(planned, planned_modules(planned), header="module", output_format=output_format)
    if output_format is OutputFormat.TABLE:
        assert table.subtitle is not None
        assert "estimated" in table.subtitle
        return
    assert "estimated" in render(table, output_format)


def test_programs_read_shares_processors_and_paths() -> None:
    (planned,) = plans_of_runs([RECORD])
    table = plan_table(planned, planned_modules(planned), header="module", output_format=OutputFormat.CSV)
    rows = list(csv.DictReader(io.StringIO(render(table, OutputFormat.CSV))))
    assert [(row["path"], row["estimated_share"], row["processors"]) for row in rows[1:3]] == [
        ("stem", "0.5", "Neural Engine"),
        ("head", "0.5", "CPU 50 %, GPU 50 %"),
    ]


def test_operators_without_any_work_are_not_among_those_with_most() -> None:
    (planned,) = plans_of_runs([RECORD])
    table = most_table(planned_operators(planned))
    assert [row.name for row in table.rows] == ["conv op_0", "conv op_1", "conv op_2"]


def test_a_store_lists_a_plan_without_times() -> None:
    table = profiles_table(plans_of_runs([RECORD]))
    (row,) = csv.DictReader(io.StringIO(render(table, OutputFormat.CSV)))
    assert (row["basis"], row["run_ms"], row["cost"], row["threads"]) == ("estimated", "", "", "1")
