"""The picture says what it shows: its texts, its images and their scales."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from results.plots.context_maps import ChunkMaps, MapGroup, plot_context_maps
from results.plots.picture import PlotError

IMAGE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
GROUPS = (
    MapGroup(label="stage 0\n4 × 4", maps={f"0.{i}": np.arange(16.0).reshape(4, 4) * (i + 1) for i in range(3)}),
    MapGroup(label="stage 1\n2 × 2", maps={f"1.{i}": np.full((2, 2), 0.5) for i in range(11)}),
)
CHUNKS = ChunkMaps(
    label="block 0.1 by chunks of 8 channels",
    rows={"v": np.arange(96.0).reshape(6, 4, 4), "ctx": -np.ones((6, 4, 4)), "ctx * v": np.zeros((6, 4, 4))},
)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What is saved."""
    found: list[Figure] = []
    save = Figure.savefig

    def savefig(figure: Figure, *arguments: object, **options: object) -> None:
        found.append(figure)
        save(figure, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Figure, "savefig", savefig)
    return found


def texts_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("ending", ["png", "pdf", "svg", "PNG"])
def test_a_picture_is_drawn_the_same_each_time(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"maps.{ending}"
    plot_context_maps(IMAGE, GROUPS[:1], path, title=["a"])
    first = path.read_bytes()
    assert len(first) > 5000
    plot_context_maps(IMAGE, GROUPS[:1], path, title=["a"])
    assert path.read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_each_context_stands_over_the_image_with_a_scale_of_its_own(figures: list[Figure], tmp_path: Path) -> None:
    plot_context_maps(IMAGE, GROUPS, tmp_path / "a.png", title=["Context of x", "b.jpg"], warning="Random weights")
    (figure,) = figures
    texts = texts_of(figure)
    assert {"Context of x", "b.jpg", "Random weights", "stage 0", "4 × 4", "0.2", "1.10", "0 to 45", "0.5"} <= set(
        texts
    )
    header, *panels = figure.axes
    assert len(header.images) == 1
    assert len(panels) == 14
    for panel in panels:
        below, above = panel.images
        assert np.asarray(below.get_array()).shape == (16, 16)
        assert float(above.get_alpha() or 1) < 1
    assert [panel.images[1].get_clim() for panel in panels[:3]] == [(0, 15), (0, 30), (0, 45)]
    assert any("a scale of its own" in text for text in texts)


def test_chunks_of_one_row_have_one_scale_which_stands_beside_them(figures: list[Figure], tmp_path: Path) -> None:
    plot_context_maps(IMAGE, GROUPS[:1], tmp_path / "a.png", title=["a"], chunks=CHUNKS)
    (figure,) = figures
    assert {"v", "ctx", "ctx * v", "chunk 5", CHUNKS.label} <= set(texts_of(figure))
    panels = [axes for axes in figure.axes if len(axes.images) == 2]
    scales = [panel.images[1].get_clim() for panel in panels[3:]]
    assert scales[:6] == [(0, 95)] * 6
    assert len(scales) == 18
    assert len(figure.axes) == 1 + 3 + 18 + 3  # and a scale for each row


@pytest.mark.parametrize("groups", [GROUPS, GROUPS[:1], (MapGroup(label="7 × 7", maps={"a": np.eye(7)}),)])
@pytest.mark.parametrize("chunks", [None, CHUNKS])
def test_nothing_overlaps_and_nothing_is_cut_off(
    groups: tuple[MapGroup, ...], chunks: ChunkMaps | None, figures: list[Figure], tmp_path: Path
) -> None:
    title = ["Context of the blocks of efficientmod_s_conv_k3_5_7", "x" * 300, f"weights: {'w' * 60}.pth"]
    plot_context_maps(IMAGE, groups, tmp_path / "a.png", title=title, warning="Random " * 12, chunks=chunks)
    (figure,) = figures
    whole = figure.bbox
    boxes = [text.get_window_extent() for text in figure.texts if text.get_text()]
    boxes += [axes.get_window_extent() for axes in figure.axes if len(axes.images)]
    for box in boxes:
        assert box.x0 >= 0
        assert box.x1 <= whole.x1
        assert box.y0 >= 0
        assert box.y1 <= whole.y1
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


def test_a_name_is_no_formula_and_may_be_in_any_script(figures: list[Figure], tmp_path: Path) -> None:
    plot_context_maps(IMAGE, GROUPS[:1], tmp_path / "a.png", title=["a", "日本 $x$ $\x1b[0m"])
    assert any(text.startswith("日本 $x$ $") and "\x1b" not in text for text in texts_of(figures[0]))


def test_an_ending_that_cannot_be_drawn_says_so(tmp_path: Path) -> None:
    with pytest.raises(PlotError, match=r"choose \.png"):
        plot_context_maps(IMAGE, GROUPS, tmp_path / "x.xyz", title=["a"])


def test_a_picture_that_is_interrupted_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_text("before")

    def interrupted(figure: Figure, to: Path, **_: object) -> None:  # noqa: ARG001 - matplotlib's signature
        to.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", interrupted)
    with pytest.raises(KeyboardInterrupt), matplotlib.rc_context():
        plot_context_maps(IMAGE, GROUPS[:1], path, title=["a"])
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]
