"""What was asked: devices, runtimes and their options, and how much is timed."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from results.records.base import Count


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


RUNTIME_NAMES = {
    Runtime.ONNXRUNTIME: "ONNX Runtime",
    Runtime.TENSORRT: "TensorRT",
    Runtime.PYTORCH: "PyTorch",
    Runtime.TORCH_COMPILE: "torch.compile",
    Runtime.OPENVINO: "OpenVINO",
    Runtime.COREML: "Core ML",
}
"""As their makers write them."""


class ComputeUnits(StrEnum):
    """Which of an Apple device's processors Core ML may use."""

    ALL = "all"
    CPU_AND_GPU = "cpu-and-gpu"
    CPU_AND_NE = "cpu-and-ne"
    CPU_ONLY = "cpu-only"


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
        denormal_as_zero: ONNX Runtime takes subnormal numbers for zero, on the CPU.
    """

    runtime: Runtime = Runtime.ONNXRUNTIME
    device_index: Count = 0
    compute_units: ComputeUnits | None = None
    include_transfers: bool = False
    cuda_graph: bool = False
    use_tf32: bool = False
    allow_fallback: bool = False
    graph_optimization: GraphOptimization = GraphOptimization.ALL
    allow_spinning: bool = True
    prefer_nhwc: bool = False
    denormal_as_zero: bool = False


def _check_bounds(plan: msgspec.Struct, least: Mapping[str, int]) -> None:
    """Refuse a field that is less than its bound; None is none."""
    for name, bound in least.items():
        value = getattr(plan, name)
        if value is not None and value < bound:
            raise ValueError(f"{name} is at least {bound}, not {value}")


class BenchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of a run.

    Attributes:
        targets: names of the artifacts, in the order in which the user gave them; tables keep it.
        threads: intra-op threads; None where the user left the choice to effmod.
        runs: timed inferences of each artifact, over all its rounds.
        rounds: fresh processes that they are split over.
        warmup_runs: inferences before the timed ones, in each round: at least so many, or as many as 30 s hold; 0 for
            none.
        seed: of the order in which rounds are run.

    Raises:
        ValueError: a count is out of range.
    """

    targets: tuple[str, ...] = ()
    device: Device = Device.CPU
    options: RuntimeOptions = msgspec.field(default_factory=RuntimeOptions)
    threads: Count | None = None
    runs: Count = 4000
    rounds: Count = 5
    warmup_runs: Count = 50
    seed: int = 0

    def __post_init__(self) -> None:
        _check_bounds(self, {"runs": 1, "rounds": 1, "warmup_runs": 0, "threads": 1})


class ProfilePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of a profile.

    Attributes:
        targets: names of the artifacts; of two, the processes take turns.
        options: of the first.
        target_options: of each target, where they are not all the first's; empty where they are.
        threads: intra-op threads; None where the user left the choice to effmod.
        processes: fresh processes of each artifact.
        runs: inferences of each process with the profiler, and as many without.
        warmup_runs: inferences before them.

    Raises:
        ValueError: a count is out of range, or some targets have options and others none.
    """

    targets: tuple[str, ...] = ()
    device: Device = Device.CPU
    options: RuntimeOptions = msgspec.field(default_factory=RuntimeOptions)
    target_options: tuple[RuntimeOptions, ...] = ()
    threads: Count | None = None
    processes: Count = 5
    runs: Count = 30
    warmup_runs: Count = 10

    def __post_init__(self) -> None:
        _check_bounds(self, {"processes": 1, "runs": 1, "warmup_runs": 0, "threads": 1})
        # While it is only asked for, nobody knows the targets' names.
        if self.target_options and self.targets and len(self.target_options) != len(self.targets):
            raise ValueError(
                f"target_options has {len(self.target_options)} rows, and there are {len(self.targets)} targets"
            )

    def options_of(self, target: int) -> RuntimeOptions:
        """How a target is run."""
        return self.target_options[target] if self.target_options else self.options


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
        fail_if_slower: by how much a target may be slower than the baseline, as a share; None for no such gate.
        until: go on until the interval's half-width, a share of the ratio, is at most this.
        until_decided: go on until the gate passes or fails.
        of_race: the candidates race, and who wins is flattered by it: no other run learns from these processes.
        spread_s: from the first of `processes` to the last, at least; between two of a comparison nothing is run. None
            for one right after the other.
        max_time_s: but begin no process once they have taken so many seconds, those of all targets together.

    Raises:
        ValueError: a number is out of range; or one of two that share a process is to take subnormal numbers for zero.
    """

    targets: tuple[str, ...] = ()
    device: Device = Device.CPU
    options: RuntimeOptions = msgspec.field(default_factory=RuntimeOptions)
    target_options: tuple[RuntimeOptions, ...] = ()
    threads: Count | None = None
    control: bool = False
    processes: Count = 6
    blocks: Count = 60
    warmup_runs: Count = 20
    seed: int = 0
    margin: float = 0.005
    fail_if_slower: float | None = None
    until: float | None = None
    until_decided: bool = False
    of_race: bool = False
    spread_s: float | None = None
    max_time_s: float | None = None

    def __post_init__(self) -> None:
        counts = {"threads": 1, "processes": 2, "blocks": 1, "warmup_runs": 0}
        _check_bounds(self, counts | dict.fromkeys(("margin", "fail_if_slower", "until", "spread_s", "max_time_s"), 0))
        if self.until_decided and self.fail_if_slower is None:
            raise ValueError("until_decided is set, and there is nothing to decide: fail_if_slower is None")
        if any(each.denormal_as_zero != self.options.denormal_as_zero for each in self.target_options):
            # The first session of a process decides for the thread that calls both.
            raise ValueError("denormal_as_zero is of a whole process: it is the same for both of a comparison")

    @property
    def is_open_ended(self) -> bool:
        """Whether it goes on until enough is known, however many processes that takes."""
        return self.until is not None or self.until_decided

    @property
    def gap_s(self) -> float:
        """From the start of a process to that of the next one of the same comparison, at least."""
        return (self.spread_s or 0.0) / (self.processes - 1)

    def options_of(self, target: int) -> RuntimeOptions:
        """How a target is run."""
        return self.target_options[target] if self.target_options else self.options
