"""OpenVINO's counters on the CPU.

They tell what an operator has taken in a run on average, since its network was compiled, in whole microseconds. So the
runs that count are one block, and what was taken before them is taken off: within a microsecond or two a run.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from effmod_bench.instrument.process.messages import Seen
from effmod_bench.instrument.profilers.openvino_graph import around, join, nodes_of, read_source
from effmod_bench.instrument.profilers.profiler import Account, ProfileError
from effmod_bench.instrument.sessions.session import SessionRequest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class OpenVinoProfiler:
    """It counts in all runs. The network as it was read tells what its operators were made of."""

    block = None

    def __init__(self, request: SessionRequest, inputs: "Mapping[str, npt.NDArray[np.generic]]") -> None:
        from effmod_bench.instrument.sessions.openvino import OpenVinoSession

        self.session = OpenVinoSession(request, inputs)
        self._source = read_source(self.session.network)
        self._made = 0
        self._before: dict[str, int] = {}
        self._after: dict[str, int] = {}

    def run(self) -> object:
        self._made += 1
        return self.session.run()

    def begin(self) -> None:
        self._before = self._taken_us()

    def end(self) -> None:
        self._after = self._taken_us()

    def _taken_us(self) -> dict[str, int]:
        """What each operator has taken in all runs so far."""
        return {
            each.node_name: self._made * round(each.real_time.total_seconds() * 1e6) for each in self.session.counters()
        }

    def read(self, _: Sequence[int], taken_ns: Sequence[int]) -> Account:
        graph = {op.get_friendly_name(): op for op in self.session.graph().get_ordered_ops()}
        nodes = nodes_of(graph.values())
        joined = join(nodes, self._source)
        near = around(nodes, joined)
        constants = {node.name for node in nodes if node.is_constant}
        computing = {node.name for node in nodes if node.computes}
        operators = []
        for info in self.session.counters():
            if info.node_name not in computing:
                continue
            op = graph[info.node_name]
            taken = self._after[info.node_name] - self._before[info.node_name]
            found = joined[info.node_name]
            macs = self._source.macs_of(found.made_of)
            # One that takes no time is no work: it was taken out of the graph, or leaves a tensor where it lies. A
            # product is, though OpenVINO, which counts whole microseconds, may tell none of a small one.
            is_work = bool(taken or macs)
            data, weights = _inputs(op, constants) if is_work else ([], [])
            results = op.outputs() if is_work else []
            operators.append(
                Seen(
                    name=info.node_name,
                    kind=info.node_type,
                    provider=info.exec_type,
                    input_shapes=tuple(map(_shape, data)),
                    output_shapes=tuple(map(_shape, op.outputs())),
                    input_bytes=sum(map(_size_bytes, data)),
                    output_bytes=sum(map(_size_bytes, results)),
                    durations_us=(max(0, taken),),
                    origins=found.origins,
                    around=near[info.node_name],
                    joined=found.joined,
                    macs=macs,
                    weight_bytes=sum(map(_size_bytes, weights)),
                    depthwise=self._source.has_depthwise(found.made_of),
                )
            )
        if not operators:
            raise ProfileError("OpenVINO's counters name no operator")
        return Account(operators=_named(operators), run_us=(sum(taken_ns) // 1000,), runs_each=len(taken_ns))


def _named(operators: Sequence[Seen]) -> tuple[Seen, ...]:
    """Each by the value that it was made for, the second of one with a number.

    OpenVINO's own names for what it has put in have numbers, which are others each time that a network is read.
    """
    met: Counter[str] = Counter()
    named = []
    for each in operators:
        name = each.origins[-1] if each.origins else each.kind
        number = met[name]
        met[name] += 1
        named.append(msgspec.structs.replace(each, name=f"{name} {number + 1}" if number else name))
    return tuple(named)


def _inputs(op: Any, constants: set[str]) -> tuple[list[Any], list[Any]]:
    """What an operator reads: of others, each once, and the network's constants."""
    given = {source.get_node().get_friendly_name(): source for source in (x.get_source_output() for x in op.inputs())}
    return (
        [source for name, source in given.items() if name not in constants],
        [source for name, source in given.items() if name in constants],
    )


def _shape(value: Any) -> tuple[int, ...]:
    """Of a value whose size hangs on the input, none."""
    return tuple(value.get_shape()) if value.get_partial_shape().is_static else ()


def _size_bytes(value: Any) -> int:
    if value.get_partial_shape().is_dynamic:
        return 0
    return int(math.prod(value.get_shape()) * value.get_element_type().bitwidth // 8)
