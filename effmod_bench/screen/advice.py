"""What to do about the signs that a number is doubtful."""

from collections.abc import Sequence

from effmod_bench.screen.console import Console
from results import StabilityWarning

_SUBNORMAL = (
    "nearer to zero than 1.2e-38, and many processors take several times as long for products of such numbers: "
    "'effmod doctor' says what this one does, and 'effmod bench --denormal-as-zero' times it without"
)
ADVICE = {
    StabilityWarning.FEWER_CORES: "more threads than cores, which wait for each other: slow and uneven times; "
    "leave --threads out, or use a machine with more cores",
    StabilityWarning.CPU_QUOTA: "more threads than the container's limit pays for, so they are stopped in between; "
    "raise the limit, or use fewer --threads",
    StabilityWarning.GOVERNOR: "the system may lower the clock rate as it likes; set the frequency governor to "
    "'performance' (cpupower frequency-set -g performance)",
    StabilityWarning.BATTERY: "measured on battery, where machines slow down: plug it in",
    StabilityWarning.OTHER_LOAD: "other programs, or other guests of the same host, took more than 5 % of the "
    "processor time meanwhile, or half a core, or held memory of the GPU: close them, or measure when they are done",
    StabilityWarning.THROTTLED: "the processor was slowed down, for heat or by a container's limit on its time: let it "
    "cool, or raise the limit",
    StabilityWarning.MEMORY_PRESSURE: "memory was short, and waiting for it is in the times: close other programs",
    StabilityWarning.NOT_STEADY: "not settled after the warm-up: close other programs, or raise --warmup",
    StabilityWarning.DRIFT: "the times rise or fall by more than 3 % while they are measured, so they depend on when "
    "one looks: let the machine settle, then measure again",
    StabilityWarning.PROCESSES_DEPEND: "successive processes are alike, as on a machine that stays at a speed for a "
    "while: the interval is too narrow; use 12 --rounds or --processes, or more, which tell how alike they are, or "
    "measure again at another time",
    StabilityWarning.BIMODAL: "the times fall in two groups, as if the machine had two speeds: no single figure "
    "describes both; look for other load or a changing clock rate, and compare networks by 'effmod compare'",
    StabilityWarning.RATIO_BIMODAL: "the ratio falls in two groups, as if the machine had two speeds that do not meet "
    "both alike: no single ratio describes them, and more processes do not narrow it; on a virtual machine, one thread "
    "(--threads 1) may tell them apart",
    StabilityWarning.ROUNDS_DISAGREE: "fresh processes disagree by more than 10 %: close other programs, or raise "
    "--rounds; networks that lie closer together than that are not told apart",
    StabilityWarning.INPUT_DEPENDENT: "another input took another time, by more than 10 % and than its scatter: feed "
    "what you will run it on, by --feed or --feeds",
    StabilityWarning.MADE_UP_INPUT: "how much there is to do may depend on the values that it is fed, by If, Loop, "
    "Scan, NonMaxSuppression, NonZero, TopK or a size that is computed from them, and nobody gave them: feed it what "
    "you will run it on, by --feed or --feeds",
    StabilityWarning.SUBNORMAL_WEIGHTS: f"it has weights {_SUBNORMAL}",
    StabilityWarning.SUBNORMAL_ACTIVATIONS: f"when it was proved, operators gave values {_SUBNORMAL}",
}


def say_warnings(console: Console, found: Sequence[tuple[str, Sequence[StabilityWarning]]]) -> None:
    """What to do about the signs that a number is doubtful, each once, with the names that show it.

    Args:
        found: names of what was measured or compared, each with its warnings.
    """
    for warning, advice in ADVICE.items():
        doubtful = dict.fromkeys(name for name, warnings in found if warning in warnings)
        if doubtful:
            console.warn(f"{warning}: {advice} ({', '.join(doubtful)})")
