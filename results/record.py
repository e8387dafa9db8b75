"""What is stored: one record a round, with what was asked (`plan`) and what happened (`environment`) apart."""

from enum import StrEnum

import msgspec

SCHEMA_VERSION = 1


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


class RuntimeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which runtime is asked for, and how it is to run an artifact.

    Attributes:
        device_index: which of several GPUs.
        compute_units: of Core ML; None elsewhere.
        include_transfers: on a GPU, copy the input there and the output back within the clock, as the paper did.
        cuda_graph: capture the inference once, and replay it.
        use_tf32: let the GPU round the factors of float32 products to 10 bits.
        allow_cpu_nodes: on a GPU, accept a graph of which the runtime leaves real work to the CPU.
    """

    runtime: Runtime = Runtime.ONNXRUNTIME
    device_index: int = 0
    compute_units: ComputeUnits | None = None
    include_transfers: bool = False
    cuda_graph: bool = False
    use_tf32: bool = False
    allow_cpu_nodes: bool = False


class BenchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of a run.

    Attributes:
        targets: names of the artifacts, in the order in which the user gave them; tables keep it.
        threads: intra-op threads; None where the user left the choice to effmod.
        runs: timed inferences of each artifact, over all its rounds.
        rounds: fresh processes that they are split over.
        warmup_runs: inferences before the clock starts, in each round.
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
        cpu_quota: cores' worth of time that a container's limit leaves it.
        governor: the frequency governor of the first core.
        versions: of effmod, Python, the runtime and what feeds it.
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
    gpu_memory_bytes: int | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: machine, session, and the load that the machine had when the round began.

    Attributes:
        threads: intra-op threads that the runtime was given.
        session: None where the round failed before there was one.
        load_average: processes running or waiting, over the last minute; None where the system has no such figure.
        gpu_before, gpu_after: the GPU before the round's process started, and after it ended; None on other devices.
    """

    machine: Machine
    threads: int
    session: SessionFacts | None
    load_average: float | None
    gpu_before: GpuState | None = None
    gpu_after: GpuState | None = None


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
    inputs: tuple[InputTensor, ...]
    weights: str | None
    params: int | None
    macs: int | None

    @property
    def batch_size(self) -> int:
        return self.inputs[0].shape[0] if self.inputs and self.inputs[0].shape else 1

    @property
    def image_size(self) -> int | None:
        """Side of the square images that the first input takes; None where it takes something else."""
        shape = self.inputs[0].shape if self.inputs else ()
        return shape[2] if len(shape) == 4 and shape[2] == shape[3] else None


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One fresh process that timed one artifact: the atom of all that is stored.

    Attributes:
        id: unique; names the record's file.
        run_id: of the invocation that it belongs to.
        index: which of the artifact's rounds in that run, from 0.
        started_at: UTC, ISO 8601.
        failure: the reason, where `outcome` is failed.
        load_ns: creating the runtime's session from the file.
        first_inference_ns: the first inference, before the warm-up.
        durations_ns: each timed inference, in the order in which they ran.
        peak_memory_bytes: largest resident memory of the process.
    """

    schema_version: int = SCHEMA_VERSION
    id: str
    run_id: str
    index: int
    started_at: str
    plan: BenchPlan
    environment: Environment
    artifact: TimedArtifact
    outcome: Outcome
    failure: str | None = None
    load_ns: int | None = None
    first_inference_ns: int | None = None
    durations_ns: tuple[int, ...] = ()
    peak_memory_bytes: int | None = None
