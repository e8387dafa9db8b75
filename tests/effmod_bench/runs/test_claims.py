from pathlib import Path
from typing import Any

import msgspec
import pytest

from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.claims import CannotMakeError, Claim, ask, find_target, read_claims, together
from effmod_bench.runs.supplied import Supplied
from exporters import RANDOM, ComputePrecision, Format, sha256_of
from results import (
    ArtifactSource,
    ComparisonPlan,
    ComparisonProcess,
    Fed,
    InputTensor,
    Round,
    Runtime,
    RuntimeOptions,
    Store,
    TimedArtifact,
)
from tests.effmod_bench.support import store_with
from tests.fakes import make_comparison_process, make_hand_entry, make_round, timed_artifact, write_onnx

NOTHING = Supplied()


def claims(*records: Any) -> list[Claim]:
    return read_claims(Store(store_with(Path("then"), *records)))


def rounds(artifact: TimedArtifact | None = None, *, run: str = "20260101T000000-0000", count: int = 4) -> list[Round]:
    return [make_round([10.0, 11.0], artifact=artifact, index=i, run_id=run) for i in range(count)]


def asked(artifact: TimedArtifact, supplied: Supplied = NOTHING, *, quick: bool = False) -> Any:
    (claim,) = claims(*rounds(artifact))
    return ask(0, claim, supplied, quick=quick)


def test_a_claim_is_measured_as_its_latest_run_was() -> None:
    (claim,) = claims(*rounds(), *rounds(run="20260102T000000-0000", count=3), make_round(failure="x", index=9))
    assert (claim.runs, claim.rounds) == (6, 3)
    run = ask(0, claim, NOTHING, quick=False).run
    assert (run.plan.runs, run.plan.rounds, run.plan.threads, run.plan.warmup_runs) == (6, 3, 2, 50)
    assert run.targets == ("efficientmod_xxs",)
    assert run.anchor is None


def beside_anchor(blocks: int) -> list[ComparisonProcess]:
    plan = ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xs"), blocks=blocks)
    return [make_comparison_process(plan=plan, index=i) for i in range(3)]


def test_beside_an_anchor_it_takes_no_more_blocks_than_were_timed() -> None:
    other = rounds(timed_artifact("efficientmod_xs"))
    (claim,) = claims(*other, *beside_anchor(10**9))
    anchor = ask(0, claim, NOTHING, quick=False).run.anchor
    assert anchor is not None
    assert (anchor.target, anchor.plan.processes, anchor.plan.blocks) == ("efficientmod_xxs", 3, 6)


def test_the_anchor_itself_is_of_one_run_with_what_was_timed_beside_it() -> None:
    every = claims(*rounds(), *rounds(timed_artifact("efficientmod_xs")), *beside_anchor(2))
    ((run, asked),) = together([ask(i, claim, NOTHING, quick=False) for i, claim in enumerate(every)])
    assert len(asked) == 2
    assert run.anchor is not None
    assert run.anchor.plan.blocks == 2


def test_quickly_it_takes_a_tenth_of_the_runs_and_hardly_fewer_processes() -> None:
    many = [make_round([10.0] * 100, index=i) for i in range(8)]
    (claim,) = claims(*many)
    plan = ask(0, claim, NOTHING, quick=True).run.plan
    assert (plan.runs, plan.rounds) == (80, 6)


@pytest.mark.parametrize(
    ("form", "choices"),
    [
        ("plain", ExportChoices(rewrite="none")),
        ("rewritten", ExportChoices(rewrite="auto")),
        ("batchnorm+pointwise", ExportChoices(rewrite="batchnorm,pointwise")),
        ("plain+float16", ExportChoices(rewrite="none", compute_precision=ComputePrecision.FLOAT16)),
    ],
)
def test_without_its_run_a_file_is_made_as_its_form_says(form: str, choices: ExportChoices) -> None:
    made = asked(timed_artifact(form=form)).run.choices
    assert made == msgspec.structs.replace(choices, image_size=224, batch_size=1, opset=20)


def test_a_form_or_format_that_there_is_not_is_said() -> None:
    strange = msgspec.structs.replace(timed_artifact(), format="tflite")
    with pytest.raises(CannotMakeError, match="of a format or form that this effmod does not make"):
        asked(strange)


def test_a_checkpoint_is_loaded_by_its_hash_where_it_was_given_and_never_by_its_name() -> None:
    checkpoint = Path("best.pth")
    checkpoint.write_bytes(b"weights")
    (claim,) = claims(
        *rounds(msgspec.structs.replace(timed_artifact(), weights=f"best.pth (sha256 {sha256_of(checkpoint)[:12]})"))
    )
    named = msgspec.structs.replace(claim, choices=ExportChoices(checkpoints=((claim.artifact.name, checkpoint),)))
    for each in (claim, named):
        choices = ask(0, each, NOTHING, quick=False).run.choices
        assert (choices.checkpoint, choices.checkpoints) == (RANDOM, ())
    given = Supplied(weights=(checkpoint,))
    assert ask(0, claim, given, quick=False).run.choices.checkpoint == checkpoint
    checkpoint.write_bytes(b"others")
    assert ask(0, claim, given, quick=False).run.choices.checkpoint == RANDOM


def test_weights_are_fetched_where_that_was_said() -> None:
    artifact = msgspec.structs.replace(timed_artifact("timm:resnet18"), weights="pretrained(timm/x)")
    (claim,) = claims(*rounds(artifact))
    assert ask(0, claim, NOTHING, quick=False).run.choices.checkpoint is None
    assert ask(0, claim, Supplied(pretrained=True), quick=False).run.choices.checkpoint == Path("pretrained")


def own(name: str = "net.onnx", **changes: Any) -> TimedArtifact:
    facts = {"source": ArtifactSource.FILE, "form": None, "weights": None} | changes
    return msgspec.structs.replace(timed_artifact(name), **facts)


def test_a_file_is_found_by_its_hash_and_else_by_its_name_among_those_given() -> None:
    write_onnx(Path("a.onnx"), shape=(1, 3, 8, 8))
    (tensor,) = timed_artifact().inputs
    shape = msgspec.structs.replace(tensor, name="x", shape=(1, 3, 8, 8))
    size, sha256 = Path("a.onnx").stat().st_size, sha256_of(Path("a.onnx"))
    artifact = own("renamed.onnx", sha256=sha256, size_bytes=size, inputs=(shape,))
    with pytest.raises(CannotMakeError, match="it is a file of somebody's, sha256"):
        find_target(artifact, NOTHING)
    given = Supplied(files=(Path("a.onnx"),))
    assert find_target(artifact, given) == "a.onnx"
    assert find_target(own("a.onnx", inputs=(shape,)), given) == "a.onnx"
    with pytest.raises(CannotMakeError):
        find_target(own("other.onnx"), given)


def test_a_plug_ins_network_is_used_where_that_was_said() -> None:
    artifact = timed_artifact("somebodys_net(width=4)")
    with pytest.raises(
        CannotMakeError, match="where a plug-in brings it, say that it may be used: --add somebodys_net"
    ):
        find_target(artifact, NOTHING)
    assert find_target(artifact, Supplied(networks=("somebodys_net",))) == "somebodys_net(width=4)"


def test_what_was_fed_is_fed_again_where_it_is_known() -> None:
    write_onnx(Path("a.onnx"), shape=(1, 3, 8, 8))
    given = Supplied(files=(Path("a.onnx"),))

    def fed(value: str, feeds: int = 1) -> TimedArtifact:
        tensor = InputTensor(
            name="x", shape=(1, 3, 8, 8), dtype="float", fed=Fed(value=value, given=True, feeds=feeds, sha256="0" * 64)
        )
        return own("a.onnx", inputs=(tensor,))

    assert asked_again(fed("0.5"), given).given.feed == ("x=0.5",)
    assert asked_again(fed("0.5"), given).input_shapes == (("x", (1, 3, 8, 8)),)
    with pytest.raises(CannotMakeError, match="give the folder of it by --files"):
        asked_again(fed("x.npy"), given)
    with pytest.raises(CannotMakeError, match="was fed 3 files in turn"):
        asked_again(fed("a.png", feeds=3), given)
    with_values = msgspec.structs.replace(given, weights=(Path("values/x.npy"), Path("values/all.npz")))
    assert asked_again(fed("x.npy"), with_values).given.feed == ("x=values/x.npy",)
    assert asked_again(fed("all.npz"), with_values).given.source == Path("values/all.npz")


def asked_again(artifact: TimedArtifact, supplied: Supplied) -> Any:
    (claim,) = read_claims(Store(store_with(Path(f"then-{len(list(Path().iterdir()))}"), *rounds(artifact))))
    return ask(0, claim, supplied, quick=False).run


def test_claims_of_one_setting_are_one_run_and_those_of_another_are_not() -> None:
    found = claims(
        *rounds(), *rounds(timed_artifact("efficientmod_xs")), *rounds(timed_artifact("efficientmod_s", batch_size=2))
    )
    groups = together([ask(i, claim, NOTHING, quick=False) for i, claim in enumerate(found)])
    assert sorted(run.targets for run, _ in groups) == [("efficientmod_s",), ("efficientmod_xs", "efficientmod_xxs")]
    for run, group in groups:
        assert [found[each.claim].artifact.name for each in group] == [each.target for each in group]
        assert run.targets == tuple(each.target for each in group)


def test_pairs_are_claims_but_for_controls_and_races() -> None:
    plan = ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xs"), spread_s=1e9, until=0.01, max_time_s=5.0)
    race = msgspec.structs.replace(plan, of_race=True)
    records = [make_comparison_process(plan=plan, index=i) for i in range(3)]
    control = make_comparison_process(plan=plan, target=0)
    racing = [make_comparison_process(plan=race, index=i, run_id="20260102T000000-0000") for i in range(2)]
    (claim,) = claims(*records, control, *racing)
    run = ask(0, claim, NOTHING, quick=False).run
    assert run.targets == ("efficientmod_xxs", "efficientmod_xs")
    assert run.compared is not None
    assert (run.compared.processes, run.compared.until, run.compared.max_time_s) == (3, None, None)
    assert run.compared.spread_s == 86_400.0


def _of_two_ways(candidate: RuntimeOptions, **made: Any) -> Claim:
    names = ("efficientmod_xxs", "efficientmod_xs")
    plan = ComparisonPlan(targets=names, target_options=(RuntimeOptions(), candidate))
    records = [make_comparison_process(plan=plan, index=i) for i in range(3)]
    own = msgspec.structs.replace(records[0].candidate, **made)
    (claim,) = claims(*(msgspec.structs.replace(each, candidate=own) for each in records))
    return claim


@pytest.mark.parametrize(
    "candidate", [RuntimeOptions(runtime=Runtime.OPENVINO), RuntimeOptions(allow_spinning=False)], ids=["by", "set"]
)
def test_each_of_two_is_run_as_it_was(candidate: RuntimeOptions) -> None:
    run = ask(0, _of_two_ways(candidate), NOTHING, quick=False).run
    assert run.each == (("efficientmod_xxs", RuntimeOptions()), ("efficientmod_xs", candidate))
    assert run.compared is not None
    assert run.compared.options == run.plan.options == RuntimeOptions()


def test_a_network_that_pytorch_runs_goes_beside_a_file_whatever_that_was_made_with() -> None:
    claim = _of_two_ways(RuntimeOptions(runtime=Runtime.TORCH_COMPILE), format="pytorch", form=None, opset=None)
    assert ask(0, claim, NOTHING, quick=False).run.choices.opset == 20


def test_two_files_that_were_made_with_different_options_are_not_of_one_run() -> None:
    other = _of_two_ways(RuntimeOptions(runtime=Runtime.OPENVINO), form="batchnorm")
    with pytest.raises(CannotMakeError, match="made with different options"):
        ask(0, other, NOTHING, quick=False)


def test_a_package_keeps_its_format() -> None:
    artifact = msgspec.structs.replace(timed_artifact(), format="coreml", opset=None)
    assert asked(artifact).run.choices.format is Format.COREML


def test_figures_that_were_entered_by_hand_are_said_to_be_no_claims() -> None:
    said: list[str] = []
    store = Store(store_with(Path("then"), *rounds(), make_hand_entry()))
    assert len(read_claims(store, say=said.append)) == 1
    assert said == ["1 figure entered by hand, of other tools, cannot be measured again"]
