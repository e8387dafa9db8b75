"""Stand-ins at the seams: a clock that obeys, and small things that many tests need."""

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from results import (
    AccuracyOf,
    AccuracyRecord,
    ArtifactSource,
    BenchPlan,
    ComparisonPlan,
    ComparisonProcess,
    ComputeUnits,
    Device,
    Environment,
    GpuState,
    HandEntry,
    InputTensor,
    Joined,
    Machine,
    Outcome,
    Profile,
    ProfiledOperator,
    ProfilePlan,
    Round,
    Runtime,
    RuntimeOptions,
    SessionFacts,
    TimedArtifact,
)

T = TypeVar("T")


class FakeClock:
    """Nanoseconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def pass_ms(self, milliseconds: float) -> None:
        self.now_ns += round(milliseconds * 1e6)


class FakeClocks:
    """The system's clocks: one runs on, the machine is suspended beside it, and somebody sets the time of day."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running_s = self.suspended_s = 1e4
        self.set_s = 1e9
        monkeypatch.setattr("time.monotonic", lambda: self.running_s)
        monkeypatch.setattr("time.time", lambda: self.running_s + self.suspended_s + self.set_s)
        monkeypatch.setattr("time.CLOCK_BOOTTIME", 7, raising=False)
        monkeypatch.setattr("time.clock_gettime", lambda _: self.running_s + self.suspended_s, raising=False)


class FakeWorkProcess:
    """What is to be done in a process of its own is done here: starting one takes a second, importing torch two."""

    is_there = True

    def do(self, work: Callable[[], T], _: Any) -> T:
        return work()

    def end(self) -> None:
        """There is nothing to end."""


class FakeSession:
    """A session whose inferences take exactly the given times, in turn."""

    def __init__(self, clock: FakeClock, milliseconds: Sequence[float]) -> None:
        self.runs = 0
        self._clock = clock
        self._milliseconds = milliseconds

    def run(self) -> None:
        self._clock.pass_ms(self._milliseconds[self.runs % len(self._milliseconds)])
        self.runs += 1

    def fed_with(self, _: object) -> None:
        """It is fed nothing at all."""


class FakeOnnxRuntime:
    """ONNX Runtime on a machine with a GPU: it notes what it is told, and computes nothing.

    Args:
        nodes: what it gives to each provider: names and operator kinds.
        providers: what its sessions come to have, whatever they were asked for; None for what was asked.
    """

    RunOptions = onnxruntime.RunOptions
    SessionOptions = onnxruntime.SessionOptions
    GraphOptimizationLevel = onnxruntime.GraphOptimizationLevel
    __version__ = "1.0"
    __file__ = onnxruntime.__file__

    def __init__(self, nodes: dict[str, list[tuple[str, str]]], providers: list[str] | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.asked: dict[str, dict[str, str]] = {}
        self._nodes = nodes
        self._providers = providers
        self.OrtValue = SimpleNamespace(ortvalue_from_numpy=self._value)

    def preload_dlls(self) -> None:
        self.calls.append(("preload_dlls",))

    def InferenceSession(self, _: str, options: Any, providers: Any) -> Any:  # noqa: N802 - ONNX Runtime's name
        self.calls.append(("InferenceSession",))
        self.asked = dict(providers)
        parts = [
            SimpleNamespace(
                ep_name=provider,
                get_nodes=lambda nodes=nodes: [SimpleNamespace(name=name, op_type=kind) for name, kind in nodes],
            )
            for provider, nodes in self._nodes.items()
        ]
        return SimpleNamespace(
            get_providers=lambda: self._providers or list(self.asked),
            get_provider_options=lambda: self.asked,
            get_provider_graph_assignment_info=lambda: parts,
            get_session_options=lambda: options,
            get_outputs=lambda: [SimpleNamespace(name="y", type="tensor(float)", shape=[1])],
            io_binding=self._binding,
            run_with_iobinding=self._run,
        )

    def _run(self, _: Any, options: Any = None) -> None:
        waits = options is None or options.get_run_config_entry("disable_synchronize_execution_providers") != "1"
        self.calls.append(("run",) if waits else ("run without waiting",))

    def _value(self, _: Any, device: str, index: int) -> Any:
        self.calls.append(("value", device, index))
        return SimpleNamespace(update_inplace=lambda host: self.calls.append(("copy in", host.shape)))

    def _binding(self) -> Any:
        return SimpleNamespace(
            bind_ortvalue_input=lambda name, _: self.calls.append(("bind input", name)),
            bind_output=lambda *where: self.calls.append(("bind output", *where)),
            bind_ortvalue_output=lambda name, _: self.calls.append(("keep output", name)),
            clear_binding_outputs=lambda: None,
            get_outputs=lambda: [SimpleNamespace(numpy=lambda: np.zeros(1, np.float32), shape=lambda: [1])],
            synchronize_outputs=lambda: self.calls.append(("synchronize",)),
        )


class FakeCuda:
    """CUDA's runtime on a machine with a GPU, of which each pair of events lies as many milliseconds apart.

    Args:
        calls: where it notes what it is told; None for a list of its own.
        fails: the function that gives an error.
    """

    cudaStreamNonBlocking = 1  # noqa: N815 - CUDA's name
    cudaError_t = SimpleNamespace(cudaSuccess=SimpleNamespace(name="cudaSuccess"))  # noqa: N815 - CUDA's name

    def __init__(self, milliseconds: float = 1.0, calls: list[tuple[Any, ...]] | None = None, fails: str = "") -> None:
        self.calls: list[tuple[Any, ...]] = [] if calls is None else calls
        self._milliseconds = milliseconds
        self._fails = fails
        self._made = 0

    def __getattr__(self, function: str) -> Any:
        return lambda *arguments: self._answer(function, arguments)

    def _answer(self, function: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        self.calls.append((function, *arguments))
        if function == self._fails:
            return SimpleNamespace(name="cudaErrorUnknown"), None
        if function == "cudaEventElapsedTime":
            return self.cudaError_t.cudaSuccess, self._milliseconds
        if "Create" in function:
            self._made += 1
            return self.cudaError_t.cudaSuccess, 0x5000 + self._made
        return (self.cudaError_t.cudaSuccess,)


class FakeNvml:
    """NVIDIA's driver on a machine with GPUs of these names; `silent` is what it does not tell."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    class NVMLError(Exception):
        pass

    def __init__(
        self,
        names: Sequence[str] = ("A GPU",),
        *,
        capability: tuple[int, int] = (9, 0),
        cuda: int = 13000,
        pids: Sequence[int] = (),
        silent: Sequence[str] = (),
    ) -> None:
        self.open = 0
        self._answers: dict[str, Any] = {
            "SystemGetCudaDriverVersion_v2": lambda: cuda,
            "SystemGetDriverVersion": lambda: "580.1",
            "DeviceGetCount": lambda: len(names),
            "DeviceGetHandleByIndex": lambda index: index if index < len(names) else self._fail(),
            "DeviceGetHandleByUUID": lambda uuid: int(uuid.removeprefix("GPU-")),
            "DeviceGetName": lambda handle: names[handle],
            "DeviceGetCudaComputeCapability": lambda _: capability,
            "DeviceGetMemoryInfo": lambda _: SimpleNamespace(total=80 << 30, used=1 << 30),
            "DeviceGetClockInfo": lambda _, kind: {1: 1980, 2: 2619}[kind],
            "DeviceGetTemperature": lambda _, __: 41,
            "DeviceGetPowerUsage": lambda _: 120_500,
            "DeviceGetCurrentClocksEventReasons": lambda _: 0b101,
            "DeviceGetComputeRunningProcesses": lambda _: [SimpleNamespace(pid=p, usedGpuMemory=7) for p in pids],
            "DeviceGetGraphicsRunningProcesses": lambda _: [],
        }
        self._answers |= dict.fromkeys(silent, lambda *_: self._fail())
        # NVML's bits are those of the real module.
        import pynvml

        self._real = pynvml

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's name
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802 - NVML's name
        self.open -= 1

    def __getattr__(self, name: str) -> Any:
        answer = self._answers.get(name.removeprefix("nvml"))
        return answer or getattr(self._real, name)

    def _fail(self) -> None:
        raise self.NVMLError("Not Supported")


GPU = GpuState(
    name="A GPU",
    driver="580",
    memory_total_bytes=1,
    memory_used_bytes=1,
    sm_clock_mhz=1,
    memory_clock_mhz=1,
    temperature_c=1,
    power_w=1.0,
    throttle_reasons=("SwPowerCap",),
    other_processes=0,
)
MACHINE = Machine(
    os="Linux 6",
    architecture="x86_64",
    cpu_model="A CPU",
    physical_cores=2,
    logical_cores=2,
    available_cores=2,
    cpu_quota=None,
    memory_bytes=8 << 30,
    governor=None,
    versions={"python": "3.11.7"},
    effmod_commit=None,
)


def session_facts(threads: int = 2) -> SessionFacts:
    return SessionFacts(
        runtime="onnxruntime 1",
        execution_provider="CPUExecutionProvider",
        provider_options={},
        intra_op_num_threads=threads,
        inter_op_num_threads=1,
        allow_spinning=True,
        graph_optimization_level="ORT_ENABLE_ALL",
    )


def timed_artifact(
    name: str = "efficientmod_xxs", *, batch_size: int = 1, image_size: int = 224, form: str | None = "plain"
) -> TimedArtifact:
    return TimedArtifact(
        name=name,
        source=ArtifactSource.ZOO,
        format="onnx",
        form=form,
        sha256="5" * 64,
        size_bytes=19_000_000,
        opset=20,
        inputs=(InputTensor(name="input", shape=(batch_size, 3, image_size, image_size), dtype="float"),),
        weights="random(seed 0)",
        params=4_736_264,
        macs=583_000_064,
    )


def make_round(
    milliseconds: Sequence[float] = (10.0, 11.0, 12.0),
    *,
    artifact: TimedArtifact | None = None,
    run_id: str = "20260101T000000-0000",
    index: int = 0,
    threads: int = 2,
    machine: Machine = MACHINE,
    failure: str | None = None,
    targets: tuple[str, ...] = (),
) -> Round:
    """A record with these timed runs, or a failed one."""
    artifact = artifact or timed_artifact()
    return Round(
        id=f"{run_id}-{artifact.name}-{index}",
        run_id=run_id,
        index=index,
        started_at=f"2026-01-01T00:00:{index:02}.000+00:00",
        plan=BenchPlan(targets=targets, threads=threads, runs=len(milliseconds)),
        environment=Environment(
            machine=machine,
            threads=threads,
            session=None if failure else session_facts(threads),
            load_average=0.5,
        ),
        artifact=artifact,
        outcome=Outcome.FAILED if failure else Outcome.OK,
        failure=failure,
        load_ns=None if failure else 50_000_000,
        first_inference_ns=None if failure else 20_000_000,
        durations_ns=() if failure else tuple(round(value * 1e6) for value in milliseconds),
        peak_memory_bytes=None if failure else 100_000_000,
    )


def on_board(record: Round, place: str) -> Round:
    """The same, measured at a place of this name."""
    return msgspec.structs.replace(record, environment=msgspec.structs.replace(record.environment, place=place))


def make_accuracy(artifact: TimedArtifact, *, right: int = 270) -> AccuracyRecord:
    """What was measured of an artifact over 360 images."""
    return AccuracyRecord(
        id=f"20260101T000000000-{artifact.sha256[:8]}-accuracy",
        started_at="2026-01-01T00:00:00.000+00:00",
        of=AccuracyOf(
            name=artifact.name,
            sha256=artifact.sha256,
            format=artifact.format,
            form=artifact.form,
            image_size=artifact.image_size,
            weights=artifact.weights,
        ),
        precision="float32",
        images=360,
        right=right,
        right_in_five=350,
        data="val",
        classes=10,
        data_sha256="d1" * 32,
    )


def make_hand_entry(name: str = "mobileone_s1", **changes: object) -> HandEntry:
    """A figure that a person entered."""
    facts = {
        "id": f"20260101T000000-0000-{name}",
        "started_at": "2026-01-01T00:00:00.000+00:00",
        "name": name,
        "artifact": None,
        "device_name": "iPhone 13",
        "os": "iOS 17.5",
        "compute_units": ComputeUnits.ALL,
        "tool": "ModelBench 1.0",
        "mean_ms": 0.876,
    }
    return HandEntry(**(facts | changes))  # type: ignore[arg-type]


def make_comparison_process(
    ratios: Sequence[float] = (1.02, 1.02),
    *,
    plan: ComparisonPlan | None = None,
    target: int = 1,
    index: int = 0,
    run_id: str = "20260101T000000-0000",
    failure: str | None = None,
    minute: int = 0,
) -> ComparisonProcess:
    """A record in which the candidate takes so many times the baseline's 1 ms in each pair, or a failed one.

    Args:
        minute: in which its run began.
    """
    plan = plan or ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xs"))
    return ComparisonProcess(
        id=f"{run_id}-comparison-{target}-{index}",
        started_at=f"2026-01-01T{minute // 60:02}:{minute % 60:02}:{index:02}.000+00:00",
        run_id=run_id,
        target=target,
        index=index,
        plan=plan,
        environment=Environment(
            machine=MACHINE, threads=2, session=None if failure else session_facts(), load_average=0.5
        ),
        candidate_session=None if failure else session_facts(),
        cores=(0, 1),
        baseline=timed_artifact(plan.targets[0]),
        candidate=timed_artifact(plan.targets[target]),
        load_order="AB",
        order="ABBA" * (len(ratios) // 2),
        outcome=Outcome.FAILED if failure else Outcome.OK,
        failure=failure,
        baseline_ns=() if failure else (1_000_000,) * len(ratios),
        candidate_ns=() if failure else tuple(round(1e6 * ratio) for ratio in ratios),
    )


def write_onnx(
    path: Path, *, shape: Sequence[int | str] = (1, 3, 8, 8), operator: str = "Relu", nodes: int = 1
) -> Path:
    """A small valid ONNX file: one input `x`, a chain of `operator`, one output `y`."""
    names = ["x", *(f"t{i}" for i in range(nodes - 1)), "y"]
    graph = helper.make_graph(
        [helper.make_node(operator, [a], [b]) for a, b in pairwise(names)],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(shape))],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def value(name: str, kind: int, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """An input or output of a graph."""
    return helper.make_tensor_value_info(name, kind, list(shape))


def write_graph(
    path: Path,
    nodes: Sequence[tuple[str, list[str], list[str], dict[str, Any]]],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
) -> Path:
    """An ONNX file of these operators: of each its kind, its inputs and outputs by name, and its attributes."""
    made = [helper.make_node(kind, ins, outs, **attributes) for kind, ins, outs, attributes in nodes]
    graph = helper.make_graph(made, "small", list(inputs), list(outputs))
    domains = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4)]
    for node in graph.node:
        node.domain = "ai.onnx.ml" if node.op_type == "LabelEncoder" else ""
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=10), path)
    return path


def write_onnx_with_weights_beside(path: Path, value: float) -> Path:
    """A valid file that adds a weight of one value to its input `x`; the weight lies in `w.bin` beside it."""
    weight = onnx.numpy_helper.from_array(np.full((1, 3, 8, 8), value, np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    return path


def damaged(content: bytes, times: int) -> Iterator[bytes]:
    """So many copies of a file's content, one to three bytes of each replaced; the same ones every time."""
    draws = random.Random(0)
    for _ in range(times):
        copy = bytearray(content)
        for _ in range(draws.randint(1, 3)):
            copy[draws.randrange(len(copy))] = draws.randrange(256)
        yield bytes(copy)


def write_endless_onnx(path: Path) -> Path:
    """A valid file whose first inference never ends: a loop that counts to 2 ** 62."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Relu", ["a"], ["b"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 3, 8, 8]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 3, 8, 8]),
        ],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["times", "yes", "x"], ["y"], body=body)],
        "endless",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])],
        [
            helper.make_tensor("times", TensorProto.INT64, [], [1 << 62]),
            helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def make_profile(
    kernel_us: Sequence[Sequence[int]],
    *,
    modules: Sequence[str | None],
    index: int = 0,
    target: int = 0,
    gap_us: int = 0,
    runtime: Runtime = Runtime.ONNXRUNTIME,
    failure: str | None = None,
    **facts: Sequence[Any],
) -> Profile:
    """A record of a profiled process, or of a failed one.

    Args:
        kernel_us: by operator, what each run of it takes.
        modules: by operator.
        gap_us: what a run takes beside its operators.
        facts: by the name of a field of an operator, its value for each.
    """
    given = [dict(zip(facts, values, strict=True)) for values in zip(*facts.values(), strict=True)]
    operators = tuple(
        ProfiledOperator(
            **(
                {"name": f"op_{i}", "kind": "Conv", "provider": "CPUExecutionProvider", "module": module}
                | {"joined": None if module is None else Joined.VALUE}
                | (given[i] if given else {})
            )
        )
        for i, module in enumerate(modules)
    )
    run_us = tuple(sum(each) + gap_us for each in zip(*kernel_us, strict=True))
    ok = failure is None
    return Profile(
        id=f"20260101T000000-0000-{target}-x-profile-{index}",
        started_at=f"2026-01-01T00:00:{index:02}.000+00:00",
        run_id="20260101T000000-0000",
        target=target,
        index=index,
        plan=ProfilePlan(targets=("efficientmod_xxs",), options=RuntimeOptions(runtime=runtime)),
        environment=Environment(machine=MACHINE, threads=1, session=session_facts() if ok else None, load_average=0.0),
        artifact=timed_artifact(),
        outcome=Outcome.OK if ok else Outcome.FAILED,
        failure=failure,
        operators=operators if ok else (),
        kernel_us=tuple(map(tuple, kernel_us)) if ok else (),
        run_us=run_us if ok else (),
        with_ns=tuple(1100 * us for us in run_us) if ok else (),
        without_ns=tuple(1000 * us for us in run_us) if ok else (),
    )


def make_plan(
    weights: Sequence[float],
    *,
    modules: Sequence[str | None],
    providers: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
) -> Profile:
    """A record of Core ML's plan.

    Args:
        weights, modules, providers, kinds: by operator; convolutions on the CPU where nobody says.
    """
    count = len(weights)
    measured = make_profile(
        [[1]] * count, modules=modules, kind=kinds or ["conv"] * count, provider=providers or ["CPU"] * count
    )
    options = RuntimeOptions(runtime=Runtime.COREML, compute_units=ComputeUnits.ALL)
    plan = ProfilePlan(
        targets=measured.plan.targets, device=Device.COREML, options=options, processes=1, runs=1, warmup_runs=0
    )
    return msgspec.structs.replace(
        measured, plan=plan, weights=tuple(weights), run_us=(), kernel_us=(), with_ns=(), without_ns=()
    )
