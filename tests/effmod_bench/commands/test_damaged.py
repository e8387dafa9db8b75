"""Stores in which every field of every kind of record is damaged in turn: what is wrong is named, the rest is shown."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from results import ComparisonPlan, Conditions, RuntimeOptions
from tests.effmod_bench.support import effmod
from tests.fakes import GPU, make_comparison_process, make_hand_entry, make_round, timed_artifact

LONG = 2**63 - 1
DAMAGE: dict[str, Any] = {
    "gone": ...,
    "null": None,
    "zero": 0,
    "negative": -1,
    "huge": 10**400,
    "long": LONG,
    "real": 1e300,
    "text": "\x1b[2J\n|",
    "empty": [],
    "nested": [[[[]]]],
    "object": {},
    "numbers": [1, LONG],
    "uneven": [1, LONG] * 60,
}


def whole_records() -> list[Any]:
    """A record of each kind, with nothing left out that a record can hold."""
    pairs = ComparisonPlan(
        targets=("efficientmod_xxs", "efficientmod_xs"), target_options=(RuntimeOptions(), RuntimeOptions()), until=0.01
    )
    records = []
    for record in (make_round([10.0 + i % 7 for i in range(120)]), make_comparison_process(plan=pairs)):
        environment = msgspec.structs.replace(
            record.environment,
            conditions=Conditions(elapsed_s=1.0, other_cpu_s=0.1, swapped_in_bytes=1, memory_stall_s=0.1),
            gpu_before=GPU,
            gpu_after=GPU,
        )
        records.append(msgspec.structs.replace(record, environment=environment))
    records[0] = msgspec.structs.replace(records[0], gpu_durations_ns=(1, 2))
    return [json.loads(msgspec.json.encode(each)) for each in (*records, make_hand_entry(artifact=timed_artifact()))]


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where there is something to damage: every key, and the first of every list."""
    parts = value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places(part, (*path, key))


def damaged(record: Any, place: tuple[str | int, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(record))
    holder = copy
    for key in place[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return copy


@pytest.mark.parametrize("value", DAMAGE.values(), ids=DAMAGE)
def test_no_damage_to_one_field_hides_the_other_records(value: Any, tmp_path: Path) -> None:
    good = make_round([3.0, 4.0], artifact=timed_artifact("good.onnx", form=None), run_id="good")
    (tmp_path / "good.json").write_bytes(msgspec.json.encode(good))
    written = 0
    for record in whole_records():
        for place in places(record):
            found = damaged(record, place, value)
            if place == ("schema_version",):  # a later version is refused, and with it the store
                continue
            if place != ("id",):
                found["id"] = f"{written}"
            (tmp_path / f"{written}.json").write_text(json.dumps(found))
            written += 1
    assert written > 200
    for words in (["show"], ["show", "--output-format", "csv"], ["show", "--only", "comparisons"]):
        shown = effmod(words[0], str(tmp_path), *words[1:])
        assert shown.stderr.count("left out:") > 20
        if "comparisons" in words and shown.exit_code == 5:
            assert "holds no comparisons" in shown.stderr
            continue
        assert shown.exit_code == 0, shown.output
        if "comparisons" not in words:
            assert "good.onnx" in shown.stdout
