"""`effmod plot` as it is entered: what it draws of which store, what it says, and how it ends."""

from pathlib import Path

import msgspec
import pytest

from tests.effmod_bench.support import Run, store_with
from tests.fakes import MACHINE, make_comparison_process, make_hand_entry, make_round, timed_artifact


def by_size(*sizes: int) -> list[object]:
    return [make_round(artifact=timed_artifact(image_size=size), index=i) for i, size in enumerate(sizes)]


def test_a_plot_names_what_it_left_out(quickly: Run, tmp_path: Path) -> None:
    other = make_round(artifact=timed_artifact("efficientmod_xs", image_size=512))
    store_with(tmp_path / "store", make_round(), other)
    done = quickly("plot", "store", "--output", "x.svg")
    assert done.stdout.strip() == "x.svg"
    assert "Left out, without an accuracy, or what it is set against: efficientmod_xs" in done.stderr
    assert (tmp_path / "x.svg").stat().st_size > 1000


def test_a_plot_says_where_a_published_accuracy_is_not_of_the_weights_that_were_timed(
    quickly: Run, tmp_path: Path
) -> None:
    own = msgspec.structs.replace(timed_artifact(), weights="net.pth (sha256 0123456789ab)")
    store_with(tmp_path / "store", make_round(artifact=own))
    done = quickly("plot", "store", "--output", "x.svg")
    assert "timed with a checkpoint of one's own" in " ".join(done.stderr.split())


def test_without_a_kind_it_is_what_most_of_the_store_is_of(quickly: Run, tmp_path: Path) -> None:
    store_with(tmp_path / "networks", make_round(), make_round(artifact=timed_artifact("edgevit_xs")))
    store_with(tmp_path / "sizes", *by_size(224, 256, 288))
    store_with(tmp_path / "pairs", make_comparison_process())
    store_with(tmp_path / "own", make_round(artifact=timed_artifact("mine.onnx", form=None)))
    store_with(tmp_path / "phone", make_hand_entry())
    drawn = {name: quickly("plot", name).stdout.strip() for name in ("networks", "sizes", "pairs", "own", "phone")}
    assert drawn == {
        "networks": "tradeoff.png",
        "sizes": "resolution.png",
        "pairs": "distribution.png",
        "own": "distribution.png",
        "phone": "tradeoff.png",
    }
    assert "Drawn as --kind resolution" in quickly("plot", "sizes").stderr


def test_a_store_of_which_nothing_is_drawn_is_named(quickly: Run, tmp_path: Path) -> None:
    store_with(tmp_path / "rounds", make_round())
    store_with(tmp_path / "pairs", make_comparison_process())
    store_with(tmp_path / "other", make_round(artifact=timed_artifact("edgevit_xs")))
    done = quickly("plot", "rounds", "pairs", "other", "--select", "efficientmod_*", "--kind", "tradeoff")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stderr.split())
    assert "Left out: the store pairs, whose networks were only timed in turn with others" in said
    assert "Left out: the store other, which has nothing of what is drawn" in said
    assert "the store rounds" not in said


def test_several_stores_are_one_picture_that_names_them(quickly: Run, tmp_path: Path) -> None:
    store_with(tmp_path / "before", make_round())
    store_with(tmp_path / "after", make_round(machine=msgspec.structs.replace(MACHINE, os="Linux 7")))
    done = quickly("plot", "before", "after", "--output", "x.svg", "--width", "84mm")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "x.svg").read_text()
    assert "<!-- before -->" in written
    assert "<!-- after -->" in written
    assert 'width="238.' in written  # points


def test_some_networks_can_be_chosen(quickly: Run, tmp_path: Path) -> None:
    names = ("efficientmod_xxs", "efficientmod_xs", "edgevit_xs")
    store_with(tmp_path / "store", *(make_round(artifact=timed_artifact(name)) for name in names))
    quickly("plot", "store", "--output", "x.svg", "--select", "efficientmod_*", "--kind", "tradeoff")
    written = (tmp_path / "x.svg").read_text()
    assert "efficientmod_xxs" in written
    assert "edgevit_xs" not in written
    done = quickly("plot", "store", "--kind", "distribution", "--select", "edgevit_xs", "--select", "efficientmod_xs")
    assert done.stdout.strip() == "distribution.png"


def test_figures_entered_by_hand_are_drawn_beside_what_was_measured(quickly: Run, tmp_path: Path) -> None:
    store_with(tmp_path / "store", make_round(), make_hand_entry())
    done = quickly("plot", "store", "--output", "x.svg")
    assert done.returncode == 0
    assert "iPhone 13" in (tmp_path / "x.svg").read_text()
    times = quickly("plot", "store", "--kind", "distribution")
    assert "Left out: figures entered by hand" in times.stderr
    counted = quickly("plot", "store", "--x", "macs")
    assert "Left out: figures entered by hand" in counted.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("store", "--select", "efficientmod_xz"), 2, "did you mean 'efficientmod_xxs'?"),
        (("store", "--select", "nothing*"), 2, "there is efficientmod_xxs"),
        (("store", "--kind", "batch"), 2, "several batch sizes; 'effmod bench NETWORK --batch-size 1,2,4,8'"),
        (("store", "--kind", "tradeof"), 2, "'tradeoff', 'resolution'"),
        (("store", "--kind", "batch", "--x", "macs"), 2, "--x says what accuracy is set against"),
        (("store", "--x", "gpu"), 2, "'effmod bench --device cuda' adds some"),
        (("store", "--width", "0in"), 2, "choose from 2in"),
        (("store", "--output", "x.xyz"), 2, "choose .png, .svg or .pdf"),
        (("store", "missing"), 5, "there is no store at missing"),
        (("store", "--output", "missing/x.png"), 5, "cannot write missing/x.png: No such file or directory"),
        (("phone", "--kind", "resolution"), 5, "--kind tradeoff draws them"),
        (("phone", "--kind", "distribution"), 5, "only figures that were entered by hand"),
        (("empty",), 5, "holds no measurements"),
    ],
)
def test_what_cannot_be_drawn_ends_with_what_helps(
    arguments: tuple[str, ...], code: int, words: str, quickly: Run, tmp_path: Path
) -> None:
    store_with(tmp_path / "store")
    store_with(tmp_path / "phone", make_hand_entry())
    (tmp_path / "empty").mkdir()
    done = quickly("plot", *arguments)
    assert done.returncode == code
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert not list(tmp_path.glob("*.png"))
