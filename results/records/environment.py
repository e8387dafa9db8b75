"""What happened: the machine, the runtime's session, and what went on meanwhile."""

import msgspec

from results.records.base import Count


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
        maker_versions: of what has a hand in files alone: another one may make another file, which has another hash,
            and runs the same file as before. Empty in records from before they were kept.
    """

    os: str
    architecture: str
    cpu_model: str | None
    physical_cores: Count | None
    logical_cores: Count | None
    available_cores: Count
    cpu_quota: float | None
    memory_bytes: Count
    governor: str | None
    versions: dict[str, str]
    effmod_commit: str | None
    affinity: tuple[Count, ...] | None = None
    smt: bool | None = None
    memory_limit_bytes: Count | None = None
    swap_bytes: Count | None = None
    gpu_versions: dict[str, str] = {}
    maker_versions: dict[str, str] = {}

    @property
    def is_seen(self) -> bool:
        """False for one that was never reached, of which nothing is known."""
        return self.available_cores > 0

    @property
    def stable(self) -> "Machine":
        """Without what can change between two runs and not make them different machines, wherever they ran."""
        return msgspec.structs.replace(self, effmod_commit=None, governor=None, gpu_versions={}, maker_versions={})


class GpuState(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU at one moment, as its driver tells. A fact that the driver does not tell is None.

    Attributes:
        driver: its version.
        throttle_reasons: NVML's names of what holds the clocks down, such as "SwPowerCap"; empty where nothing does.
        other_processes: how many hold memory on it, effmod's own worker not among them.
    """

    name: str | None
    driver: str | None
    memory_total_bytes: Count | None
    memory_used_bytes: Count | None
    sm_clock_mhz: Count | None
    memory_clock_mhz: Count | None
    temperature_c: int | None
    power_w: float | None
    throttle_reasons: tuple[str, ...] | None
    other_processes: Count | None


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How the runtime really ran an artifact, read back from its session. None where the runtime has no such thing.

    Attributes:
        runtime: name and version.
        execution_provider: ONNX Runtime's word; of other runtimes, the device in their own words.
        nodes: how many operators of each kind ran on each provider, or processor.
        shared_threads: whether it ran on a pool of threads that all sessions of its process have in common.
        gpu_memory_bytes: what the process held on the GPU after the last inference.
        denormal_as_zero: whether a product of two numbers that is subnormal came out as zero in the thread that ran it.
    """

    runtime: str
    execution_provider: str
    provider_options: dict[str, str] = {}
    intra_op_num_threads: Count | None = None
    inter_op_num_threads: Count | None = None
    allow_spinning: bool | None = None
    graph_optimization_level: str | None = None
    nodes: dict[str, dict[str, Count]] | None = None
    shared_threads: bool | None = None
    gpu_memory_bytes: Count | None = None
    denormal_as_zero: bool | None = None


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
        temperature_before_c, temperature_after_c: of the processor, where it is hottest.
        governor_before, governor_after: the frequency governor of the first core.
        slowed_before, slowed_after: whether the system held the cores' clocks down, for heat or for want of power.
    """

    elapsed_s: float
    other_cpu_s: float | None = None
    thermal_throttles: Count | None = None
    quota_throttles: Count | None = None
    frequency_before_mhz: float | None = None
    frequency_after_mhz: float | None = None
    on_battery: bool | None = None
    available_memory_bytes: Count | None = None
    swapped_in_bytes: Count | None = None
    memory_stall_s: float | None = None
    temperature_before_c: float | None = None
    temperature_after_c: float | None = None
    governor_before: str | None = None
    governor_after: str | None = None
    slowed_before: bool | None = None
    slowed_after: bool | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: machine, session, and the load that the machine had when the round began.

    Attributes:
        threads: intra-op threads that the runtime was given; None for Core ML, which chooses them itself.
        session: None where the round failed before there was one.
        load_average: processes running or waiting, over the last minute; None where the system has no such figure.
        conditions: None in records from before they were looked at.
        gpu_before, gpu_after: the GPU before the round's process started, and after it ended; None on other devices.
        place: where that was, by the name that the user gave it or by a number, such as "board 1"; None for the machine
            that effmod ran on. It names no host.
        kind: of the places of a cluster, those that are alike, such as "A100".
        node: which of a cluster's nodes that was: the number that Ray drew for it, which names no host.
        instead_of: the place whose work this is, where that was lost in the middle of it; None where it is the place's
            own.
    """

    machine: Machine
    threads: Count | None
    session: SessionFacts | None
    load_average: float | None
    conditions: Conditions | None = None
    gpu_before: GpuState | None = None
    gpu_after: GpuState | None = None
    place: str | None = None
    kind: str | None = None
    node: str | None = None
    instead_of: str | None = None

    @property
    def share(self) -> str | None:
        """The place whose part of a run this is, wherever it was done."""
        return self.instead_of or self.place

    @property
    def stable(self) -> bytes:
        """What two records must have in common for their times to be pooled: where, threads, GPU and its software."""
        gpu = self.gpu_before
        on_gpu = (gpu.name, gpu.driver, self.machine.gpu_versions) if gpu else None
        lasting = self.machine.stable, self.threads, on_gpu, self.place, self.node
        return msgspec.json.encode(lasting, order="sorted")
