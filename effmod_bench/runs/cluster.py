"""A Ray cluster: what a run asks of it, and which of its nodes it gets."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from effmod_bench.errors import DeviceUnavailableError, TargetError
from effmod_bench.fleet import cluster
from effmod_bench.fleet.cluster import NodeLostError
from effmod_bench.fleet.draw import Drawn, check_enough, parse_kinds
from effmod_bench.instrument.place import Place
from effmod_bench.options.places import Elsewhere
from effmod_bench.runs.places import opened
from effmod_bench.runs.plan import Invocation, RunPlan
from effmod_bench.screen.console import Console
from models import is_function
from results import ComparisonProcess, Device, Round, Runtime, Store


def reach(elsewhere: Elsewhere, say: Callable[[str], None]) -> None:
    """Connect to a cluster.

    Raises:
        TargetError: there is no such address.
        DeviceUnavailableError: Ray is not installed, or it cannot be reached.
    """
    assert elsewhere.on is not None
    cluster.connect(cluster.parse_address(elsewhere.on), say=say)


def draw_places(run: RunPlan, elsewhere: Elsewhere, say: Callable[[str], None]) -> RunPlan:
    """A run that begins now, with its places on a cluster; that is asked where nobody says of which kinds.

    Raises:
        TargetError: there is no such address or kind.
        DeviceUnavailableError: Ray is not installed, or the cluster cannot be reached, or has nothing that will do.
    """
    assert elsewhere.on is not None
    address = cluster.parse_address(elsewhere.on)
    if run.plan.device is Device.COREML:
        raise TargetError("a cluster's nodes run Linux, and have no Core ML; leave --device coreml out, or --on")
    drawn = Drawn(
        kinds=parse_kinds(elsewhere.accelerator) if elsewhere.accelerator is not None else (),
        nodes=elsewhere.nodes or 1,
        seed=(run.compared or run.plan).seed,
        on_gpu=run.plan.device is Device.CUDA,
    )
    if not drawn.kinds:
        cluster.connect(address, say=say)
        with not_lost(elsewhere.on):
            nodes = cluster.read_nodes()
        drawn = msgspec.structs.replace(drawn, kinds=drawn.all_kinds(nodes))
        check_enough(drawn, nodes, resumed=False)
    return msgspec.structs.replace(run, places=drawn.places, drawn=drawn)


def check_drawn(run: RunPlan, elsewhere: Elsewhere) -> None:
    """Refuse a cluster for a run that was begun elsewhere, other nodes than it was begun with, and what they lack.

    Raises:
        TargetError: that was asked for.
        DeviceUnavailableError: Ray is not installed.
    """
    assert elsewhere.on is not None
    cluster.parse_address(elsewhere.on)
    if run.drawn is None:
        where = f"on {', '.join(run.places)}" if run.places else "on this machine"
        raise TargetError(f"run {run.id} was begun {where}, not on a cluster; begin a new one, without --resume")
    anchor = (run.anchor.target,) if run.anchor is not None else ()
    own = next(filter(is_function, (*run.targets, *anchor)), None)
    if own is not None and any(options.runtime is Runtime.PYTORCH for options in run.every_options):
        file = Path(own.partition(".py:")[0]).name
        raise TargetError(
            f"{own} cannot be run by PyTorch on a node, which has no {file}.py; leave out --runtime pytorch"
        )


@contextmanager
def reached(console: Console, invocation: Invocation) -> Iterator[None]:
    """Connected to the cluster of a run, which has what it needs, until the block ends, or for longer.

    Raises:
        DeviceUnavailableError: it cannot be reached, or has too few nodes of a kind.
    """
    drawn, on = invocation.run.drawn, invocation.elsewhere.on
    assert drawn is not None
    assert on is not None
    try:
        address = cluster.parse_address(on)
        cluster.connect(address, say=console.note)
        try:
            nodes = cluster.read_nodes()
        except NodeLostError:  # the connection is that of an earlier run, and was lost since
            cluster.reconnect(address, say=console.note)
            with not_lost(on):
                nodes = cluster.read_nodes()
        check_enough(drawn, nodes, resumed=invocation.resumed)
        yield
    finally:
        if not invocation.stays_connected:
            cluster.disconnect()


@contextmanager
def at_nodes(console: Console, invocation: Invocation) -> Iterator[tuple[Place, ...]]:
    """The nodes of a run, each held for it until the block ends. A place that none can be had for stays, lost.

    Raises:
        DeviceUnavailableError: none can be used, or their software differs.
    """
    from effmod_bench.fleet.seat import Pool
    from effmod_bench.fleet.versions import versions_of

    run = invocation.run
    assert run.drawn is not None
    assert invocation.elsewhere.on is not None
    with not_lost(invocation.elsewhere.on):
        known, nodes = _known(run, invocation.store), cluster.read_nodes()
        if known and known.keys().isdisjoint(cluster.read_ids()):
            console.note("the cluster was started anew since the run began: its nodes are drawn again")
            known = {}
    pool = Pool(
        run.drawn,
        nodes,
        known,
        command=f"effmod {run.command}, run {run.id}, from another machine, {secrets.token_hex(2)}",
        wait=invocation.wait,
        say=console.note,
    )
    same = invocation.elsewhere.same_versions
    with opened(console, pool.seats, what="node of the cluster", same_versions=same):
        if same:
            pool.allow_only(versions_of(next(seat.machine for seat in pool.seats if seat.lost is None)))
        yield pool.seats


@contextmanager
def not_lost(on: str) -> Iterator[None]:
    """A cluster that ends within the block cannot be used.

    Raises:
        DeviceUnavailableError: it has ended.
    """
    try:
        yield
    except NodeLostError as error:
        raise DeviceUnavailableError(f"the Ray cluster {on} was lost: {error}") from error


def _known(run: RunPlan, store: Store) -> dict[str, str]:
    """The names of nodes, by their numbers, as the records of a run and of what it is a part of have them."""
    runs = {run.id}
    if run.reproduction is not None:
        runs |= {each.id for each in store.read_kind(RunPlan) if each.reproduction == run.reproduction}
    records: list[Round | ComparisonProcess] = [*store.read_kind(Round), *store.read_kind(ComparisonProcess)]
    own = (record.environment for record in records if record.run_id in runs)
    return {each.node: each.place for each in own if each.node is not None and each.place is not None}
