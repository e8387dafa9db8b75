"""Names keep off each other, points, bars and lines; and how that is seen."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from results.plots.labels import Name, meets, place_names
from results.plots.style import Look
from tests.results.plots.support import boxes_of, names_on

LOOK = Look("#0072B2", "o")


@pytest.mark.parametrize(
    ("segment", "is_met"),
    [
        (((0, 0), (10, 10)), True),  # through it
        (((5, 5), (5, 5)), True),  # a point in it
        (((0, 5), (10, 5)), True),  # level
        (((5, 0), (5, 3)), False),  # straight up, and ends below it
        (((0, 3), (10, 3)), False),  # level, below it
        (((0, 9), (3, 10)), False),
        (((0, 0), (3.9, 3.9)), False),
    ],
)
def test_a_line_meets_a_box_if_any_of_it_lies_within(
    segment: tuple[tuple[float, float], tuple[float, float]], is_met: bool
) -> None:
    box = np.array([[4.0, 4.0, 6.0, 6.0]])
    assert meets(np.array([segment], dtype=float), box).tolist() == [[is_met]]


def test_names_of_points_that_lie_on_each_other_stand_apart() -> None:
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    names = [Name(text=f"network_{i}", at=((0.5, 0.5 + i / 1000),), look=LOOK) for i in range(12)]
    bar = ((0.3, 0.5), (0.7, 0.5))
    place_names(axes, names, lines=[bar], thin=[], points=[name.at[0] for name in names], font=8, marker=6)
    boxes = boxes_of(axes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    left, right = axes.transData.transform(bar)
    assert not any(box.y0 < left[1] < box.y1 and box.x0 < right[0] and box.x1 > left[0] for box in boxes)
    whole = axes.get_window_extent()
    assert all(box.x0 >= whole.x0 and box.x1 <= whole.x1 and box.y0 >= whole.y0 for box in boxes)
    # What stands off its point has a line to it; the nearest needs none.
    visible = [name.arrow_patch is not None for name in names_on(axes)]
    assert 0 < sum(visible) < 12


def test_a_name_alone_stands_right_beside_its_point() -> None:
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    (name,) = place_names(
        axes, [Name(text="$x$", at=((0.5, 0.5),), look=LOOK)], lines=[], thin=[], points=[(0.5, 0.5)], font=8, marker=6
    )
    x, y = axes.transData.transform((0.5, 0.5))
    (box,) = boxes_of(axes)
    assert 0 < box.x0 - x < 20
    assert box.y0 < y < box.y1
    assert name.get_text() == "$x$"
