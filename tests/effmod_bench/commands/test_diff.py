import csv
import io
import json
from pathlib import Path

import pytest

from results import Round, Store
from tests.effmod_bench.commands.support import Workers, bench, stores
from tests.effmod_bench.support import effmod
from tests.fakes import make_round, timed_artifact


def test_two_stores_are_compared_through_their_anchor(workers: Workers) -> None:
    bench("b.onnx", "c.onnx", "--anchor", "a.onnx", "--store", "then")
    workers.slow_down = 2.0
    bench("b.onnx", "--anchor", "a.onnx", "--store", "now")
    done = effmod("diff", "then", "now", "--output-format", "json")
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert (row["anchor"], row["verdict"]) == ("a.onnx", "not distinguishable")
    assert row["after"]["latency"]["p50_ms"] == pytest.approx(2 * row["before"]["latency"]["p50_ms"])
    assert "Only in then: c.onnx" in done.stderr
    assert effmod("diff", "now", "then", "--fail-if-slower", "5%").exit_code == 0


def test_a_row_that_is_slower_fails_where_asked(tmp_path: Path) -> None:
    for folder, slow in (("then", 1.0), ("now", 1.2)):
        store = Store(tmp_path / folder)
        store.check_writable()
        for i in range(4):
            store.write(make_round([10 * slow + i / 100], index=i))
    done = effmod("diff", "then", "now", "--fail-if-slower", "5%")
    assert done.exit_code == 4, done.output
    assert "efficientmod_xxs is 20.0 % slower in now than in then; --fail-if-slower allows 5 %" in " ".join(
        done.stderr.split()
    )
    assert "two runs of different times" in done.stdout
    assert effmod("diff", "then", "now", "--fail-if-slower", "30%").exit_code == 0
    assert effmod("diff", "then", "now").exit_code == 0
    assert effmod("diff", "now", "then", "--fail-if-slower", "5%").exit_code == 0


ROUNDS = [make_round([10 + i / 100], index=i) for i in range(4)]
OTHER = [make_round([10.0], index=i, artifact=timed_artifact("resnet18")) for i in range(2)]


def test_what_is_undecided_passes_where_asked_and_what_cannot_be_judged_never(tmp_path: Path) -> None:
    wide = [make_round([ms], index=i) for i, ms in enumerate((10.0, 10.4, 10.2))]
    stores(
        tmp_path, then=wide, now=[make_round([ms], index=i) for i, ms in enumerate((10.7, 10.3, 10.3))], one=wide[:1]
    )
    gate = ("--fail-if-slower", "5%")
    done = effmod("diff", "then", "now", *gate, "--output-format", "csv")
    assert done.exit_code == 4, done.output
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert [row[key] for key in ("gate", "gate_limit", "gate_reason")] == ["undecided", "0.05", "holds-limit"]
    assert int(row["gate_more"]) > 0
    assert {row["warnings_before"], row["warnings_after"]} == {""}
    assert effmod("diff", "then", "now", *gate, "--undecided", "pass").exit_code == 0
    assert effmod("diff", "then", "one", *gate, "--undecided", "pass").exit_code == 4
    alone = effmod("diff", "then", "now", "--undecided", "pass")
    assert alone.exit_code == 2
    assert "--undecided pass is for a gate: add --fail-if-slower 5%" in alone.stderr


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (
            ROUNDS,
            [make_round(failure="ended by SIGKILL")],
            "efficientmod_xxs cannot be judged: now has no process of it that did not fail",
        ),
        (ROUNDS, ROUNDS[:1], "efficientmod_xxs cannot be judged: now has a single process of it that did not fail"),
        (ROUNDS[:1], ROUNDS, "efficientmod_xxs cannot be judged: then has a single process of it that did not fail"),
        ([*ROUNDS, *OTHER], ROUNDS, "resnet18 cannot be judged: now has no row of it in the same format"),
    ],
)
def test_a_gate_that_cannot_judge_a_row_does_not_pass(
    then: list[Round], now: list[Round], said: str, tmp_path: Path
) -> None:
    stores(tmp_path, then=then, now=now)
    done = effmod("diff", "then", "now", "--fail-if-slower", "5%")
    assert done.exit_code == 4, done.output
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    without = effmod("diff", "then", "now")
    assert without.exit_code == 0
    assert "error: " not in without.stderr


def test_rows_of_the_second_store_alone_are_no_failure(tmp_path: Path) -> None:
    stores(tmp_path, then=ROUNDS, now=[*ROUNDS, *OTHER])
    assert effmod("diff", "then", "now", "--fail-if-slower", "5%").exit_code == 0


def test_a_difference_says_why_processes_failed(tmp_path: Path) -> None:
    stores(tmp_path, then=ROUNDS, now=[*ROUNDS[:3], make_round(failure="ended by SIGKILL", index=3)])
    done = effmod("diff", "then", "now", "--fail-if-slower", "5%")
    assert done.exit_code == 0, done.output
    assert "warning: efficientmod_xxs: failed in now: ended by SIGKILL" in done.stderr


def test_stores_without_a_row_in_common_say_so(tmp_path: Path) -> None:
    for folder, name in (("then", "resnet18"), ("now", "deit_tiny")):
        Store(tmp_path / folder).check_writable()
        Store(tmp_path / folder).write(make_round(artifact=timed_artifact(name)))
    done = effmod("diff", "then", "now")
    assert done.exit_code == 2
    assert "then and now have no row in common" in done.stderr
    assert "on the same device, by the same runtime with the same settings" in " ".join(done.stderr.split())
    assert effmod("diff", "then", "missing").exit_code == 5
