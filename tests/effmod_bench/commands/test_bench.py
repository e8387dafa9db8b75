import csv
import io
import json
import os
import re
from collections import Counter
from pathlib import Path

import onnx
import pytest
from typer.testing import Result

from effmod_bench.instrument.machine.gpu import NoDriverError, driver_cuda_version
from effmod_bench.runs.plan import RunPlan
from exporters import read_sidecar, sha256_of
from results import ComparisonProcess, Outcome, Round, RuntimeOptions, Store
from tests.effmod_bench.commands.support import FEW_ROUNDS, Workers, bench
from tests.effmod_bench.network import SMALL
from tests.effmod_bench.support import Run, effmod
from tests.fakes import write_onnx, write_onnx_with_weights_beside

FEW_RUNS = ("--runs", "4", "--rounds", "2")


def test_the_main_job(effmod_process: Run, tmp_path: Path) -> None:
    done = effmod_process(
        "bench", "efficientmod_xxs", "--image-size", "32", "--runs", "7", "--rounds", "2", "--warmup", "1"
    )
    assert done.returncode == 0, done.stderr
    assert "efficientmod_xxs" in done.stdout
    assert "76.0" not in done.stdout  # the paper's accuracy is that of 224x224
    assert "round 2 of 2" in done.stderr
    records = Store(tmp_path / "effmod-results").read()
    assert [len(record.durations_ns) for record in records] == [4, 3]
    assert records[0].artifact.weights == "random(seed 0)"
    shown = effmod_process("show", "effmod-results")
    assert shown.stdout == done.stdout


def test_a_users_own_file_is_timed_beside_the_zoo(effmod_process: Run, tmp_path: Path) -> None:
    write_onnx(tmp_path / "mine.onnx", shape=("n", 3, "h", "w"))
    shape = ("--input-shape", "x:1,3,16,16")
    done = effmod_process("bench", "mine.onnx", *shape, "--runs", "5", "--rounds", "1", "--output-format", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["name"] == "mine.onnx"
    assert row["artifact"]["inputs"][0]["shape"] == [1, 3, 16, 16]
    assert row["published"] is None
    assert row["latency"]["runs"] == 5


def test_a_users_own_function_is_timed_with_its_weights_and_finds_the_modules_beside_it(
    effmod_process: Run, tmp_path: Path
) -> None:
    (tmp_path / "parts.py").write_text("from torch import nn\nprint('read')\nhead = nn.Linear\n")
    net = "import parts\n\ndef net():\n    return parts.nn.Sequential(parts.nn.Flatten(), parts.head(192, 2))\n"
    (tmp_path / "own.py").write_text(net)
    options = ("--image-size", "8", "--runs", "2", "--rounds", "1", "--quiet", "--output-format", "json")
    done = effmod_process("bench", "own.py:net", "--runtime", "pytorch", *options)
    assert (done.returncode, done.stderr) == (0, "read\nweights: the function's own\n")
    (row,) = json.loads(done.stdout)
    assert (row["artifact"]["weights"], row["published"], row["latency"]["runs"]) == ("the function's own", None, 2)


def test_a_file_that_effmod_exported_is_known_by_its_sidecar(effmod_process: Run, quickly: Run, tmp_path: Path) -> None:
    quickly("export", "efficientmod_xxs", "--image-size", "32")
    options = ("--runs", "2", "--rounds", "1", "--output-format", "json")
    (row,) = json.loads(effmod_process("bench", "efficientmod_xxs-32px.onnx", *options).stdout)
    assert (row["name"], row["artifact"]["weights"]) == ("efficientmod_xxs", "random(seed 0)")
    path = tmp_path / "efficientmod_xxs-32px.onnx"
    graph = onnx.load(path)
    graph.producer_name = "somebody else"
    onnx.save(graph, path)
    (row,) = json.loads(effmod_process("bench", path.name, *options).stdout)
    assert (row["name"], row["artifact"]["weights"]) == (path.name, None)


def test_a_float16_file_is_told_from_the_float32_one(effmod_process: Run, quickly: Run, tmp_path: Path) -> None:
    options = (*SMALL, "--no-simplify", "--compute-precision", "float16")
    exported = quickly("export", "--output", "out", *options)
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout.strip() == "out/network.py-small-unsimplified-float16.onnx"
    assert "computes in float16: it is not equal to the network" in exported.stderr
    effmod_process("bench", *options, "--runs", "2", "--rounds", "1", "--warmup", "0")
    (record,) = Store(tmp_path / "effmod-results").read()
    assert record.artifact.form == "plain+float16"
    sidecar = read_sidecar(tmp_path / exported.stdout.strip())
    assert sidecar is not None
    assert sidecar.sha256 == record.artifact.sha256


def test_one_failing_file_does_not_stop_the_others(effmod_process: Run, tmp_path: Path) -> None:
    write_onnx(tmp_path / "nan.onnx", operator="Log")
    write_onnx(tmp_path / "good.onnx")
    done = effmod_process("bench", "nan.onnx", "good.onnx", "--runs", "4", "--rounds", "2", "--output-format", "csv")
    assert done.returncode == 1
    bad, good = csv.DictReader(io.StringIO(done.stdout))
    assert "NaN" in bad["failures"]
    assert bad["mean_ms"] == ""
    assert float(good["mean_ms"]) > 0
    assert "nan.onnx: failed" in done.stderr


def test_one_artifact_named_twice_is_timed_once(effmod_process: Run, quickly: Run, tmp_path: Path) -> None:
    quickly("export", "efficientmod_xxs", "--image-size", "32")
    arguments = ("efficientmod_xxs-32px.onnx", "efficientmod_xxs", "--image-size", "32", "--runs", "4", "--rounds", "2")
    done = effmod_process("bench", *arguments, "--output-format", "json")
    (row,) = json.loads(done.stdout)
    assert row["latency"]["runs"] == 4
    assert len(Store(tmp_path / "effmod-results").read()) == 2


def test_two_files_of_one_name_are_two_records_a_round(effmod_process: Run, tmp_path: Path) -> None:
    for folder, nodes in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        write_onnx(tmp_path / folder / "x.onnx", nodes=nodes)
    effmod_process("bench", "a/x.onnx", "b/x.onnx", "--runs", "4", "--rounds", "2")
    assert len(Store(tmp_path / "effmod-results").read()) == 4


def test_somebody_elses_json_beside_a_file_is_left_alone(effmod_process: Run, tmp_path: Path) -> None:
    write_onnx(tmp_path / "voice.onnx")
    (tmp_path / "voice.onnx.json").write_text('{"audio": {"sample_rate": 22050}}')
    assert effmod_process("bench", "voice.onnx", "--runs", "1").returncode == 0


def test_more_threads_than_cores_are_obeyed_with_a_warning(effmod_process: Run, tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx")
    threads = (os.cpu_count() or 1) + 1
    arguments = ("--runs", "2", "--rounds", "1", "--output-format", "json", "--threads", str(threads))
    done = effmod_process("bench", "x.onnx", *arguments)
    (row,) = json.loads(done.stdout)
    assert row["threads"] == threads
    assert "fewer-cores-than-threads" in row["warnings"]
    assert f"{threads} threads on" in done.stderr


def has_driver() -> bool:
    try:
        driver_cuda_version()
    except NoDriverError:
        return False
    return True


@pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver")
@pytest.mark.parametrize("runtime", [[], ["--runtime", "tensorrt"], ["--runtime", "pytorch"]])
def test_without_a_driver_cuda_is_refused_before_anything_is_exported(
    runtime: list[str], quickly: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path / "cache"))
    done = quickly("bench", "efficientmod_xxs", "--device", "cuda", *runtime)
    assert done.returncode == 3
    assert "no NVIDIA driver answers" in done.stderr
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "effmod-results").exists()


def test_pytorch_times_the_network_itself(effmod_process: Run, quickly: Run, tmp_path: Path) -> None:
    arguments = (*SMALL, "--weights", "random", "--batch-size", "2", "--runs", "4", "--rounds", "1")
    done = effmod_process("bench", *arguments, "--runtime", "pytorch")
    assert done.returncode == 0, done.stderr
    assert "PyTorch" in done.stdout
    record = Store(tmp_path / "effmod-results").read()[0]
    assert (record.artifact.format, record.artifact.form, record.artifact.opset) == ("pytorch", "plain", None)
    assert record.artifact.inputs[0].shape == (2, 3, 32, 32)
    assert record.artifact.weights == "random(seed 0)"
    assert record.environment.session is not None
    assert record.environment.session.execution_provider == "cpu"
    again = quickly("bench", *arguments, "--runtime", "pytorch", "--dry-run")
    assert "cached" in again.stdout


def test_without_a_compiler_that_is_the_rows_reason(
    effmod_process: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    done = effmod_process("bench", *SMALL, "--runs", "1", "--rounds", "1", "--runtime", "torch-compile")
    assert done.returncode == 1
    assert "network.py:small: failed: " in done.stderr
    assert "torch.compile found no C++ compiler that works; install g++" in done.stderr


def test_two_files_of_one_name_are_told_apart(effmod_process: Run, tmp_path: Path) -> None:
    for folder, operator in (("a", "Relu"), ("b", "Log")):
        (tmp_path / folder).mkdir()
        write_onnx(tmp_path / folder / "x.onnx", operator=operator)
    hashes = [sha256_of(tmp_path / folder / "x.onnx")[:7] for folder in "ab"]
    done = effmod_process("bench", "a/x.onnx", "b/x.onnx", "--runs", "2", "--rounds", "1", "--warmup", "0")
    assert "sha256" in done.stdout
    assert all(f"x.onnx ({short})" in done.stderr for short in hashes)
    assert f"warning: x.onnx ({hashes[1]}): failed" in done.stderr
    assert all(short in done.stdout for short in hashes)


def test_every_row_has_its_ratio_to_the_anchor_beside_its_milliseconds(workers: Workers) -> None:
    done = bench("a.onnx", "b.onnx", "c.onnx", "--anchor", "a.onnx", "--output-format", "json")
    assert done.exit_code == 0, done.output
    a, b, c = json.loads(done.stdout)
    assert a["anchored"]["estimate"] is None  # it is the anchor
    assert b["anchored"]["estimate"]["ratio"] == pytest.approx(1.5, abs=0.01)
    assert c["anchored"]["estimate"]["ratio"] == pytest.approx(2.0, abs=0.01)
    assert b["anchored"]["anchor"]["sha256"] == a["artifact"]["sha256"]
    assert Counter(workers.pairs) == {"b.onnx": 3, "c.onnx": 3}


def test_subnormal_numbers_taken_for_zero_are_a_row_beside_the_usual_one(workers: Workers) -> None:
    done = effmod("bench", "a.onnx", "b.onnx", *FEW_ROUNDS[:-2], "--denormal-as-zero", "--output-format", "csv")
    assert done.exit_code == 0, done.output
    rows = [(row["name"], row["mode"]) for row in csv.DictReader(io.StringIO(done.stdout))]
    assert Counter(rows) == {(name, mode): 1 for name in ("a.onnx", "b.onnx") for mode in ("", "subnormals as zero")}
    assert workers.pairs == []


def test_a_file_of_ones_own_whose_weights_are_subnormal_is_warned_of(workers: Workers, tmp_path: Path) -> None:
    write_onnx_with_weights_beside(tmp_path / "a.onnx", 1e-40)
    done = effmod("bench", "a.onnx", "b.onnx", *FEW_ROUNDS[:-2])
    said = " ".join(done.stderr.split())
    assert re.search(r"warning: subnormal-weights: it has weights nearer to zero than 1.2e-38, .* \(a.onnx\)", said)
    assert "Nearer to zero than 1.2e-38: a.onnx: 192 weights." in done.stdout
    zero = effmod("bench", "a.onnx", *FEW_ROUNDS[:-2], "--denormal-as-zero", "--output-format", "json", "--store", "z")
    rows = json.loads(zero.stdout)
    warned = [row["options"]["denormal_as_zero"] for row in rows if "subnormal-weights" in row["warnings"]]
    assert (len(rows), warned) == (2, [False])
    assert workers.pairs == []


@pytest.mark.usefixtures("workers")
def test_what_is_timed_in_two_ways_has_no_anchor() -> None:
    done = bench("b.onnx", "--denormal-as-zero", "--anchor", "a.onnx")
    assert done.exit_code == 2
    assert "--anchor is for what is timed in one way; leave --denormal-as-zero out" in done.stderr


def test_the_anchor_is_timed_as_its_targets_are(workers: Workers) -> None:
    done = bench("a.onnx", "b.onnx", "--anchor", "a.onnx", "--no-spinning", "--output-format", "json")
    assert done.exit_code == 0, done.output
    (record, *_) = Store(Path("effmod-results")).read_kind(ComparisonProcess)
    assert record.plan.options == RuntimeOptions(allow_spinning=False)
    assert workers.pairs == ["b.onnx"] * 3
    _, b = json.loads(done.stdout)
    assert b["options"]["allow_spinning"] is False
    assert b["anchored"]["estimate"]["ratio"] == pytest.approx(1.5, rel=0.01)


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
    assert "after 12 processes, 1440 timed runs of each" in " ".join(done.stderr.split())
    assert workers.pairs == ["b.onnx"] * 12
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


def test_a_sweep_over_image_sizes_is_a_row_each_and_goes_on_without_a_size_that_a_network_cannot_take(
    workers: Workers,  # noqa: ARG001
) -> None:
    asked = ("bench", "efficientmod_xxs", "--image-size", "64,1,32", "--runtime", "pytorch", *FEW_RUNS)
    planned = effmod(*asked, "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "efficientmod_xxs at 1 px is left out" in " ".join(planned.stdout.split())
    done = effmod(*asked, "--output-format", "csv")
    assert done.exit_code == 1, done.output
    assert [row["image_size"] for row in csv.DictReader(io.StringIO(done.stdout))] == ["32", "64"]
    assert "efficientmod_xxs at 1 px is left out: efficientmod_xxs takes square images" in done.stderr
    again = effmod("bench", "--resume")
    assert "it is complete" in again.stderr


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
        (
            ["a.onnx", "--anchor", "a.onnx", "--until", "decided"],
            "--until decided is for 'effmod compare' with --fail-if",
        ),
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
