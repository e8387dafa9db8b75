"""`effmod bench --anchor` and `--table`, and `effmod diff`, with stand-ins for the worker processes."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from effmod_bench.cli import app
from effmod_bench.instrument import pairs as pair_runner
from effmod_bench.instrument import rounds as runner
from effmod_bench.instrument.process.messages import Broken, Job, PairJob, PairTimed, Timed, Warm
from effmod_bench.runs.plan import RunPlan, choose_anchor
from results import BenchPlan, ComparisonProcess, Device, Outcome, Round, Runtime, RuntimeOptions, Store
from tests.fakes import make_round, session_facts, timed_artifact, write_onnx

# Milliseconds an inference of each file takes.
TIMES = {"a.onnx": 1.0, "b.onnx": 1.5, "c.onnx": 2.0}
FEW = ("--runs", "4", "--rounds", "2", "--threads", "1", "--processes", "3")


class Workers:
    """What stands in for worker processes; `slow_down` multiplies all times, `fails` says which pairs break."""

    def __init__(self) -> None:
        self.slow_down = 1.0
        self.fails: Callable[[str], bool] = lambda _: False
        self.pairs: list[str] = []

    def run_job(
        self,
        job: Job | PairJob,
        *,
        on_warm: Callable[[Warm], None],
        tick: Callable[[float], None],
        timeout_s: float | None = None,  # noqa: ARG002 - nothing takes time here
    ) -> Timed | PairTimed | Broken:
        on_warm(Warm(expected_ns=1_000_000))
        tick(0.1)
        if isinstance(job, Job):
            return Timed(
                session=session_facts(),
                load_ns=1,
                first_inference_ns=1,
                durations_ns=(self._ns(job.session.path),) * job.runs,
                peak_memory_bytes=1,
            )
        candidate = Path(job.members["B"].session.path).name
        self.pairs.append(candidate)
        if self.fails(candidate):
            return Broken(reason="ended by SIGSEGV", detail="")
        noise = 1 + len(self.pairs) % 3 / 1000
        runs = job.order.count("A")
        return PairTimed(
            sessions={"A": session_facts(), "B": session_facts()},
            durations_ns={
                letter: (round(self._ns(member.session.path) * (noise if letter == "B" else 1)),) * runs
                for letter, member in job.members.items()
            },
        )

    def _ns(self, path: str) -> int:
        return round(TIMES[Path(path).name] * 1e6 * self.slow_down)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workers:
    """Three files lie in the current folder, and nothing is really timed."""
    for nodes, name in enumerate(TIMES, start=1):
        write_onnx(tmp_path / name, nodes=nodes)
    workers = Workers()
    monkeypatch.setattr(runner, "run_job", workers.run_job)
    monkeypatch.setattr(pair_runner, "run_job", workers.run_job)
    return workers


def effmod(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})


def bench(*arguments: str) -> Result:
    return effmod("bench", *FEW, *arguments)


def test_every_row_has_its_ratio_to_the_anchor_beside_its_milliseconds(workers: Workers) -> None:
    done = bench("a.onnx", "b.onnx", "c.onnx", "--anchor", "a.onnx", "--output-format", "json")
    assert done.exit_code == 0, done.output
    a, b, c = json.loads(done.stdout)
    assert a["anchored"]["estimate"] is None  # it is the anchor
    assert b["anchored"]["estimate"]["ratio"] == pytest.approx(1.5, abs=0.01)
    assert c["anchored"]["estimate"]["ratio"] == pytest.approx(2.0, abs=0.01)
    assert b["anchored"]["anchor"]["sha256"] == a["artifact"]["sha256"]
    assert Counter(workers.pairs) == {"b.onnx": 3, "c.onnx": 3}


def test_the_anchor_is_timed_as_its_targets_are(workers: Workers) -> None:
    done = bench("a.onnx", "b.onnx", "--anchor", "a.onnx", "--no-spinning", "--output-format", "json")
    assert done.exit_code == 0, done.output
    (record, *_) = Store(Path("effmod-results")).read_kind(ComparisonProcess)
    assert record.plan.options == RuntimeOptions(allow_spinning=False)
    assert workers.pairs == ["b.onnx"] * 3
    _, b = json.loads(done.stdout)
    assert b["options"]["allow_spinning"] is False
    assert b["anchored"]["estimate"]["ratio"] == pytest.approx(1.5, rel=0.01)


@pytest.mark.parametrize(("runtime", "anchored"), [("onnxruntime", True), ("tensorrt", True), ("pytorch", False)])
def test_a_table_has_an_anchor_on_a_gpu_too(runtime: str, anchored: bool) -> None:
    plan = BenchPlan(device=Device.CUDA, options=RuntimeOptions(runtime=Runtime(runtime), device_index=1))
    anchor = choose_anchor(None, plan, table="1", processes=None, until=None, max_time_s=None, sweep=False)
    assert (anchor is not None) is anchored
    if anchor:
        assert (anchor.plan.device, anchor.plan.options) == (plan.device, plan.options)


def test_show_prints_the_same_table_and_the_pairs_where_asked(workers: Workers) -> None:  # noqa: ARG001
    done = bench("b.onnx", "c.onnx", "--anchor", "a.onnx")
    assert "1.50" in done.stdout
    assert "⁴ its time over that of a.onnx (a file, sha256" in done.stdout
    assert effmod("show", "effmod-results").stdout == done.stdout
    assert "timed in turn" in effmod("show", "effmod-results", "--only", "comparisons").stdout


def test_a_bench_names_its_run_where_the_store_holds_others_and_show_prints_its_table(workers: Workers) -> None:
    def again(done: Result) -> list[str]:
        return done.stderr.splitlines()[-1].partition("the table again: effmod ")[2].split()

    first = bench("b.onnx", "--anchor", "a.onnx")
    assert again(first) == ["show", "effmod-results"]
    assert effmod(*again(first)).stdout == first.stdout
    workers.slow_down = 2.0
    second = bench("b.onnx", "--anchor", "a.onnx")
    assert again(second)[:3] == ["show", "effmod-results", "--run"]
    assert effmod(*again(second)).stdout == second.stdout
    assert effmod("show", "effmod-results").stdout != second.stdout


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


def test_a_run_goes_on_with_the_pairs_that_are_missing_or_failed(workers: Workers) -> None:
    workers.fails = lambda name: name == "c.onnx" and len(workers.pairs) < 3
    done = bench("b.onnx", "c.onnx", "--anchor", "a.onnx")
    failed = sum(
        record.outcome is Outcome.FAILED for record in Store(Path("effmod-results")).read_kind(ComparisonProcess)
    )
    assert failed >= 1
    assert done.exit_code == 1
    assert "beside a.onnx: ended by SIGSEGV" in done.stdout
    workers.pairs.clear()
    workers.fails = lambda _: False
    again = effmod("bench", "--resume")
    assert again.exit_code == 0, again.output
    assert workers.pairs == ["c.onnx"] * failed
    assert "beside a.onnx to do" in again.stderr
    assert "SIGSEGV" not in again.stdout
    assert "nothing is left to do" in effmod("bench", "--resume").stderr


def test_another_anchors_file_is_not_gone_on_with(workers: Workers, tmp_path: Path) -> None:
    workers.fails = lambda _: True
    bench("b.onnx", "--anchor", "a.onnx")
    write_onnx(tmp_path / "a.onnx", nodes=9)
    done = effmod("bench", "--resume")
    assert done.exit_code == 2
    assert "a.onnx is not what run" in " ".join(done.stderr.split())


def test_an_interruption_among_the_pairs_keeps_what_is_finished(workers: Workers) -> None:
    def interrupt(_: str) -> bool:
        if len(workers.pairs) == 2:
            raise KeyboardInterrupt
        return False

    workers.fails = interrupt
    done = bench("b.onnx", "c.onnx", "--anchor", "a.onnx")
    assert done.exit_code == 130
    assert "b.onnx" in done.stdout
    store = Store(Path("effmod-results"))
    assert (len(store.read_kind(Round)), len(store.read_kind(ComparisonProcess))) == (4, 1)


def test_until_stops_where_the_ratio_is_known_and_says_what_that_took(workers: Workers) -> None:
    done = effmod("bench", "b.onnx", "--anchor", "a.onnx", "--runs", "4", "--rounds", "2", "--until", "1%")
    assert done.exit_code == 0, done.output
    assert "after 6 processes, 720 timed runs of each" in " ".join(done.stderr.split())
    assert workers.pairs == ["b.onnx"] * 6
    (run,) = Store(Path("effmod-results")).read_kind(RunPlan)
    assert run.anchor
    assert run.anchor.plan.max_time_s == 600


def test_a_sweep_times_each_batch_size_by_itself_and_is_resumed(workers: Workers, tmp_path: Path) -> None:
    write_onnx(tmp_path / "a.onnx", shape=("n", 3, 8, 8))
    done = effmod("bench", "a.onnx", "--batch-size", "1,4,2", "--runs", "4", "--rounds", "2", "--output-format", "csv")
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["batch_size"], float(row["images_per_second"])) for row in rows] == [
        ("1", 1000),
        ("2", 2000),
        ("4", 4000),
    ]
    assert "images" in effmod("show", "effmod-results").stdout
    records = Store(tmp_path / "effmod-results")
    missing = records.read_kind(Round)[3]
    (tmp_path / "effmod-results" / f"{missing.id}.json").unlink()
    again = effmod("bench", "--resume")
    assert "1 of 6 rounds to do" in again.stderr
    assert len(records.read_kind(Round)) == 6
    assert workers.pairs == []


def test_a_dry_run_counts_the_pairs(workers: Workers) -> None:  # noqa: ARG001
    done = effmod("bench", "--table", "1", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "then each in turn with efficientmod_xxs" in " ".join(done.stderr.split() + done.stdout.split())
    assert "mobilenetv2_100" in done.stdout
    without = effmod("bench", "--table", "1", "--dry-run", "--anchor", "none")
    assert "in turn" not in without.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.onnx", "--until", "1%"], "--until is for the ratios to an anchor; add --anchor efficientmod_xxs"),
        (["a.onnx", "--processes", "3"], "--processes is for the ratios to an anchor"),
        (["a.onnx", "--anchor", "b.onnx", "--max-time", "5m"], "--max-time goes with --until"),
        (["a.onnx", "--anchor", "efficientmod_*"], "stands for"),
        (["a.onnx", "--anchor", "missing"], "no network 'missing'"),
        (["a.onnx", "--anchor", "missing.onnx"], "cannot read missing.onnx"),
        (
            ["efficientmod_xs", "--anchor", "a.onnx", "--runtime", "pytorch"],
            "--anchor is for ONNX Runtime, not for pytorch",
        ),
        (["efficientmod_xs", "--table", "1"], "--table 1 says which networks to measure; leave efficientmod_xs out"),
        (["--table", "8"], "the paper has no table '8' of networks"),
        (["a.onnx", "--batch-size", "1,2", "--anchor", "b.onnx"], "--anchor is for one --batch-size"),
        (["a.onnx", "--batch-size", "1,0"], "'0' is no number of images; write 8, or 1,2,4"),
    ],
)
def test_wrong_use_is_said_before_anything_is_measured(workers: Workers, arguments: list[str], said: str) -> None:
    done = effmod("bench", *arguments)
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert workers.pairs == []
    assert not list(Path().glob("effmod-results/*.json"))


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


def stores(tmp_path: Path, **rounds: list[Round]) -> None:
    for folder, records in rounds.items():
        Store(tmp_path / folder).check_writable()
        for record in records:
            Store(tmp_path / folder).write(record)


ROUNDS = [make_round([10 + i / 100], index=i) for i in range(4)]
OTHER = [make_round([10.0], index=i, artifact=timed_artifact("resnet18")) for i in range(2)]


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


def test_a_store_is_shown_as_the_papers_table(tmp_path: Path) -> None:
    store = Store(tmp_path / "records")
    store.check_writable()
    for name, ms in (("efficientmod_xxs", 5.0), ("mobilenetv2_100", 2.0), ("resnet18", 3.0)):
        store.write(make_round([ms], artifact=timed_artifact(name)))
    done = effmod("show", "records", "--table", "1")
    assert done.exit_code == 0, done.output
    assert "The paper's Table 1" in done.stdout
    assert "resnet18" not in done.stdout
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
    assert "'effmod bench --table 6 --store records' adds them" in " ".join(none.stderr.split())
