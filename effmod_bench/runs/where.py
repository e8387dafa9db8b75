"""Where a run measures: on this machine, on boards, or on a cluster's nodes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.fleet.cluster import disconnect
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.place import Here, Place
from effmod_bench.options.places import Elsewhere
from effmod_bench.runs import cluster
from effmod_bench.runs.boards import addresses_again, at_boards, boards_of, check_boards
from effmod_bench.runs.plan import Invocation, RunPlan
from effmod_bench.screen.console import Console

HERE = Elsewhere()


def with_places(run: RunPlan, elsewhere: Elsewhere, say: Callable[[str], None]) -> RunPlan:
    """A run that begins now, with the names of its places.

    Args:
        say: told what the user should hear.

    Raises:
        TargetError: there are no such places.
        DeviceUnavailableError: what reaches them is not installed, or they cannot be reached.
    """
    if elsewhere.on is None:
        return run
    if elsewhere.is_cluster:
        return cluster.draw_places(run, elsewhere, say)
    return msgspec.structs.replace(run, places=tuple(board.name for board in boards_of(elsewhere.on)))


def check_places(run: RunPlan, elsewhere: Elsewhere, *, some: bool = False) -> None:
    """Refuse what cannot be measured there, and other places than those that a run began with.

    Args:
        some: these may be some of the boards that are named.

    Raises:
        TargetError: that was asked for.
        DeviceUnavailableError: what reaches them is not installed.
    """
    if elsewhere.is_cluster:
        cluster.check_drawn(run, elsewhere)
    elif elsewhere.on is not None and run.drawn is None:
        check_boards(run, boards_of(elsewhere.on), some=some)
    elif run.places:
        again = addresses_again(run) if run.drawn is None else "ray://auto, or ray://HEAD:10001"
        raise TargetError(
            f"run {run.id} measures on {', '.join(run.places)}, and its records name no host: say where these are by "
            f"--on {again}"
        )


def reached(console: Console, invocation: Invocation) -> AbstractContextManager[None]:
    """Whether it can be measured there is said before anything is stored or made.

    Raises:
        DeviceUnavailableError: it cannot.
    """
    return cluster.reached(console, invocation) if invocation.elsewhere.is_cluster else nullcontext()


def reach(elsewhere: Elsewhere, say: Callable[[str], None]) -> None:
    """See to it that a cluster, to which invocations are to stay connected, can be reached, and that boards could be.

    Raises:
        TargetError: there is no such address.
        DeviceUnavailableError: what reaches them is not installed, or the cluster cannot be reached.
    """
    if elsewhere.is_cluster:
        cluster.reach(elsewhere, say)
    elif elsewhere.on is not None:
        boards_of(elsewhere.on)


def leave(elsewhere: Elsewhere) -> None:
    """Disconnect from a cluster that invocations stayed connected to."""
    if elsewhere.is_cluster:
        disconnect()


@contextmanager
def places_of(console: Console, invocation: Invocation) -> Iterator[tuple[Place, ...]]:
    """The places of a run, held for it until the block ends.

    Raises:
        DeviceUnavailableError: none of them can be used.
    """
    elsewhere = invocation.elsewhere
    if elsewhere.on is None:
        yield (Here(read_machine()),)
    elif elsewhere.is_cluster:
        with cluster.at_nodes(console, invocation) as nodes:
            yield nodes
    else:
        boards = [board for board in boards_of(elsewhere.on) if board.name in invocation.run.places]
        same = elsewhere.same_versions
        with at_boards(console, boards, wait=invocation.wait, same_versions=same) as places:
            yield places
