"""What several tests of results need."""

from collections.abc import Sequence

import msgspec

from results import ComparisonPlan, InputTensor, Measurement, Round, Runtime, RuntimeOptions, summarise
from tests.fakes import make_comparison_process, make_round, timed_artifact

PLAN = ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xs"))


def measured(
    medians_ms: Sequence[float], ratios: Sequence[float] = (), *, name: str = "efficientmod_xs", anchor: str = "5"
) -> list[Measurement]:
    """A row with a round of each median, and a process beside the anchor of each ratio."""
    artifact = timed_artifact(name)
    pairs = [
        msgspec.structs.replace(
            make_comparison_process([ratio] * 4, plan=PLAN, index=i),
            candidate=artifact,
            baseline=msgspec.structs.replace(timed_artifact(), sha256=anchor * 64),
        )
        for i, ratio in enumerate(ratios)
    ]
    return summarise([make_round([ms], artifact=artifact, index=i) for i, ms in enumerate(medians_ms)], pairs)


def dense_round(name: str, milliseconds: Sequence[float], *, runtime: Runtime = Runtime.PYTORCH) -> Round:
    """A record of a detector or segmenter, by its name; half of each run of one in full is NMS, a tenth pasting."""
    size, _, mode = name.partition("@")[2].partition("+")
    width, height = map(int, size.split("x"))
    artifact = msgspec.structs.replace(
        timed_artifact(name, form=(mode or "dummy") if name.startswith("mask_rcnn") else "plain"),
        inputs=(InputTensor(name="input", shape=(1, 3, height, width), dtype="float"),),
        params=32_634_493,
        macs=30_458_000_000,
        attention_macs=2_311_000_000,
    )
    record = make_round(milliseconds, artifact=artifact)
    parts = {"nms": 0.5, "paste": 0.1} if mode == "full" else {}
    return msgspec.structs.replace(
        record,
        plan=msgspec.structs.replace(record.plan, options=RuntimeOptions(runtime=runtime)),
        parts_ns={part: tuple(round(share * ms * 1e6) for ms in milliseconds) for part, share in parts.items()},
    )
