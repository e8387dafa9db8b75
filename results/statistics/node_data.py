"""What the operators of a file take, for Model Explorer, which draws the file's graph and colours it by such data.

The format is Model Explorer's custom node data: of each graph, by its name, the values of operators, by theirs
(google-ai-edge/model-explorer, `node_data_builder.py`).
"""

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean

import msgspec

from results.statistics.profile import Profiled

# From what takes least to what takes most; ends of ColorBrewer's YlOrRd, in which one sees the names.
_COLOURS = ("#ffffff", "#feb24c", "#f03b20")


class NodeValue(msgspec.Struct, frozen=True):
    """Of one operator, in milliseconds."""

    value: float


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A colour, at a part of the way from the least value to the largest."""

    stop: float
    bgColor: str  # noqa: N815 - the format's word


class GraphData(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of one graph."""

    results: dict[str, NodeValue]
    gradient: tuple[Stop, ...]


def node_data_of(profiled: Profiled, graph: str, operators: Mapping[str, str]) -> dict[str, GraphData]:
    """What each operator of a file takes in an inference, those together that the runtime made of it.

    What is not known to be made of one of them, or for one, stands at none.

    Args:
        graph: the name of the file's graph.
        operators: the names of its operators, by these and by those of the values that they give.
    """
    taken: dict[str, float] = defaultdict(float)
    for operator, ms in zip(profiled.operators, zip(*profiled.process_ms, strict=True), strict=True):
        if operator.origin is not None and operator.origin in operators:
            taken[operators[operator.origin]] += fmean(ms)
    stops = (Stop(stop=i / (len(_COLOURS) - 1), bgColor=colour) for i, colour in enumerate(_COLOURS))
    values = {name: NodeValue(round(ms, 6)) for name, ms in taken.items()}
    return {graph: GraphData(results=values, gradient=tuple(stops))}


def placed_share(profiled: Profiled, operators: Mapping[str, str]) -> float:
    """The share of the operators' time that stands at an operator of the file.

    Args:
        operators: as of `node_data_of`.
    """
    of_file = [i for i, operator in enumerate(profiled.operators) if operator.origin in operators]
    return profiled.share_of(of_file)
