"""`effmod cluster status`: the nodes of a cluster, and what each does."""

from collections.abc import Callable, Sequence
from typing import Any

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.fleet import cluster
from effmod_bench.fleet.status import NodeAnswer, ask_nodes
from effmod_bench.options.places import CLUSTER
from effmod_bench.runs.cluster import not_lost
from effmod_bench.screen.console import Console
from results.tables.table import Cell, Column, Table
from results.tables.words import counted
from results.tables.write import OutputFormat


def show_status(console: Console, on: str, output_format: OutputFormat) -> ExitCode:
    """Ask each node what it is and does, and print that.

    Raises:
        TargetError: there is no such address.
        DeviceUnavailableError: Ray is not installed, or the cluster cannot be reached.
    """
    if not on.startswith(CLUSTER):
        raise TargetError(f"{on!r} is no cluster; write ray://auto, or ray://HEAD:10001")
    address = cluster.parse_address(on)
    console.expect(_table(()))
    try:
        cluster.connect(address, start=False, say=console.note)
        with not_lost(on):
            found = ask_nodes(cluster.read_nodes())
    finally:
        cluster.disconnect()
    console.table(_table(found), output_format)
    return ExitCode.SOME_FAILED if any(each.failure for each in found) else ExitCode.OK


def _of_status(
    key: str, header: str, get: Callable[[Any], Cell], *, detail: bool = False, spare: int = 0
) -> Column[NodeAnswer]:
    return Column(
        key=key,
        header=header,
        get=lambda row: get(row.status) if row.status else None,
        detail=detail,
        spare=spare,
    )


def _state(row: NodeAnswer) -> str:
    if row.status is None:
        return f"cannot be used: {row.failure}"
    if row.status.holder is not None:
        return "measuring"
    return "free" if row.status.others is None else "busy"


def _labels(row: NodeAnswer) -> str | None:
    own = {key: value for key, value in row.facts.labels.items() if not key.startswith("ray.io/")}
    return ", ".join(f"{key}={value}" for key, value in own.items()) or None


def _version(package: str) -> Callable[[Any], str | None]:
    return lambda status: status.machine.versions.get(package)


_COLUMNS: tuple[Column[NodeAnswer], ...] = (
    Column(key="node", header="node", get=lambda row: row.facts.short_id),
    Column(key="kind", header="kind", get=lambda row: row.facts.kind),
    Column(key="state", header="state", get=_state),
    _of_status("holder", "by", lambda status: status.holder and status.holder.command),
    _of_status("since", "since", lambda status: status.holder and status.holder.since, spare=2),
    _of_status("others", "Ray runs", lambda status: status.others, spare=2),
    Column(key="labels", header="labels", get=_labels, spare=3),
    _of_status("cpu_model", "CPU", lambda status: status.machine.cpu_model, spare=4),
    _of_status("available_cores", "cores", lambda status: status.machine.available_cores, spare=1),
    Column(key="gpus", header="GPUs", get=lambda row: int(row.facts.gpus) or None, spare=1),
    _of_status("effmod", "effmod", _version("effmod-bench"), spare=1),
    _of_status("python", "Python", _version("python"), detail=True),
    _of_status("onnxruntime", "ONNX Runtime", lambda status: _runtime(status.machine.versions), detail=True),
)


def _runtime(versions: dict[str, str]) -> str | None:
    return versions.get("onnxruntime-gpu") or versions.get("onnxruntime")


def _table(found: Sequence[NodeAnswer]) -> Table[NodeAnswer]:
    kinds = [each.facts.kind for each in found]
    each_kind = ", ".join(f"{kinds.count(kind)} of {kind}" for kind in sorted(set(kinds)))
    note = f"{counted(len(found), 'node')}: {each_kind}. Nodes without processors, as a head often is, are left out."
    return Table(
        rows=tuple(sorted(found, key=lambda each: (each.facts.kind, each.facts.id))),
        columns=_COLUMNS,
        notes=(note,) if found else ("The cluster has no node with processors.",),
        name="nodes",
    )
