"""A part of a run on a cluster: what one node was to measure, and another one takes up where it is lost."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from effmod_bench.fleet import cluster
from effmod_bench.fleet.afar import Afar, changed
from effmod_bench.fleet.cluster import NodeFacts, NodeLostError
from effmod_bench.fleet.conversation import RefusedError
from effmod_bench.fleet.draw import Drawn, draw, name_of
from effmod_bench.fleet.errors import BoardError, without_names
from effmod_bench.fleet.messages import Ready
from effmod_bench.fleet.node import Node
from effmod_bench.fleet.versions import versions_of
from effmod_bench.instrument.place import WHAT
from effmod_bench.instrument.process.messages import Job, PairJob, Warm
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.watch import Watched
from results import Environment

_FILES_AT_ONCE = 8  # nodes time the same files at about the same time


class Pool:
    """The nodes of a run's kinds: those that were drawn, and those that take up what one of them leaves.

    Args:
        known: names of nodes by their short numbers, of records that there are.
        command, wait, say: as of `Node`.
    """

    def __init__(
        self,
        drawn: Drawn,
        nodes: Sequence[NodeFacts],
        known: Mapping[str, str],
        *,
        command: str,
        wait: bool,
        say: Callable[[str], None],
    ) -> None:
        self._names = dict(known)
        self._nodes: dict[str, Node] = {}
        self._drawn, self._command, self._wait, self._say = drawn, command, wait, say
        self._versions: dict[str, str] | None = None
        self._lock = threading.RLock()
        self._put = lru_cache(maxsize=_FILES_AT_ONCE)(_put)
        found = draw(drawn, nodes, known)
        kinds = [kind for kind in drawn.kinds for _ in range(drawn.nodes)]
        self.seats = tuple(
            Seat(self, place, kind, self._node(facts, kind, place) if facts else None)
            for (place, facts), kind in zip(found.items(), kinds, strict=True)
        )

    def still_has(self, node: Node) -> bool:
        """Whether a node that was lost may be tried again."""
        return not node.is_broken and node.facts.id in {each.id for each in cluster.read_nodes()}

    def another(self, seat: "Seat", *, shared: bool) -> Node | None:
        """Another node of a seat's kind: one that nobody has, or with `shared` one that does other parts, too."""
        with self._lock:
            alive = self._drawn.of_kind(seat.kind, cluster.read_nodes())
            taken = {each.node.facts.id for each in self.seats if each.node is not None}
            for facts in alive:
                node = self._nodes.get(facts.id)
                if facts.id not in taken and not (node and node.is_broken):
                    return self._node(facts, seat.kind, None)
            peers = [each.node for each in self.seats if each.kind == seat.kind and each.node is not None]
            usable = [each for each in peers if not each.is_broken and each.facts in alive]
            return min(usable, key=peers.count) if usable and shared else None

    def allow_only(self, versions: dict[str, str]) -> None:
        """From now on no node takes up anything that has other software."""
        self._versions = versions

    def check_allowed(self, node: Node) -> None:
        """Refuse a node that has other software than is allowed.

        Raises:
            BoardError: it has.
        """
        if self._versions is not None and node.ready and versions_of(node.ready.machine) != self._versions:
            node.is_broken = True
            raise BoardError("its versions differ from those of the others, and --same-versions was asked for")

    def say(self, text: str) -> None:
        self._say(text)

    def _node(self, facts: NodeFacts, kind: str, name: str | None) -> Node:
        """The one of these facts, by the name that it has, or that it gets now."""
        if facts.id not in self._nodes:
            name = self._names.setdefault(facts.short_id, name or self._new_name(kind))
            self._nodes[facts.id] = Node(
                facts,
                name=name,
                kind=name_of(kind),
                command=self._command,
                wait=self._wait,
                say=self._say,
                put=self._put,
            )
        return self._nodes[facts.id]

    def _new_name(self, kind: str) -> str:
        taken = {*self._names.values(), *(seat.name for seat in self.seats)}
        return next(name for number in range(1, len(taken) + 2) if (name := f"{name_of(kind)} {number}") not in taken)


class Seat(Afar):
    """A `Place` on a cluster.

    Args:
        node: that has it; None where that is gone since the run began.
    """

    def __init__(self, pool: Pool, name: str, kind: str, node: Node | None) -> None:
        super().__init__(name)
        self.kind, self.node = kind, node
        self._pool = pool
        self._closed = False

    @property
    def ready(self) -> Ready | None:
        return self.node.ready if self.node else None

    @property
    def turn(self) -> str:
        return self.node.facts.id if self.node else ""

    def open(self) -> None:
        """Take the node, or another one of its kind that nobody has; `lost` where none can be used."""
        if self.node is None:
            self._move("the node that it began on is gone", shared=True)
            return
        try:
            self.node.open()
        except BoardError as error:
            self._pool.say(f"{self.name}: {error}")
            self._move(self.cleaned(error.reason), shared=False)

    def close(self) -> None:
        """Leave it; what is being timed there for it ends."""
        self._closed = True
        if self.node is not None:
            self.node.close()

    def time(
        self,
        job: Job | PairJob,
        subjects: Sequence[Subject],
        *,
        on_warm: Callable[[Warm], None],  # noqa: ARG002 - while the clock runs nothing is said
        tick: Callable[[float], None],
        timeout_s: float | None,
    ) -> Watched[Any]:
        """As `Place.time`. Where the node is lost, that is an attempt that failed, and another one takes the next."""
        if reason := changed(subjects):
            return self.failed(job, reason, again=False)
        assert self.node is not None
        try:
            began, answer = self.node.time(job, subjects, tick=tick, timeout_s=timeout_s)
        except RefusedError as error:
            return self.failed(job, error.refused.reason, again=error.refused.again)
        except BoardError as error:
            during = f" during the {WHAT[type(job)]}" if isinstance(error, NodeLostError) else ""
            failed = self.failed(job, f"the node was lost{during}: {error.reason}", again=True)
            self._go_on(error)
            return failed if self.lost is None else msgspec.structs.replace(failed, disturbed=False)
        return self.at_home(answer, began)

    def _go_on(self, error: BoardError) -> None:
        """After a loss: on the same node where only a process was lost, or on another one."""
        assert self.node is not None
        reason = self.cleaned(error.reason)
        with suppress(BoardError):
            if self._pool.still_has(self.node):
                self.node.open()  # Ray may not know yet that it is gone: this waits until it does
                return
        self._move(reason, shared=True)

    def _move(self, reason: str, *, shared: bool) -> None:
        try:
            self._try_others(reason, shared=shared)
        except NodeLostError as gone:
            self._lose(f"the cluster was lost: {self.cleaned(gone.reason)}")

    def _try_others(self, reason: str, *, shared: bool) -> None:
        while (node := self._pool.another(self, shared=shared)) is not None:
            self.node = node
            try:
                node.open()
                self._pool.check_allowed(node)
            except BoardError as error:
                self._pool.say(f"{node.name}: {error}")
                continue
            if self._closed:
                node.close()
                raise KeyboardInterrupt
            self._pool.say(f"{self.name}: goes on at {node.name}, since {reason}")
            return
        self._lose(reason)

    def _lose(self, reason: str) -> None:
        self.lost = reason
        if not self._closed:
            self._pool.say(f"{self.name}: lost, and no other node can take its place: {reason}")

    def cleaned(self, text: str) -> str:
        return without_names(text, self.node.facts.names if self.node else ())

    def placed(self, environment: Environment) -> Environment:
        node = self.node
        if node is None:
            return msgspec.structs.replace(environment, place=self.name, kind=name_of(self.kind))
        return msgspec.structs.replace(
            environment,
            place=node.name,
            kind=node.kind,
            node=node.facts.short_id,
            instead_of=self.name if node.name != self.name else None,
        )


def _put(path: Path, _sha256: str) -> Any:
    return cluster.put(path.read_bytes())
