"""The command as a user meets it: real files, real exit codes, and real processes where anything is timed."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import onnx
import onnxruntime
import psutil
import pytest
import torch
from typer.testing import CliRunner

import models
from effmod_bench import __version__
from effmod_bench.cli import app
from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument import available
from effmod_bench.instrument.machine.gpu import NoDriverError, driver_cuda_version
from effmod_bench.screen import console
from effmod_bench.screen.zoo import list_table
from effmod_bench.suites import find_suite
from exporters import OutputError, read_sidecar, sha256_of
from results import ComparisonPlan, ComputeUnits, RuntimeOptions, Store, compare, summarise
from results.statistics.difference import differences
from results.statistics.estimate import UNCHANGED
from results.statistics.tuning import Decision, Trial
from results.tables.by_hand import hand_entry_table
from results.tables.comparisons import comparison_table
from results.tables.differences import difference_table
from results.tables.measurements import measurement_table
from results.tables.table import Table
from results.tables.trials import tuning_table
from results.tables.write import OutputFormat
from tests.fakes import make_comparison_process, make_hand_entry, make_round, timed_artifact, write_onnx

EFFMOD = Path(sys.executable).with_name("effmod")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def effmod(tmp_path: Path) -> Run:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
        return subprocess.run([EFFMOD, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment)

    return run


@pytest.fixture
def quickly() -> Run:
    """The command in this process, where none is to be timed: starting one takes a second, importing torch three."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        done = CliRunner().invoke(app, arguments, prog_name="effmod", env={"COLUMNS": "200", "NO_COLOR": "1"})
        assert isinstance(done.exception, SystemExit | None), repr(done.exception)
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run


def store_with(path: Path, *rounds: object) -> Path:
    store = Store(path)
    store.check_writable()
    for record in rounds or (make_round(),):
        store.write(record)  # type: ignore[arg-type]
    return path


def test_the_main_job(effmod: Run, tmp_path: Path) -> None:
    done = effmod("bench", "efficientmod_xxs", "--image-size", "32", "--runs", "7", "--rounds", "2", "--warmup", "1")
    assert done.returncode == 0, done.stderr
    assert "efficientmod_xxs" in done.stdout
    assert "76.0" not in done.stdout  # the paper's accuracy is that of 224x224
    assert "round 2 of 2" in done.stderr
    records = Store(tmp_path / "effmod-results").read()
    assert [len(record.durations_ns) for record in records] == [4, 3]
    assert records[0].artifact.weights == "random(seed 0)"
    shown = effmod("show", "effmod-results")
    assert shown.stdout == done.stdout


def test_export_leaves_a_file_that_runs_and_its_sidecar(effmod: Run, tmp_path: Path) -> None:
    done = effmod("export", "efficientmod_xxs", "--image-size", "32", "--output", "out")
    assert done.returncode == 0, done.stderr
    path = tmp_path / done.stdout.strip()
    assert path == tmp_path / "out" / "efficientmod_xxs-32px.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 3, 32, 32]
    sidecar = read_sidecar(path)
    assert sidecar is not None
    assert sidecar.parity.relative_error < 1e-4
    assert "random(seed 0)" in done.stderr


def test_a_checkpoint_is_exported_and_named(effmod: Run, tmp_path: Path) -> None:
    model = models.create_model("efficientmod_xxs")
    models.fill(model, image_size=32, seed=3)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "three.pth")
    done = effmod("export", "efficientmod_xxs", "--image-size", "32", "--checkpoint", "three.pth")
    assert done.returncode == 0, done.stderr
    sidecar = read_sidecar(tmp_path / done.stdout.strip())
    assert sidecar is not None
    assert sidecar.weights.file == "three.pth"
    assert "random" not in done.stderr


def test_a_users_own_file_is_timed_beside_the_zoo(effmod: Run, tmp_path: Path) -> None:
    write_onnx(tmp_path / "mine.onnx", shape=("n", 3, "h", "w"))
    shape = ("--input-shape", "x:1,3,16,16")
    done = effmod("bench", "mine.onnx", *shape, "--runs", "5", "--rounds", "1", "--output-format", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["name"] == "mine.onnx"
    assert row["artifact"]["inputs"][0]["shape"] == [1, 3, 16, 16]
    assert row["published"] is None
    assert row["latency"]["runs"] == 5


def test_a_file_that_effmod_exported_is_known_by_its_sidecar(effmod: Run, tmp_path: Path) -> None:
    effmod("export", "efficientmod_xxs", "--image-size", "32")
    options = ("--runs", "2", "--rounds", "1", "--output-format", "json")
    (row,) = json.loads(effmod("bench", "efficientmod_xxs-32px.onnx", *options).stdout)
    assert (row["name"], row["artifact"]["weights"]) == ("efficientmod_xxs", "random(seed 0)")
    path = tmp_path / "efficientmod_xxs-32px.onnx"
    graph = onnx.load(path)
    graph.producer_name = "somebody else"
    onnx.save(graph, path)
    (row,) = json.loads(effmod("bench", path.name, *options).stdout)
    assert (row["name"], row["artifact"]["weights"]) == (path.name, None)


def test_a_float16_file_is_told_from_the_float32_one(effmod: Run, tmp_path: Path) -> None:
    options = ("--image-size", "32", "--no-simplify", "--compute-precision", "float16")
    exported = effmod("export", "efficientmod_xxs", "--output", "out", *options)
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout.strip() == "out/efficientmod_xxs-32px-unsimplified-float16.onnx"
    assert "computes in float16: it is not equal to the network" in exported.stderr
    effmod("bench", "efficientmod_xxs", *options, "--runs", "2", "--rounds", "1", "--warmup", "0")
    (record,) = Store(tmp_path / "effmod-results").read()
    assert record.artifact.form == "plain+float16"
    sidecar = read_sidecar(tmp_path / exported.stdout.strip())
    assert sidecar is not None
    assert sidecar.sha256 == record.artifact.sha256


def test_one_failing_file_does_not_stop_the_others(effmod: Run, tmp_path: Path) -> None:
    write_onnx(tmp_path / "nan.onnx", operator="Log")
    write_onnx(tmp_path / "good.onnx")
    done = effmod("bench", "nan.onnx", "good.onnx", "--runs", "4", "--rounds", "2", "--output-format", "csv")
    assert done.returncode == 1
    bad, good = csv.DictReader(io.StringIO(done.stdout))
    assert "NaN" in bad["failures"]
    assert bad["mean_ms"] == ""
    assert float(good["mean_ms"]) > 0
    assert "nan.onnx: failed" in done.stderr


def test_one_artifact_named_twice_is_timed_once(effmod: Run, tmp_path: Path) -> None:
    effmod("export", "efficientmod_xxs", "--image-size", "32")
    arguments = ("efficientmod_xxs-32px.onnx", "efficientmod_xxs", "--image-size", "32", "--runs", "4", "--rounds", "2")
    done = effmod("bench", *arguments, "--output-format", "json")
    (row,) = json.loads(done.stdout)
    assert row["latency"]["runs"] == 4
    assert len(Store(tmp_path / "effmod-results").read()) == 2


def test_two_files_of_one_name_are_two_records_a_round(effmod: Run, tmp_path: Path) -> None:
    for folder, nodes in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        write_onnx(tmp_path / folder / "x.onnx", nodes=nodes)
    effmod("bench", "a/x.onnx", "b/x.onnx", "--runs", "4", "--rounds", "2")
    assert len(Store(tmp_path / "effmod-results").read()) == 4


def test_somebody_elses_json_beside_a_file_is_left_alone(effmod: Run, tmp_path: Path) -> None:
    write_onnx(tmp_path / "voice.onnx")
    (tmp_path / "voice.onnx.json").write_text('{"audio": {"sample_rate": 22050}}')
    assert effmod("bench", "voice.onnx", "--runs", "1").returncode == 0


WORKER = "effmod_bench.instrument.process.worker"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_killed_effmod_leaves_no_worker_behind(tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx", shape=(1, 64, 256, 256), nodes=8)
    process = subprocess.Popen(
        [EFFMOD, "bench", "x.onnx", "--runs", "1000000", "--rounds", "1", "-q"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    parent = psutil.Process(process.pid)
    deadline = time.monotonic() + 120
    workers: list[psutil.Process] = []
    while time.monotonic() < deadline and not workers:
        time.sleep(0.1)
        with suppress(psutil.NoSuchProcess):  # it starts other programs as well, which ask about the machine
            workers = [child for child in parent.children() if WORKER in child.cmdline()]
    (worker,) = workers
    time.sleep(1)
    process.kill()
    process.wait()
    psutil.wait_procs([worker], timeout=20)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_more_threads_than_cores_are_obeyed_with_a_warning(effmod: Run, tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx")
    threads = (os.cpu_count() or 1) + 1
    arguments = ("--runs", "2", "--rounds", "1", "--output-format", "json", "--threads", str(threads))
    done = effmod("bench", "x.onnx", *arguments)
    (row,) = json.loads(done.stdout)
    assert row["threads"] == threads
    assert "fewer-cores-than-threads" in row["warnings"]
    assert f"{threads} threads on" in done.stderr


def test_a_dry_run_exports_and_measures_nothing(quickly: Run, tmp_path: Path) -> None:
    done = quickly("bench", "efficientmod_*x*s", "--dry-run", "--runs", "4000", "--output-format", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {row["name"] for row in rows} >= {"efficientmod_xxs", "efficientmod_xs"}
    assert all(row["about_s"] > 0 for row in rows)
    assert not list(tmp_path.glob("effmod-results*"))


@pytest.mark.parametrize(
    "where",
    [
        ("--device", "cuda"),
        ("--device", "cuda", "--runtime", "pytorch"),
        ("--runtime", "pytorch"),
        ("--runtime", "torch-compile"),
        ("--device", "coreml"),
    ],
)
def test_a_dry_run_takes_no_cpus_speed_for_that_of_something_else(where: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["bench", "efficientmod_xxs", "--dry-run", *where])
    assert done.exit_code == 0, done.output
    assert "how long it takes is unknown until it runs" in " ".join(done.stdout.split())
    assert "about" not in done.stdout
    rows = CliRunner().invoke(app, ["bench", "efficientmod_xxs", "--dry-run", *where, "--output-format", "json"])
    assert [row["about_s"] for row in json.loads(rows.stdout)] == [None]


# Arguments, the exit code, and what is said.
WRONG_INPUT = [
    (["bench", "efficientmod_xx"], 2, "no network 'efficientmod_xx'; did you mean 'efficientmod_xxs'"),
    (["bench", "no_such"], 2, "Networks of timm are named as in timm:resnet50, your own path/to/file.py:function"),
    (["list", "timm:resnet1*"], 2, "patterns are for the zoo: name networks of timm one by one, as in timm:"),
    (["list", "--family", "mobileon"], 2, "error: no network in family 'mobileon'; families:"),
    (["bench", "net.py"], 2, "net.py: name the function of it that builds the network, as in net.py:FUNCTION"),
    (["tune", "net.py"], 2, "net.py: name the function of it that builds the network, as in net.py:FUNCTION"),
    (["bench", "odd.pth"], 2, "Name the network, and give the file with --checkpoint odd.pth"),
    (["export", "odd.pth"], 2, "Name the network, and give the file with --checkpoint odd.pth"),
    (["compare", "good.onnx", "odd.pth"], 2, "Name the network, and give the file with --checkpoint odd.pth"),
    (["export", "efficientmod_xxs", "--output", "my.onnx"], 2, "my.onnx is to be a folder"),
    (["export", "nope*"], 2, "no network matches 'nope*'"),
    (["bench", "--runs", "0"], 2, "--runs"),
    (["bench", "--threads", "-1"], 2, "--threads"),
    (["bench", "--device", "abacus"], 2, "no device 'abacus'; there are cpu, cuda, coreml"),
    (["bench", "--device", "mps"], 2, "no device 'mps'; there are cpu, cuda, coreml"),
    (["bench", "--tf32"], 2, "--tf32 goes with --device cuda, not with --device cpu"),
    (["bench", "--runtime", "tensorrt"], 2, "tensorrt does not run on cpu"),
    (["bench", "good.onnx", "--runtime", "pytorch"], 2, "pytorch runs networks, not good.onnx; name a network"),
    (["bench", "efficientmod_xxs", "--runtime", "pytorch", "--opset", "18"], 2, "--opset is for exported files"),
    (["bench", "missing.onnx"], 2, "cannot read missing.onnx: No such file"),
    (["bench", "text.onnx"], 2, "text.onnx is not an ONNX file"),
    (["bench", "open.onnx"], 2, "dimensions h, w are open"),
    (["bench", "good.onnx", "--input-shape", "y:1"], 2, "has no input 'y'"),
    (["bench", "good.onnx", "--store", "text.onnx/store"], 5, "cannot write to the store"),
    (["bench", "efficientmod_xxs", "efficientmod_xs", "--checkpoint", "text.onnx"], 2, "one network's weights"),
    (["export", "efficientmod_xxs", "--checkpoint", "text.onnx"], 2, "text.onnx is not a PyTorch checkpoint"),
    (["export", "efficientmod_xxs", "--checkpoint", "none.pth"], 2, "cannot read checkpoint none.pth"),
    (["export", "efficientmod_xxs", "--image-size", "1"], 2, "efficientmod_xxs takes square images"),
    (["export", "efficientmod_xxs", "--opset", "12"], 2, "--opset"),
    (["bench", "good.onnx", "--image-size", "64"], 2, "--image-size is for networks that effmod exports"),
    (["bench", "good.onnx", "--batch-size", "4"], 2, "a fixed batch, and --batch-size gives 4"),
    (["bench", "efficientmod_xxs", "--input-shape", "1,3,8,8"], 2, "--input-shape is for .onnx files"),
    (["bench", "efficientmod_xxs", "deit_tiny", "--image-size", "100"], 2, "deit_tiny takes square images"),
    (["export", "efficientmod_xxs", "--checkpoint", "odd.pth"], 2, "holds no state_dict"),
    (["plot", "nowhere"], 5, "error: there is no store at nowhere"),
    (["plot"], 5, "error: there is no store at effmod-results; 'effmod bench --store effmod-results' would make"),
    (["plot", "compared"], 5, "the store compared holds no measurements; 'effmod bench --store compared' adds"),
    (["export"], 2, "say what to export"),
    (["export", "--table", "99"], 2, "the paper has no table '99' of networks; there are 1, 2, 3"),
    (["list", "--table", "13"], 2, "the paper has no table '13' of networks; there are 1, 2, 3"),
    (["export", "efficientmod_xxs", "--softmax"], 2, "--softmax goes with --format coreml"),
    (["export", "efficientmod_xxs", "--format", "coreml", "--labels", "none.txt"], 2, "cannot read none.txt"),
    (["export", "efficientmod_xxs", "--format", "coreml", "--target", "iOS14"], 2, "--target"),
    (["export", "efficientmod_xxs", "--format", "coreml", "--image-size", "1"], 2, "takes square images"),
    (["export", "efficientmod_xxs", "--format", "coreml", "--checkpoint", "text.onnx"], 2, "not a PyTorch"),
    (["show", "nowhere"], 5, "there is no store at nowhere"),
    (["plot", "store", "--output", "x.xyz"], 2, "cannot draw a .xyz"),
    (["plot", "store", "--output", "text.onnx/x.png"], 5, "cannot write text.onnx/x.png"),
    (["info", "efficientmod_x"], 2, "no network 'efficientmod_x'"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), WRONG_INPUT)
def test_wrong_input_names_the_thing_and_ends_with_its_code(
    arguments: list[str], code: int, said: str, quickly: Run, tmp_path: Path
) -> None:
    assert_refused(quickly, arguments, code, said, tmp_path)


@pytest.mark.parametrize(("arguments", "code", "said"), WRONG_INPUT[::10])
def test_a_process_refuses_it_alike(arguments: list[str], code: int, said: str, effmod: Run, tmp_path: Path) -> None:
    assert_refused(effmod, arguments, code, said, tmp_path)


def assert_refused(run: Run, arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "net.py").write_text("def build(): ...")
    write_onnx(tmp_path / "open.onnx", shape=(1, 3, "h", "w"))
    write_onnx(tmp_path / "good.onnx")
    store_with(tmp_path / "store")
    store_with(tmp_path / "compared", make_comparison_process())
    torch.save({"state_dict": {"foo": 3}}, tmp_path / "odd.pth")
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


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


def test_doctor_ends_well_where_the_device_asked_for_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gpu(_: object) -> None:
        raise DeviceUnavailableError("no driver")

    monkeypatch.setattr(available, "check_cuda", no_gpu)
    monkeypatch.setattr(available, "run_convolution", lambda *_: "a runtime 1.0")
    result = CliRunner().invoke(app, ["doctor", "--output-format", "json"])
    assert result.exit_code == 0, result.output
    findings = {(row["device"], row["runtime"]): row["usable"] for row in json.loads(result.stdout)}
    assert findings["cpu", "onnxruntime"]
    assert not findings["cuda", "onnxruntime"]
    result = CliRunner().invoke(app, ["doctor", "--device", "cuda:1"])
    assert result.exit_code == 3
    assert "cuda: no driver" in result.stdout
    assert "onnxruntime cannot run on cuda here; the table says why" in " ".join(result.stderr.split())


def test_pytorch_times_the_network_itself(effmod: Run, tmp_path: Path) -> None:
    arguments = ("--image-size", "32", "--batch-size", "2", "--runs", "4", "--rounds", "2", "--runtime", "pytorch")
    done = effmod("bench", "efficientmod_xxs", *arguments)
    assert done.returncode == 0, done.stderr
    assert "PyTorch" in done.stdout
    record = Store(tmp_path / "effmod-results").read()[0]
    assert (record.artifact.format, record.artifact.form, record.artifact.opset) == ("pytorch", "plain", None)
    assert record.artifact.inputs[0].shape == (2, 3, 32, 32)
    assert record.artifact.weights == "random(seed 0)"
    assert record.environment.session is not None
    assert record.environment.session.execution_provider == "cpu"
    again = effmod("bench", "efficientmod_xxs", *arguments, "--dry-run")
    assert "cached" in again.stdout


def test_without_a_compiler_that_is_the_rows_reason(
    effmod: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    arguments = ("--image-size", "32", "--runs", "1", "--rounds", "1", "--runtime", "torch-compile")
    done = effmod("bench", "efficientmod_xxs", *arguments)
    assert done.returncode == 1
    assert "efficientmod_xxs: failed: " in done.stderr
    assert "torch.compile found no C++ compiler that works; install g++" in done.stderr


def test_the_list_carries_what_the_paper_published(quickly: Run) -> None:
    done = quickly("list", "efficientmod_*", "--output-format", "json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    row = rows["efficientmod_xxs"]
    assert (row["params"], row["macs"], row["top1"], row["image_size"]) == (4_736_264, 583_000_064, 76.0, 224)
    assert done.stderr == ""


def test_info_shows_stages_that_add_up(quickly: Run) -> None:
    done = quickly("info", "efficientmod_xxs", "--output-format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["name"] for row in rows][:2] == ["patch_embed", "layers.0"]
    assert sum(int(row["params"]) for row in rows) == 4_736_264
    assert sum(int(row["macs"]) for row in rows) == 583_000_064
    shown = quickly("info", "efficientmod_xxs")
    assert "arXiv 2403.19963" in shown.stdout
    assert "published top-1: 76.0 %" in shown.stdout
    whole = json.loads(quickly("info", "efficientmod_xxs", "--output-format", "json").stdout)
    assert whole["source"]["licence"] == "Apache-2.0"
    assert whole["published"]["top1_strong"] == 77.1
    assert whole["complexity"]["macs"] == 583_000_064


@pytest.mark.parametrize("output_format", ["json", "csv", "markdown", "latex"])
def test_only_the_table_is_on_stdout(output_format: str, quickly: Run, tmp_path: Path) -> None:
    store_with(tmp_path / "store", make_round(threads=9))
    done = quickly("show", "store", "--output-format", output_format, "-v")
    assert done.returncode == 0
    assert "warning" in done.stderr
    assert "warning:" not in done.stdout
    if output_format == "json":
        assert json.loads(done.stdout)[0]["threads"] == 9


def test_quiet_says_nothing_but_errors(effmod: Run, tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx")
    assert effmod("bench", "x.onnx", "--runs", "2", "--rounds", "1", "-q").stderr == ""
    assert "no store" in effmod("show", "nowhere", "-q").stderr


def tables_of_every_kind() -> dict[str, Table[Any]]:
    """Rows with all that a table may show: anchors, failures, warnings, files of one name, long words."""
    targets = ("efficientmod_xxs", "efficientmod_s", "a_file_of_the_users_own-static_shapes-1x3x224x224.onnx")
    plan = ComparisonPlan(targets=targets, until=0.01)
    artifacts = [timed_artifact(name, form=form) for name, form in zip(targets, ("plain", "plain", None), strict=True)]
    artifacts.append(msgspec.structs.replace(timed_artifact(batch_size=16), sha256="7" * 64))
    rounds = [
        make_round([1234.56 + i, 10.266], artifact=artifact, index=i, targets=targets, threads=9)
        for artifact in artifacts
        for i in range(3)
    ]
    rounds.append(make_round(artifact=timed_artifact("deit_tiny"), failure="NotImplemented: [ONNXRuntimeError] : 9"))
    pairs = [
        make_comparison_process([6.946 + i / 100] * 4, plan=plan, target=target, index=i)
        for target in (1, 2)
        for i in range(3)
    ]
    measurements = summarise(rounds, pairs)
    trials = [
        Trial(
            name=name,
            options=RuntimeOptions(),
            relative_error=1e-7,
            top1=81.25,
            estimate=UNCHANGED,
            processes=12,
            decision=decision,
            reason="slower than channels_first beyond doubt",
        )
        for name, decision in (("plain", Decision.DROPPED), ("merge_heads+channels_first", Decision.CHOSEN))
    ]
    entry = make_hand_entry(compute_units=ComputeUnits.CPU_AND_GPU, note="beside a window")
    return {
        "measurements": measurement_table(measurements),
        "comparisons": comparison_table(
            compare([*pairs, make_comparison_process(plan=plan, run_id="20260102T000000-0000", failure="killed")])
        ),
        "differences": difference_table(differences(measurements, measurements, margin=0.005)),
        "tuning": tuning_table(trials, "tuned"),
        "reproduction": find_suite("1").reproduce(measurements),
        "list": list_table(models.list_models()),
        "hand entries": hand_entry_table([entry]),
    }


@pytest.mark.parametrize("width", [*range(40, 130, 3), 160, 200])
def test_a_narrow_screen_never_cuts_a_figure_and_names_what_it_leaves_out(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_PIPE_WIDTH", width)
    for kind, table in tables_of_every_kind().items():
        console.Console().table(table, OutputFormat.TABLE)
        out, err = capsys.readouterr()
        # The one comma in a name is none between two of them.
        names = " ".join(err.split()).removeprefix("Not shown, for want of width: ").partition(". All columns")[0]
        left_out = names.replace("paper's ms, iPhone", "paper's ms iPhone").split(", ") if names else []
        main = {column.key: column.label.replace(",", "") for column in table.main_columns()}
        assert set(left_out) <= set(main.values()), kind
        shown = [column for column in table.main_columns() if main[column.key] not in left_out]
        assert len(shown) == len(main) - len(left_out), kind
        words = Counter(word for row in table.rows for column in shown for word in column.text(row).split())
        assert words <= Counter(out.split()), kind
        assert "…" not in out


@pytest.mark.parametrize(
    ("kind", "main"),
    [
        ("measurements", ["p50 by round ²", "time / anchor's ⁴"]),
        ("comparisons", ["time ratio ¹", "verdict"]),
        ("differences", ["batch", "time ratio ¹", "verdict"]),
        ("tuning", ["speed ¹", "outcome", "why"]),
        ("reproduction", ["p50 ms", "time / anchor's ⁴"]),
    ],
)
def test_the_main_facts_are_a_table_on_eighty_columns(
    kind: str, main: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_PIPE_WIDTH", 80)
    table = tables_of_every_kind()[kind]
    rows = tuple(row for row in table.rows if len(table.columns[0].text(row)) < 40)
    console.Console().table(msgspec.structs.replace(table, rows=rows), OutputFormat.TABLE)
    out, err = capsys.readouterr()
    assert " ──────" in out
    assert not [label for label in main if label in err]


def test_two_files_of_one_name_keep_their_hashes_on_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_PIPE_WIDTH", 80)
    other = msgspec.structs.replace(timed_artifact(), sha256="7" * 64)
    compared = compare(msgspec.structs.replace(make_comparison_process(index=i), candidate=other) for i in range(2))
    console.Console().table(comparison_table(compared), OutputFormat.TABLE)
    out = capsys.readouterr().out
    assert "5555555" in out
    assert "7777777" in out


def test_a_long_note_is_several_lines_of_whole_words(capsys: pytest.CaptureFixture[str]) -> None:
    table = measurement_table(summarise([make_round()]))
    console.Console().table(table, OutputFormat.TABLE)
    lines = capsys.readouterr().out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("² "))
    assert lines[first + 1].startswith("  ")
    assert max(map(len, lines[first : first + 2])) <= 120
    (note,) = (note for note in table.notes if note.startswith("² "))
    assert " ".join(" ".join(lines[first : first + 2]).split()) == note


def test_the_environment_names_the_store(effmod: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFFMOD_STORE", str(tmp_path / "elsewhere"))
    write_onnx(tmp_path / "x.onnx")
    assert effmod("bench", "x.onnx", "--runs", "1").returncode == 0
    assert len(Store(tmp_path / "elsewhere").read()) == 1
    shown = effmod("show")
    assert shown.returncode == 0
    assert "x.onnx" in shown.stdout
    assert effmod("show", "elsewhere").stdout == shown.stdout


def test_a_store_is_shown_and_drawn_from_where_a_bench_puts_it(effmod: Run, tmp_path: Path) -> None:
    store_with(tmp_path / "effmod-results")
    assert "efficientmod_xxs" in effmod("show").stdout
    assert effmod("plot", "--output", "x.svg").returncode == 0


def test_the_cache_says_what_it_holds(quickly: Run, artifact_cache: Path) -> None:
    done = quickly("cache", "info")
    assert done.stdout.startswith(f"{artifact_cache}: ")
    assert done.returncode == 0


def test_a_plot_names_what_it_left_out(quickly: Run, tmp_path: Path) -> None:
    store_with(tmp_path / "store", make_round(), make_round(artifact=timed_artifact("mine.onnx", form=None)))
    done = quickly("plot", "store", "--output", "x.svg")
    assert done.stdout.strip() == "x.svg"
    assert "Left out" in done.stderr
    assert "mine.onnx" in done.stderr
    assert (tmp_path / "x.svg").stat().st_size > 1000


@pytest.mark.parametrize("arguments", [["show", "store"], ["diff", "store", "store"], ["plot", "store"]])
def test_a_damaged_file_hides_none_of_the_others(arguments: list[str], quickly: Run, tmp_path: Path) -> None:
    torn = store_with(tmp_path / "store") / "torn.json"
    torn.write_text("{")
    done = quickly(*arguments)
    assert done.returncode == 0, done.stderr
    assert "warning: left out: store/torn.json is not a record of effmod" in done.stderr
    for file in torn.parent.iterdir():
        file.write_text("{")
    done = quickly(*arguments)
    assert done.returncode == 5
    assert "torn.json" in done.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_a_screen_that_lacks_our_marks_gets_plain_ones(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    artifact = timed_artifact("naïve.onnx")
    pairs = [make_comparison_process(index=index) for index in range(2)]
    pairs = [msgspec.structs.replace(pair, baseline=artifact) for pair in pairs]
    store_with(tmp_path / "store", *(make_round([10.0 + i], artifact=artifact, index=i) for i in range(3)), *pairs)
    done = subprocess.run([EFFMOD, "show", "store"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    out = done.stdout.decode(encoding)
    assert ("na?ve.onnx" if encoding == "ascii" else "naïve.onnx") in out
    assert "\n4 its time over that of" in out
    done = subprocess.run([EFFMOD, "show", "store", "--output-format", "json"], capture_output=True, check=False)
    assert json.loads(done.stdout.decode())[0]["name"] == "naïve.onnx"


def test_two_files_of_one_name_are_told_apart(effmod: Run, tmp_path: Path) -> None:
    for folder, operator in (("a", "Relu"), ("b", "Log")):
        (tmp_path / folder).mkdir()
        write_onnx(tmp_path / folder / "x.onnx", operator=operator)
    hashes = [sha256_of(tmp_path / folder / "x.onnx")[:7] for folder in "ab"]
    done = effmod("bench", "a/x.onnx", "b/x.onnx", "--runs", "2", "--rounds", "1", "--warmup", "0")
    assert "sha256" in done.stdout
    assert all(f"x.onnx ({short})" in done.stderr for short in hashes)
    assert f"warning: x.onnx ({hashes[1]}): failed" in done.stderr
    assert all(short in done.stdout for short in hashes)


def test_a_dry_run_says_which_gpu() -> None:
    done = CliRunner().invoke(app, ["bench", "efficientmod_xxs", "--dry-run", "--device", "cuda:7"])
    assert "cuda:7, " in done.stdout


def test_version(effmod: Run) -> None:
    assert effmod("--version").stdout.strip() == f"effmod {__version__}"


def test_a_bug_is_one_line_and_a_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("effmod_bench.targets.names.find_networks", fail)
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path / "log")
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 70
    (log,) = (tmp_path / "log").iterdir()
    assert "Traceback" in log.read_text()
    assert "Traceback" not in result.output
    assert "a bug in effmod" in result.output


def test_a_full_cache_is_a_store_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputError("cannot write x: No space left on device; free some space, or choose another disk")

    monkeypatch.setattr("effmod_bench.targets.obtain.obtain", full)
    result = CliRunner().invoke(app, ["export", "efficientmod_xxs"])
    assert result.exit_code == 5
    assert "No space left on device" in result.output


def test_another_models_package_is_named_and_refused(
    effmod: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "path" / "results").mkdir(parents=True)
    (tmp_path / "path" / "results" / "__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    done = effmod("list")
    assert done.returncode == 2
    assert str(tmp_path / "path" / "results") in done.stderr
    assert "PYTHONPATH" in done.stderr
    assert "Traceback" not in done.stderr
