import csv
import io

import msgspec

from results import Subnormals, compare, summarise
from results.tables.comparisons import comparison_table
from results.tables.measurements import measurement_table
from results.tables.write import OutputFormat, render
from tests.fakes import make_comparison_process, make_round, timed_artifact


def test_how_many_there_are_is_said_under_the_table_and_in_csv() -> None:
    counted = {"some": Subnormals(weights=1234, activations=5), "none": Subnormals(weights=0), "unknown": None}
    rounds = [
        msgspec.structs.replace(make_round(artifact=timed_artifact(name)), subnormals=found)
        for name, found in counted.items()
    ]
    table = measurement_table(summarise(rounds))
    assert table.notes[-1] == ("Nearer to zero than 1.2e-38: some: 1,234 weights, 5 activations when it was proved.")
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(render(table, OutputFormat.CSV)))}
    found = {name: (row["subnormal_weights"], row["subnormal_activations"]) for name, row in rows.items()}
    assert found == {"some": ("1234", "5"), "none": ("0", ""), "unknown": ("", "")}
    assert not any(column.key.startswith("subnormal") for column in table.main_columns())


def test_both_sides_of_a_comparison_are_counted() -> None:
    record = msgspec.structs.replace(
        make_comparison_process(), baseline_subnormals=Subnormals(weights=2), candidate_subnormals=Subnormals(weights=0)
    )
    table = comparison_table(compare([record]))
    assert table.notes[-1] == "Nearer to zero than 1.2e-38: efficientmod_xxs: 2 weights."
    (row,) = csv.DictReader(io.StringIO(render(table, OutputFormat.CSV)))
    assert (row["subnormal_weights"], row["baseline_subnormal_weights"]) == ("0", "2")
