"""What is stored: one record a round, with what was asked (`plan`) and what happened (`environment`) apart.

Older versions are read as they are: what they lack has a default here.

Version 1 had rounds alone, without `kind` and `attempt`.
Version 2 took in fields as they came. All of its records lack `gpu_versions`; many lack `graph_optimization`,
`allow_spinning` and `prefer_nhwc` among the options, `target_options`, `relative_error` and `gpu_durations_ns`; the
first also lack `conditions`, what the GPU did, and `steady`.
"""

import math
from enum import StrEnum

import msgspec

SCHEMA_VERSION = 3


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every record in a store begins with; each kind of record is a subclass with a tag of its own.

    Attributes:
        id: unique; names the record's file.
        started_at: UTC, ISO 8601.
    """

    schema_version: int = SCHEMA_VERSION
    id: str
    started_at: str


class Device(StrEnum):
    """Where an inference runs."""

    CPU = "cpu"
    CUDA = "cuda"
    COREML = "coreml"


class Runtime(StrEnum):
    """What runs it."""

    ONNXRUNTIME = "onnxruntime"
    TENSORRT = "tensorrt"
    PYTORCH = "pytorch"
    TORCH_COMPILE = "torch-compile"
    OPENVINO = "openvino"
    COREML = "coreml"


class ComputeUnits(StrEnum):
    """Which of an Apple device's processors Core ML may use."""

    ALL = "all"
    CPU_AND_GPU = "cpu-and-gpu"
    CPU_AND_NE = "cpu-and-ne"
    CPU_ONLY = "cpu-only"


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"


class GraphOptimization(StrEnum):
    """How far ONNX Runtime may change a graph when it loads it."""

    BASIC = "basic"
    """What needs no knowledge of the device: constants folded, what is unused removed."""
    EXTENDED = "extended"
    """Fusions, too."""
    ALL = "all"
    """And the layout of maps: in blocks of channels, on a CPU."""


class RuntimeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which runtime is asked for, and how it is to run an artifact.

    Attributes:
        device_index: which of several GPUs.
        compute_units: of Core ML; None elsewhere.
        include_transfers: on a GPU, copy the input there and the output back within the clock, as the paper did.
        cuda_graph: capture the inference once, and replay it.
        use_tf32: let the GPU round the factors of float32 products to 10 bits.
        allow_fallback: on a GPU, accept a graph of which the provider leaves real work to another one.
        graph_optimization: ONNX Runtime's default is all.
        allow_spinning: threads that wait for work keep their cores busy, ONNX Runtime's default.
        prefer_nhwc: on a GPU, let ONNX Runtime keep maps with the channels last.
    """

    runtime: Runtime = Runtime.ONNXRUNTIME
    device_index: int = 0
    compute_units: ComputeUnits | None = None
    include_transfers: bool = False
    cuda_graph: bool = False
    use_tf32: bool = False
    allow_fallback: bool = False
    graph_optimization: GraphOptimization = GraphOptimization.ALL
    allow_spinning: bool = True
    prefer_nhwc: bool = False


class BenchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of a run.

    Attributes:
        targets: names of the artifacts, in the order in which the user gave them; tables keep it.
        threads: intra-op threads; None where the user left the choice to effmod.
        runs: timed inferences of each artifact, over all its rounds.
        rounds: fresh processes that they are split over.
        warmup_runs: inferences before the timed ones, in each round: at least so many; 0 for none.
        seed: of the order in which rounds are run.

    Raises:
        ValueError: a count is out of range.
    """

    targets: tuple[str, ...] = ()
    device: Device = Device.CPU
    options: RuntimeOptions = msgspec.field(default_factory=RuntimeOptions)
    threads: int | None = None
    runs: int = 4000
    rounds: int = 5
    warmup_runs: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("runs", 1), ("rounds", 1), ("warmup_runs", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is at least {least}, not {getattr(self, name)}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is at least 1, not {self.threads}")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The computer and its software. A fact that the machine does not tell is None.

    Attributes:
        os: name and release of the system.
        available_cores: logical cores that this process may use.
        affinity: which ones; None where the system has no such thing.
        smt: whether cores run two threads each.
        cpu_quota: cores' worth of time that a container's limit leaves it.
        memory_limit_bytes: what a container's limit leaves it.
        governor: the frequency governor of the first core.
        versions: of effmod, Python, the runtimes, what feeds them, and where networks come from.
        gpu_versions: of the libraries of CUDA, cuDNN and TensorRT that are installed as packages.
        effmod_commit: where effmod runs from a checkout.
    """

    os: str
    architecture: str
    cpu_model: str | None
    physical_cores: int | None
    logical_cores: int | None
    available_cores: int
    cpu_quota: float | None
    memory_bytes: int
    governor: str | None
    versions: dict[str, str]
    effmod_commit: str | None
    affinity: tuple[int, ...] | None = None
    smt: bool | None = None
    memory_limit_bytes: int | None = None
    swap_bytes: int | None = None
    gpu_versions: dict[str, str] = {}

    @property
    def stable(self) -> "Machine":
        """Without what can change between two runs and not make them different machines, wherever they ran."""
        return msgspec.structs.replace(self, effmod_commit=None, governor=None, gpu_versions={})


class GpuState(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU at one moment, as its driver tells. A fact that the driver does not tell is None.

    Attributes:
        driver: its version.
        throttle_reasons: NVML's names of what holds the clocks down, such as "SwPowerCap"; empty where nothing does.
        other_processes: how many hold memory on it, effmod's own worker not among them.
    """

    name: str | None
    driver: str | None
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    sm_clock_mhz: int | None
    memory_clock_mhz: int | None
    temperature_c: int | None
    power_w: float | None
    throttle_reasons: tuple[str, ...] | None
    other_processes: int | None


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How the runtime really ran an artifact, read back from its session. None where the runtime has no such thing.

    Attributes:
        runtime: name and version.
        execution_provider: ONNX Runtime's word; of other runtimes, the device in their own words.
        nodes: how many operators of each kind ran on each provider, or processor.
        shared_threads: whether it ran on a pool of threads that all sessions of its process have in common.
        gpu_memory_bytes: what the process held on the GPU after the last inference.
    """

    runtime: str
    execution_provider: str
    provider_options: dict[str, str] = {}
    intra_op_num_threads: int | None = None
    inter_op_num_threads: int | None = None
    allow_spinning: bool | None = None
    graph_optimization_level: str | None = None
    nodes: dict[str, dict[str, int]] | None = None
    shared_threads: bool | None = None
    gpu_memory_bytes: int | None = None


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine did from the start of a round's process to its end. None where the system does not tell.

    Attributes:
        elapsed_s: how long that was.
        other_cpu_s: processor time, over all cores, that neither effmod nor its worker took: other programs, the
            system, and what a hypervisor gave to other machines.
        thermal_throttles: times that a core slowed down for heat.
        quota_throttles: periods in which a container's limit held its processes up.
        frequency_before_mhz, frequency_after_mhz: of the cores, on average.
        on_battery: whether the machine lacked mains power at the end.
        available_memory_bytes: what was left for new programs, before or after, whichever was less.
        swapped_in_bytes: read back from swap, by any process.
        memory_stall_s: time in which some process waited for memory.
    """

    elapsed_s: float
    other_cpu_s: float | None = None
    thermal_throttles: int | None = None
    quota_throttles: int | None = None
    frequency_before_mhz: float | None = None
    frequency_after_mhz: float | None = None
    on_battery: bool | None = None
    available_memory_bytes: int | None = None
    swapped_in_bytes: int | None = None
    memory_stall_s: float | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: machine, session, and the load that the machine had when the round began.

    Attributes:
        threads: intra-op threads that the runtime was given; None for Core ML, which chooses them itself.
        session: None where the round failed before there was one.
        load_average: processes running or waiting, over the last minute; None where the system has no such figure.
        conditions: None in records from before they were looked at.
        gpu_before, gpu_after: the GPU before the round's process started, and after it ended; None on other devices.
    """

    machine: Machine
    threads: int | None
    session: SessionFacts | None
    load_average: float | None
    conditions: Conditions | None = None
    gpu_before: GpuState | None = None
    gpu_after: GpuState | None = None

    @property
    def stable(self) -> bytes:
        """What two records must have in common for their times to be pooled: machine, threads, GPU and its software."""
        gpu = self.gpu_before
        on_gpu = (gpu.name, gpu.driver, self.machine.gpu_versions) if gpu else None
        lasting = self.machine.stable, self.threads, on_gpu
        return msgspec.json.encode(lasting, order="sorted")


class ArtifactSource(StrEnum):
    """Whether effmod exported an artifact, from a network that it knows by name, or it is a file of the user's own."""

    ZOO = "zoo"
    FILE = "file"


class InputTensor(msgspec.Struct, frozen=True, kw_only=True):
    """One input as it was fed; `dtype` is the runtime's word, such as "float" or "int64"."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class TimedArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """The file that was timed. Names no folder.

    Attributes:
        name: the network's name in the zoo, or the file's name.
        form: "plain" for a network as its authors wrote it; None for a user's own file.
        opset: of an ONNX file.
        specification_version: of a Core ML package.
        weights: where the weights came from, in words.
        params, macs: None for a user's own file.
    """

    name: str
    source: ArtifactSource
    format: str
    form: str | None
    sha256: str
    size_bytes: int
    opset: int | None
    specification_version: int | None = None
    inputs: tuple[InputTensor, ...]
    weights: str | None
    params: int | None
    macs: int | None

    @property
    def batch_size(self) -> int:
        return self.inputs[0].shape[0] if self.inputs and self.inputs[0].shape else 1

    @property
    def takes_images(self) -> bool:
        """Whether the first input is a batch of images."""
        first = self.inputs[0] if self.inputs else None
        return (
            first is not None
            and len(first.shape) == 4
            and ("float" in first.dtype or first.dtype in ("double", "image"))
        )

    @property
    def image_size(self) -> int | None:
        """Side of the square images that the first input takes; None where it takes something else."""
        shape = self.inputs[0].shape if self.inputs else ()
        return shape[2] if len(shape) == 4 and shape[2] == shape[3] else None


class Round(Record, frozen=True, kw_only=True, tag="round"):
    """One fresh process that timed one artifact: the atom of all that is stored.

    Attributes:
        run_id: of the invocation that it belongs to.
        index: which of the artifact's rounds in that run, from 0.
        attempt: a round that failed can be repeated; this counts from 0, and the last one stands for the round.
        failure: the reason, where `outcome` is failed.
        load_ns: creating the runtime's session from the file.
        first_inference_ns: the first inference, before the warm-up.
        warmup_runs: inferences made to warm up.
        steady: whether they had settled when the timed ones began; None where there were none.
        durations_ns: each timed inference, in the order in which they ran.
        gpu_durations_ns: as many inferences more, by events on the GPU's stream; None where there are none.
        peak_memory_bytes: largest resident memory of the process.
    """

    run_id: str
    index: int
    attempt: int = 0
    plan: BenchPlan
    environment: Environment
    artifact: TimedArtifact
    outcome: Outcome
    failure: str | None = None
    load_ns: int | None = None
    first_inference_ns: int | None = None
    warmup_runs: int | None = None
    steady: bool | None = None
    durations_ns: tuple[int, ...] = ()
    gpu_durations_ns: tuple[int, ...] | None = None
    peak_memory_bytes: int | None = None


class HandEntry(Record, frozen=True, kw_only=True, tag="hand-entry"):
    """A latency that another tool measured, on another device, and a person entered. It has no samples.

    Attributes:
        started_at: when it was entered.
        name: the network's name in the zoo, or the file's name.
        artifact: the file that was timed; None where only its network was named.
        device_name, os, tool: each with its version, as the person gives them.
        compute_units: of Core ML; None where the person does not say, and elsewhere.
        mean_ms, p50_ms: of one inference; at least one of the two.
        runs: inferences behind the figure; None where the tool does not tell.

    Raises:
        ValueError: a text is empty, or a number is out of range or missing.
    """

    name: str
    artifact: TimedArtifact | None
    device_name: str
    os: str
    compute_units: ComputeUnits | None = None
    tool: str
    mean_ms: float | None = None
    p50_ms: float | None = None
    runs: int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("device_name", "os", "tool"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} is empty")
        if self.mean_ms is None and self.p50_ms is None:
            raise ValueError("neither mean_ms nor p50_ms is given")
        for name in ("mean_ms", "p50_ms", "runs"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} is more than 0, not {value}")


class ComparisonPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of a comparison.

    Attributes:
        targets: names of the artifacts; the first is the baseline that each of the others is compared with.
        options: of the baseline.
        target_options: of each target, where they are not all the baseline's; empty where they are.
        threads: intra-op threads; None where the user left the choice to effmod.
        control: compare the baseline with itself, too.
        processes: fresh processes of each comparison; with `until`, the fewest.
        blocks: of four timed runs, A B B A or B A A B, in each process.
        warmup_runs: inferences of each artifact before the clock starts, in each process.
        seed: of all that is drawn: whose turn it is, the order of loading and of the runs, the cores.
        margin: a smaller difference, as a share of the baseline's time, counts as none.
        until: go on until the interval's half-width, a share of the ratio, is at most this.
        max_time_s: but begin no process once they have taken so many seconds, those of all targets together.

    Raises:
        ValueError: a number is out of range.
    """

    targets: tuple[str, ...] = ()
    device: Device = Device.CPU
    options: RuntimeOptions = msgspec.field(default_factory=RuntimeOptions)
    target_options: tuple[RuntimeOptions, ...] = ()
    threads: int | None = None
    control: bool = False
    processes: int = 6
    blocks: int = 60
    warmup_runs: int = 20
    seed: int = 0
    margin: float = 0.005
    until: float | None = None
    max_time_s: float | None = None

    def __post_init__(self) -> None:
        least = {"threads": 1, "processes": 2, "blocks": 1, "warmup_runs": 0, "margin": 0, "until": 0, "max_time_s": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise ValueError(f"{name} is at least {bound}, not {value}")

    def options_of(self, target: int) -> RuntimeOptions:
        """How a target is run."""
        return self.target_options[target] if self.target_options else self.options


class ComparisonProcess(Record, frozen=True, kw_only=True, tag="comparison"):
    """One fresh process that timed two artifacts in turn: A, the baseline, and B, the candidate.

    Attributes:
        run_id: of the invocation that it belongs to.
        target: which of the plan's targets the candidate is; 0 is the baseline itself, loaded twice, as a control.
        index: which of the comparison's processes in that run, from 0.
        attempt: a process that failed can be repeated; this counts from 0, and the last one stands for the process.
        environment: its session is the baseline's.
        candidate_session: the candidate's; None where the process failed.
        cores: that the process was bound to; None where the system cannot do that.
        load_order: "AB" or "BA".
        order: of the timed runs, one letter each, such as "ABBABAAB".
        failure: the reason, where `outcome` is failed.
        baseline_ns, candidate_ns: each timed inference, in the order in which they ran; the n-th of both are a pair.
        relative_error: of the candidate's outputs against the baseline's, for what both were fed, relative to the
            largest; None where they cannot be set side by side.
    """

    run_id: str
    target: int
    index: int
    attempt: int = 0
    plan: ComparisonPlan
    environment: Environment
    candidate_session: SessionFacts | None
    cores: tuple[int, ...] | None
    baseline: TimedArtifact
    candidate: TimedArtifact
    load_order: str
    order: str
    outcome: Outcome
    failure: str | None = None
    baseline_ns: tuple[int, ...] = ()
    candidate_ns: tuple[int, ...] = ()
    relative_error: float | None = None
