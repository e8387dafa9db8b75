"""The command as its user meets it; the profiler's process is this one."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest

from effmod_bench.errors import DeviceUnavailableError, ExitCode
from effmod_bench.instrument import place
from effmod_bench.instrument.process.messages import Broken, Profiled, ProfileJob
from effmod_bench.instrument.process.profiled import run_profile
from effmod_bench.runs import described as descriptions
from effmod_bench.runs import profile
from results import Device, Profile, Runtime, RuntimeOptions, Store
from tests.effmod_bench.instrument.profilers.test_openvino import known_file
from tests.effmod_bench.support import effmod
from tests.fakes import value, write_graph, write_onnx

RUNS = ("--threads", "1", "--processes", "2", "--runs", "4")
FEW = (*RUNS, "--no-roof")
OPERATORS = ("--by", "operator", "--depth", "3")


class Workers:
    """What stands in for the processes; those of these numbers break."""

    def __init__(self) -> None:
        self.jobs: list[ProfileJob] = []
        self.broken: Sequence[int] = ()

    def run_job(self, job: ProfileJob, **_: Any) -> Profiled | Broken:
        self.jobs.append(job)
        if len(self.jobs) - 1 in self.broken:
            return Broken(reason="the runtime's profile is cut short or damaged", detail="")
        # A pool that sessions share is the process's, and no session with threads of its own loads there any more.
        own = msgspec.structs.replace(job.session, shared_threads=False)
        return run_profile(msgspec.structs.replace(job, session=own), on_warm=lambda _: None)


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workers:
    monkeypatch.chdir(tmp_path)
    workers = Workers()
    monkeypatch.setattr(place, "run_job", workers.run_job)
    return workers


@pytest.fixture
def file() -> str:
    """A file of two stages, by the names of its operators."""
    path = write_onnx(Path("theirs.onnx"), operator="Sin", nodes=3)
    graph = onnx.load(path)
    names = ("/stages/0/act/Sin", "/stages/1/act/Sin", "/stages/1/act/Sin_1")
    for node, name in zip(graph.graph.node, names, strict=True):
        node.name = name
    onnx.save(graph, path)
    return str(path)


def rows(*arguments: str) -> list[dict[str, str]]:
    done = effmod("profile", *FEW, *arguments, "--output-format", "csv")
    assert done.exit_code == 0, done.output
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_a_file_is_shown_by_the_modules_that_its_names_tell(file: str) -> None:
    found = rows(file, "--depth", "1")
    assert [row["path"] for row in found] == ["", "stages.0", "stages.1"]
    assert [row["operators"] for row in found] == ["3", "1", "2"]
    shares = [float(row["share"]) for row in found]
    assert shares[0] == pytest.approx(1.0)
    assert sum(shares[1:]) == pytest.approx(1.0)


def test_it_is_shown_by_operator_and_by_kind_too(file: str) -> None:
    assert {row["name"].split()[-1] for row in rows(file, "--by", "operator")} >= {"/stages/0/act/Sin"}
    assert [(row["name"], row["operators"]) for row in rows(file, "--by", "kind")] == [("Sin", "3")]


def test_the_screen_has_the_slowest_and_what_the_profiler_costs(file: str) -> None:
    done = effmod("profile", *FEW, file)
    assert done.exit_code == 0
    assert "The slowest 3 operators" in done.stdout
    assert "100 % of the operators' time belongs to a module" in " ".join(done.stdout.split())
    assert "Without the profiler an inference took" in done.stdout


def test_processes_take_the_profiler_first_by_turns(file: str, workers: Workers) -> None:
    effmod("profile", *FEW, file)
    assert [job.plain_first for job in workers.jobs] == [True, False]


def test_the_records_are_shown_again(file: str) -> None:
    effmod("profile", *FEW, file, "--store", "s")
    records = Store(Path("s")).read_kind(Profile)
    assert [record.index for record in records] == [0, 1]
    listed = effmod("show", "s")
    assert "theirs.onnx" in listed.stdout
    whole = effmod("show", "s", "--run", records[0].run_id)
    assert "stages.1" in whole.stdout
    assert effmod("show", "s", "--only", "measurements").exit_code == ExitCode.STORE


def test_a_process_that_failed_is_a_record_with_its_reason(file: str, workers: Workers) -> None:
    workers.broken = [1]
    done = effmod("profile", *FEW, file, "--store", "s")
    assert done.exit_code == ExitCode.SOME_FAILED
    assert "cut short or damaged" in done.stderr
    assert [record.failure for record in Store(Path("s")).read_kind(Profile)][1] is not None


def test_where_all_failed_there_is_no_table(file: str, workers: Workers) -> None:
    workers.broken = [0, 1]
    done = effmod("profile", *FEW, file)
    assert (done.exit_code, done.stdout) == (ExitCode.SOME_FAILED, "")


def test_a_file_without_names_is_refused_but_by_kind(workers: Workers) -> None:
    write_onnx(Path("nameless.onnx"), operator="Sin")
    done = effmod("profile", *FEW, "nameless.onnx")
    assert done.exit_code == ExitCode.USAGE
    assert "no operator of nameless.onnx has a name" in done.stderr
    assert workers.jobs == []  # before anything is measured
    assert [row["name"] for row in rows("nameless.onnx", "--by", "kind")] == ["Sin"]


def test_a_file_that_names_no_modules_is_shown_by_operators() -> None:
    path = write_onnx(Path("flat.onnx"), operator="Sin")
    graph = onnx.load(path)
    graph.graph.node[0].name = "sin"
    onnx.save(graph, path)
    done = effmod("profile", *FEW, "flat.onnx")
    assert done.exit_code == 0
    assert "names no modules: here are its operators" in done.stderr
    asked = effmod("profile", *FEW, "flat.onnx", "--by", "module")
    assert asked.exit_code == ExitCode.USAGE
    assert "flat.onnx names no modules" in asked.stderr


@pytest.mark.parametrize(
    ("target", "where"),
    [
        ("theirs.onnx", ("--device", "cuda", "--runtime", "tensorrt")),
        ("efficientmod_xxs", ("--runtime", "torch-compile")),
    ],
)
def test_what_has_no_counters_is_said(file: str, target: str, where: tuple[str, ...]) -> None:
    assert file == "theirs.onnx"
    done = effmod("profile", *RUNS, target, *where)
    assert done.exit_code == ExitCode.UNAVAILABLE
    assert "effmod reads no profiler of" in done.stderr
    assert "onnxruntime, pytorch and openvino on the CPU" in " ".join(done.stderr.split())


@pytest.fixture
def gpu(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> Workers:
    """A GPU, as far as effmod can tell: what runs on it runs on the CPU, each operator in half its time."""

    def run_job(job: ProfileJob, **_: Any) -> Profiled | Broken:
        done = on_cpu(msgspec.structs.replace(job, session=msgspec.structs.replace(job.session, device=Device.CPU)))
        assert isinstance(done, Profiled)
        (runs,) = {len(operator.durations_us) for operator in done.operators}
        halved = [msgspec.structs.replace(each, durations_us=(sum(each.durations_us) // 2,)) for each in done.operators]
        return msgspec.structs.replace(done, operators=tuple(halved), run_us=(sum(done.run_us),), runs_each=runs)

    on_cpu = workers.run_job
    monkeypatch.setattr(place, "run_job", run_job)
    monkeypatch.setattr(profile, "check_installed", lambda *_: None)
    return workers


@pytest.mark.usefixtures("gpu")
def test_kernels_of_a_gpu_are_shown_as_operators_of_a_cpu_are(file: str) -> None:
    done = effmod("profile", "--processes", "2", "--runs", "4", file, "--device", "cuda", "--store", "s")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert "An operator takes what its kernels take on the GPU" in said
    assert "1 thread" not in said
    assert "of roof" not in said
    record, _ = Store(Path("s")).read_kind(Profile)
    assert (record.plan.device, record.runs_each, record.roof) == (Device.CUDA, 4, None)
    assert "cuda" in effmod("show", "s", "--run", record.run_id).stdout


def test_where_no_roof_is_measured_there_is_none_to_leave_out(file: str) -> None:
    for device in ("cuda", "coreml"):
        done = effmod("profile", file, "--device", device, "--no-roof")
        assert done.exit_code == ExitCode.USAGE
        assert f"--no-roof goes with --device cpu: no roof is measured with --device {device}" in " ".join(
            done.stderr.split()
        )


@pytest.mark.usefixtures("gpu")
def test_a_captured_graph_has_no_operators(file: str) -> None:
    done = effmod("profile", file, "--device", "cuda", "--cuda-graph")
    assert done.exit_code == ExitCode.USAGE
    assert "a CUDA graph is replayed as a whole" in done.stderr


def test_kernels_are_seen_by_a_pytorch_that_knows_cuda(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(_: Device, options: RuntimeOptions) -> None:
        if options.runtime is Runtime.PYTORCH:
            raise DeviceUnavailableError("the installed PyTorch is built for the CPU alone")

    monkeypatch.setattr(profile, "check_installed", check)
    done = effmod("profile", file, "--device", "cuda")
    assert done.exit_code == ExitCode.UNAVAILABLE
    assert "what ONNX Runtime's kernels take, and cannot be used here: the installed PyTorch is" in " ".join(
        done.stderr.split()
    )


def test_openvinos_counters_are_shown_as_onnx_runtimes_are() -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    whole, *_ = rows(str(known_file(Path("known.onnx"))), "--runtime", "openvino", "--store", "s")
    records = Store(Path("s")).read_kind(Profile)
    assert {operator.module for operator in records[0].operators} == {"stem.conv", "norm", "head"}
    assert int(whole["operators"]) == len(records[0].operators)
    assert [record.runs_each for record in records] == [4, 4]
    assert records[0].environment.session is not None
    assert records[0].environment.session.runtime.startswith("openvino")
    assert "openvino" in effmod("show", "s", "--run", records[0].run_id).stdout


def test_what_each_operator_of_a_file_takes_is_written_for_model_explorer(file: str) -> None:
    done = effmod("profile", *FEW, file, "--model-explorer", "nodes.json")
    assert done.exit_code == 0, done.output
    (name, data), *others = json.loads(Path("nodes.json").read_text()).items()
    graph = onnx.load(file).graph
    assert (name, others) == (graph.name, [])
    assert data["results"]
    assert set(data["results"]) <= {node.name for node in graph.node}
    assert all(each["value"] >= 0 for each in data["results"].values())
    assert "at the operators of theirs.onnx" in done.stderr


def test_a_network_that_runs_without_a_file_has_no_graph_for_model_explorer() -> None:
    done = effmod("profile", *FEW, "efficientmod_xxs", "--runtime", "pytorch", "--model-explorer", "nodes.json")
    assert done.exit_code == ExitCode.USAGE
    assert "--model-explorer is of the graph of a file" in done.stderr


def test_a_profile_of_a_later_version_is_no_profile_of_this_one(file: str) -> None:
    effmod("profile", *FEW, file, "--store", "s")
    for path in Path("s").glob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))
    done = effmod("show", "s")
    assert done.exit_code == ExitCode.STORE
    assert "schema version 99" in done.stderr


def test_two_networks_are_refused_before_anything_is_made() -> None:
    done = effmod("profile", *FEW, "efficientmod_*")
    assert done.exit_code == ExitCode.USAGE
    assert "name one" in done.stderr
    named = effmod("profile", *FEW, "efficientmod_xxs", "of mine.onnx")
    assert named.exit_code == ExitCode.USAGE
    assert "'effmod compare efficientmod_xxs 'of mine.onnx' --by module'" in " ".join(named.stderr.split())


def test_each_file_is_read_once(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    described = []

    def describe(*arguments: Any) -> Any:
        described.append(arguments)
        return original(*arguments)

    original = descriptions.describe
    monkeypatch.setattr(descriptions, "describe", describe)
    effmod("profile", *FEW, file)
    assert len(described) == 1


def test_a_trace_is_written_for_perfetto(file: str) -> None:
    done = effmod("profile", *FEW, file, "--trace", "t.json")
    assert done.exit_code == 0
    events = json.loads(Path("t.json").read_text())["traceEvents"]
    assert [event["ph"] for event in events if event["cat"] == "Sin"] == ["B", "E"] * 3


def test_two_things_do_not_go_into_one_file(file: str, workers: Workers) -> None:
    done = effmod("profile", *FEW, file, "--trace", "t.json", "--model-explorer", "t.json")
    assert done.exit_code == ExitCode.USAGE
    assert "--trace and --model-explorer both name t.json" in done.stderr
    assert workers.jobs == []


def test_inputs_in_turn_are_refused(file: str, workers: Workers) -> None:
    Path("feeds").mkdir()
    for number in range(2):
        np.savez(Path("feeds") / f"{number}.npz", x=np.zeros((1, 3, 8, 8), np.float32))
    done = effmod("profile", *FEW, file, "--feeds", "feeds")
    assert done.exit_code == ExitCode.USAGE
    assert "a profile is of one input, and --feeds gives theirs.onnx 2 in turn" in " ".join(done.stderr.split())
    assert workers.jobs == []
    assert rows(file, "--feeds", "feeds/0.npz", "--by", "kind")


def test_a_depth_is_of_modules_alone(file: str) -> None:
    for done in (effmod("profile", *FEW, file, *OPERATORS), compare(file, "b.onnx", *OPERATORS)):
        assert done.exit_code == ExitCode.USAGE
        assert "--depth is of modules, and --by operator shows none" in done.stderr


@pytest.mark.parametrize("option", ["--trace", "--model-explorer"])
def test_a_place_that_cannot_be_written_is_said_before_anything_is_measured(
    file: str, workers: Workers, option: str
) -> None:
    for place_, why in (("missing/t.json", "No such file"), (".", "is a folder")):
        done = effmod("profile", *FEW, file, option, place_)
        assert done.exit_code == ExitCode.STORE
        assert why in done.stderr
        assert f"name another file with {option}" in " ".join(done.stderr.split())
    assert workers.jobs == []


def test_what_a_runtime_cannot_run_is_said_before_a_process_is_spent_on_it(workers: Workers) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    codes = {"keys_floats": [0.0], "values_floats": [1.0]}
    x, y = (value(name, onnx.TensorProto.FLOAT, (1, 3, 8, 8)) for name in "xy")
    write_graph(Path("encoder.onnx"), [("LabelEncoder", ["x"], ["y"], codes)], [x], [y])
    done = compare("encoder.onnx", "--by", "kind", "--runtime", "onnxruntime,openvino")
    assert done.exit_code == ExitCode.USAGE
    assert "OpenVINO cannot run encoder.onnx: " in done.stderr
    assert "src/" not in done.stderr
    assert workers.jobs == []


def compare(*arguments: str) -> Any:
    return effmod("compare", "--processes", "2", "--threads", "1", *arguments)


def test_two_files_are_laid_on_each_other_by_their_modules(file: str, workers: Workers) -> None:
    other = Path("other.onnx")
    graph = onnx.load(file)
    graph.producer_name = "another file"
    onnx.save(graph, other)
    done = compare(file, str(other), "--by", "module", "--depth", "1", "--output-format", "csv")
    assert done.exit_code == 0, done.output
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["name"].strip() for row in found] == ["all operators", "stages.0", "stages.1", "between operators"]
    assert [Path(job.session.path).name for job in workers.jobs] == ["theirs.onnx", "other.onnx"] * 2
    screen = compare(file, str(other), "--by", "module")
    assert "The same by kind of operator" in screen.stdout
    run = max(record.run_id for record in Store(Path("effmod-results")).records(Profile))
    again = effmod("show", "--run", run, "--output-format", "json")
    names = [row["name"].strip() for row in json.loads(again.stdout)]
    assert names[:2] == ["all operators", "stages.0"]


def test_one_file_is_laid_on_itself_by_its_modules_where_two_runtimes_run_it(workers: Workers) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    path = str(known_file(Path("known.onnx")))
    on_two = ("--by", "module", "--runtime", "onnxruntime,openvino", "--no-spinning")
    done = compare(path, *on_two, "--output-format", "csv")
    assert done.exit_code == 0, done.output
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    names = [row["name"].strip() for row in found]
    assert (names[0], names[-1]) == ("all operators", "between operators")
    assert set(names[1:-1]) <= {"stem", "conv", "act", "norm", "head", "(smaller ones)"}
    options = [(job.session.options.runtime, job.session.options.allow_spinning) for job in workers.jobs]
    assert options == [(Runtime.ONNXRUNTIME, False), (Runtime.OPENVINO, True)] * 2
    assert "--no-spinning is for onnxruntime alone" in done.stderr
    records = Store(Path("effmod-results")).read_kind(Profile)
    # What ONNX Runtime has made of the convolution and its activation gives the value of the second.
    of_stem = {
        record.plan.options_of(record.target).runtime: {
            operator.module for operator in record.operators if operator.module not in ("norm", "head")
        }
        for record in records
    }
    assert of_stem == {Runtime.ONNXRUNTIME: {"stem.act"}, Runtime.OPENVINO: {"stem.conv"}}
    again = effmod("show", "--run", records[0].run_id)
    shown = " ".join(again.stdout.split())
    assert "names of its own for operators and kinds" in shown
    assert "Without the profilers, in the same processes, the first took" in shown
    assert "At least one of the two profilers tells means of all runs alone" in shown
    assert "The same by kind" not in again.stdout
    listed = csv.DictReader(io.StringIO(effmod("show", "--output-format", "csv").stdout))
    assert [row["runtime"].split()[0] for row in listed] == ["onnxruntime", "openvino"]


def test_a_side_of_which_every_process_failed_is_shown_with_its_reason(file: str, workers: Workers) -> None:
    other = Path("other.onnx")
    graph = onnx.load(file)
    graph.producer_name = "another file"
    onnx.save(graph, other)
    workers.broken = [1, 3]
    done = compare(file, str(other), "--by", "module", "--store", "s")
    assert done.exit_code == ExitCode.SOME_FAILED
    again = effmod("show", "s", "--run", Store(Path("s")).read_kind(Profile)[0].run_id)
    assert "failed: other.onnx: the runtime's profile is cut short or damaged" in " ".join(again.stderr.split())


def test_two_files_without_modules_in_common_are_compared_by_kind(file: str) -> None:
    path = write_onnx(Path("flat.onnx"), operator="Cos")
    graph = onnx.load(path)
    graph.graph.node[0].name = "cos"
    onnx.save(graph, path)
    done = compare(file, "flat.onnx", "--by", "module")
    assert done.exit_code == 0
    assert "no modules in common" in done.stderr
    assert "Cos" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("theirs.onnx",), "name two targets, or one and two runtimes"),
        (("theirs.onnx", "b.onnx", "--runtime", "onnxruntime,openvino"), "name two targets, or one and two runtimes"),
        (("theirs.onnx", "theirs.onnx"), "name two that are not the same"),
        (("theirs.onnx", "b.onnx", "--until", "1%"), "--until is for timing"),
        (("theirs.onnx", "b.onnx", "--fail-if-slower", "5%"), "--fail-if-slower is for timing"),
    ],
)
def test_what_does_not_go_with_parts_is_refused(file: str, arguments: tuple[str, ...], why: str) -> None:
    assert file == "theirs.onnx"
    done = compare(*arguments, "--by", "module")
    assert done.exit_code == ExitCode.USAGE
    assert why in done.stderr
