"""What tests of pictures need: measurements of the paper's networks, and what is seen on a figure."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from results import Measurement, Round, published, summarise
from results.plots.picture import quiet_about_letters
from results.published import read_table
from tests.fakes import make_round, timed_artifact

TABLE_1 = {row["name"]: float(row["cpu_e5_2680_4t_ms"]) for row in read_table("table1")}


def rounds_of(milliseconds: Mapping[str, float], *, spread: float = 0.3) -> list[Round]:
    """Three rounds of each network, whose medians lie so far apart."""
    return [
        make_round(
            [ms * (1 + spread * share)] * 3,
            artifact=timed_artifact(name, image_size=published()[name].image_size if name in published() else 224),
            index=index,
        )
        for name, ms in milliseconds.items()
        for index, share in enumerate((0.0, -0.3, 0.7))
    ]


def measured(milliseconds: Mapping[str, float], *, spread: float = 0.3) -> list[Measurement]:
    return summarise(rounds_of(milliseconds, spread=spread))


def names_on(axes: Axes) -> list[Annotation]:
    return [text for text in axes.texts if isinstance(text, Annotation)]


def boxes_of(axes: Axes) -> list[Bbox]:
    """Where the names stand, in pixels; that of an annotation itself would hold its line, too."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    return [Text.get_window_extent(name) for name in names_on(axes)]


def texts_of(figure: Figure) -> list[str]:
    """All that is written on it, line ends as spaces."""
    with quiet_about_letters():
        figure.draw_without_rendering()
    found: Sequence[Text] = figure.findobj(Text)
    return [text.get_text().replace("\n", " ") for text in found if text.get_visible() and text.get_text().strip()]
