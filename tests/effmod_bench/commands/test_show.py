import json
from collections.abc import Callable
from pathlib import Path

from results import ComparisonPlan, Store
from tests.effmod_bench.commands.support import FEW_PAIRS, Workers, bench, stores
from tests.effmod_bench.support import PairAnswer, effmod, timed_in_turn
from tests.fakes import make_comparison_process, make_round, timed_artifact


def test_a_stored_run_tells_how_many_reached_the_width_and_after_how_many_runs(tmp_path: Path) -> None:
    store = Store(tmp_path / "records")
    store.check_writable()
    plan = ComparisonPlan(targets=("a", "few", "many", "wide", "broken"), until=0.01)
    noise = {"few": (0.001, 2), "many": (0.001, 400), "wide": (0.1, 2), "broken": (0.0, 0)}
    for target, (size, pairs) in enumerate(noise.values(), start=1):
        for index in range(6):
            ratios = [1 + size * (-1) ** index] * pairs
            failure = None if ratios else "ended by SIGSEGV"
            store.write(make_comparison_process(ratios, plan=plan, target=target, index=index, failure=failure))
    done = effmod("show", "records", "--only", "comparisons")
    assert done.exit_code == 0, done.output
    assert (
        "1 % was reached by 2 of 4, after 1206 timed runs of each in the median; 1 took fewer than the paper's 4000, "
        "both files' runs counted"
    ) in " ".join(done.stderr.split())


def test_show_prints_measurements_then_comparisons(
    files: Path, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    answer_pairs_with(timed_in_turn)
    effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS)
    Store(files / "effmod-results").write(make_round())
    both = effmod("show", "effmod-results").stdout
    assert 0 < both.index("efficientmod_xxs") < both.index("b.onnx")
    one = effmod("show", "effmod-results", "--output-format", "json")
    assert [row["name"] for row in json.loads(one.stdout)] == ["efficientmod_xxs"]
    assert "Left out: comparisons" in one.stderr
    other = effmod("show", "effmod-results", "--only", "comparisons", "--output-format", "json")
    assert [row["candidate"]["name"] for row in json.loads(other.stdout)] == ["b.onnx"]


def test_a_store_without_comparisons_says_what_would_add_some(tmp_path: Path) -> None:
    Store(tmp_path / "rounds").check_writable()
    Store(tmp_path / "rounds").write(make_round())
    done = effmod("show", "rounds", "--only", "comparisons")
    assert done.exit_code == 5
    assert "'effmod compare A B --store rounds' adds some" in done.stderr


def test_show_prints_the_same_table_and_the_pairs_where_asked(workers: Workers) -> None:  # noqa: ARG001
    done = bench("b.onnx", "c.onnx", "--anchor", "a.onnx")
    assert "1.50" in done.stdout
    assert "⁴ its time over that of a.onnx (a file, sha256" in done.stdout
    assert effmod("show", "effmod-results").stdout == done.stdout
    assert "timed in turn" in effmod("show", "effmod-results", "--only", "comparisons").stdout


def test_a_run_that_the_store_lacks_is_refused_with_the_latest_ones_named(tmp_path: Path) -> None:
    ids = [f"2026010{day}T000000-aaaa" for day in range(1, 6)]
    records = [make_round([5.0], run_id=run_id, index=i) for i, run_id in enumerate(ids)]
    stores(tmp_path, records=records)
    done = effmod("show", "records", "--run", "2026")
    assert done.exit_code == 2, done.output
    assert f"the store records holds no run '2026'; the latest are {', '.join(ids[:1:-1])}" in " ".join(
        done.stderr.split()
    )
    assert effmod("show", "records", "--run", ids[0]).exit_code == 0
    nothing = effmod("show", "records", "--run", ids[0], "--only", "comparisons")
    assert nothing.exit_code == 5
    assert f"holds no comparisons of run {ids[0]}" in " ".join(nothing.stderr.split())
    assert effmod("show", "records", "--run", ids[0], "--only", "by-hand").exit_code == 2


def test_a_store_is_shown_as_the_papers_table(tmp_path: Path) -> None:
    store = Store(tmp_path / "records")
    store.check_writable()
    for name, ms in (("efficientmod_xxs", 5.0), ("mobilenetv2_100", 2.0), ("resnet18", 3.0)):
        store.write(make_round([ms], artifact=timed_artifact(name)))
    done = effmod("show", "records", "--table", "1")
    assert done.exit_code == 0, done.output
    assert "The paper's Table 1" in done.stdout
    papers, apart = done.stdout.split("Not of the paper's Table 1")
    assert "resnet18" not in papers
    assert "resnet18" in apart
    assert "Our order of 2 networks" in done.stdout
    assert "Not measured: efficientmod_xs, efficientmod_s," in done.stdout
    store.write(make_round([8.0], run_id="20260202T000000-bbbb"))
    rows = json.loads(
        effmod(*("show", "records", "--table", "1", "--run", "20260202T000000-bbbb", "--output-format", "json")).stdout
    )
    assert [(row["measurement"]["name"], row["measurement"]["latency"]["p50_ms"]) for row in rows] == [
        ("efficientmod_xxs", 8.0)
    ]
    missing = effmod("show", "records", "--table", "12", "--only", "comparisons")
    assert missing.exit_code == 2
    none = effmod("show", "records", "--table", "6")
    assert none.exit_code == 5
    assert "'effmod reproduce table6 --store records' adds it" in " ".join(none.stderr.split())


def test_a_table_is_arranged_as_it_is_asked_for(tmp_path: Path) -> None:
    times = {"efficientmod_xxs": 5.0, "mobilenetv2_100": 2.0, "resnet18": 3.0}
    stores(tmp_path, records=[make_round([ms], artifact=timed_artifact(name)) for name, ms in times.items()])
    wanted = ("--columns", "p50 ms,name,min_ms", "--sort", "-p50_ms", "--limit", "2")
    done = effmod("show", "records", *wanted, "--output-format", "csv")
    assert done.stdout.splitlines() == ["p50_ms,name,min_ms", "5.0,efficientmod_xxs,5.0", "3.0,resnet18,3.0"]
    assert "1 of 3 rows left out (--limit 2)" in done.stderr
    rows = json.loads(effmod("show", "records", *wanted, "--output-format", "json").stdout)
    assert rows[0] == {"p50_ms": 5.0, "name": "efficientmod_xxs", "min_ms": 5.0}
    header, *shown = [line.split() for line in effmod("show", "records", *wanted).stdout.splitlines() if "." in line]
    assert header == ["5.00", "efficientmod_xxs", "5.00"]
    assert shown == [["3.00", "resnet18", "3.00"]]
    markdown = effmod("show", "records", *wanted, "--output-format", "markdown").stdout
    assert "| p50 ms |" in " ".join(markdown.split())
    assert "¹" not in markdown
    assert (
        "\n5.00 & efficientmod\\_xxs & 5.00 \\\\\n"
        in effmod("show", "records", *wanted, "--output-format", "latex").stdout
    )


def test_each_of_several_tables_has_those_of_the_columns_that_it_knows(tmp_path: Path) -> None:
    stores(tmp_path, records=[make_round([5.0], run_id="20260202T000000-bbbb")])
    plan = ComparisonPlan(targets=("a", "b"))
    for index in range(3):
        Store(tmp_path / "records").write(make_comparison_process([0.5] * 4, plan=plan, target=1, index=index))
    done = effmod("show", "records", "--columns", "name,ratio,p50_ms", "--output-format", "latex")
    assert done.exit_code == 0, done.output
    measured, compared = done.stdout.split("\\end{table}")[:2]
    assert "efficientmod\\_xxs & 5.00" in measured
    assert "0.500" in compared
    assert "it has no column ratio" in done.stderr
    assert "\\label{tab:measurements}" in measured
    assert "\\label{tab:comparisons}" in compared
    unknown = effmod("show", "records", "--columns", "name,ratios")
    assert unknown.exit_code == 2
    assert "no column 'ratios'; did you mean 'ratio'" in unknown.stderr
    assert unknown.stdout == ""
