"""A Ray cluster, as effmod uses one: connected to, its nodes and their kinds, and a process on one of them.

Ray is imported here and nowhere else, and not before a cluster is asked for. It sends nothing anywhere: its usage
statistics, which it would send unasked, are switched off before.
"""

import contextlib
import importlib.util
import logging
import os
import re
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from effmod_bench.errors import DeviceUnavailableError, TargetError
from effmod_bench.fleet.errors import BoardError
from effmod_bench.fleet.head import Head
from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.packages import install_line

SCHEME = "ray://"
AUTO = "auto"
_ACCELERATOR = "ray.io/accelerator-type"
_NO_ACCELERATOR = "cpu"
_NICENESS = "RAY_worker_niceness"
_TOKEN_HINT = "where the cluster asks for a token, as newer ones do, have the same one in ~/.ray/auth_token"
_DEAD = re.compile(r"The actor (?:is dead|died) because (.+?)(?:\. |\.?$)", re.MULTILINE)  # one line of many
_TICK_S = 1.0
_TRIES = 3
_BY_SERVER = "Initialization failure from server:"  # what it says of that follows
_ID_CHARACTERS = 12


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a cluster, as Ray tells of it.

    Attributes:
        id: drawn by Ray when the node was started.
        names: of its host, which no record has.
        cpus, gpus: as Ray counts them: what its jobs may ask for.
    """

    id: str
    names: tuple[str, ...]
    labels: dict[str, str]
    cpus: float
    gpus: float

    @property
    def kind(self) -> str:
        """What Ray takes its accelerator for; "cpu" where it has none."""
        return self.labels.get(_ACCELERATOR, _NO_ACCELERATOR)

    @property
    def short_id(self) -> str:
        """As records have it."""
        return self.id[:_ID_CHARACTERS]

    def is_of(self, kind: str) -> bool:
        """Whether it is of a kind: its accelerator's, or that of a label, as "shelf=3"."""
        key, separator, value = kind.partition("=")
        return self.labels.get(key) == value if separator else self.kind == kind


class NodeLostError(BoardError):
    """What timed on a node is gone, or the node itself."""


class _Connected:
    """What this process is connected to, beside what Ray knows of that.

    Attributes:
        head: that may go away; None of a client from outside, and of a cluster of this machine alone.
        started: it is such a cluster, started for this command.
    """

    head: Head | None = None
    started: bool = False

    def check(self, *, patiently: bool = False) -> None:
        """Before Ray is asked for anything that it asks the head for, and waits for until it ends this process.

        Args:
            patiently: a head that is gone for a few seconds may come back.

        Raises:
            NodeLostError: the head is gone.
        """
        head = self.head
        if head is not None and (head.is_gone if patiently else not head.is_there):
            raise NodeLostError("the head of the cluster is gone")


_connected = _Connected()


def parse_address(on: str) -> str:
    """Where a cluster is, for `connect`: "auto", or "head:10001".

    Raises:
        TargetError: it is no such address.
        DeviceUnavailableError: Ray, or what its client needs, is not installed.
    """
    address = on.removeprefix(SCHEME).rstrip("/")
    if not address or "," in address or "/" in address or "@" in address:
        raise TargetError(f"--on {on!r} is no cluster; write ray://auto, or ray://HEAD:10001, one cluster at a time")
    by_client = address != AUTO or os.environ.get("RAY_ADDRESS", "").startswith(SCHEME)
    for module, what, package in (("ray", SCHEME, "Ray"), *([("grpc", on, "grpcio")] if by_client else [])):
        if importlib.util.find_spec(module) is None:
            raise DeviceUnavailableError(
                f"{what} is reached by {package}, which is not installed; install it with: "
                f"{install_line('effmod-bench[cluster]')}"
            )
    return address


def connect(address: str, *, start: bool = True, say: Callable[[str], None] = lambda _: None) -> None:
    """Connect to a cluster, unless that is done already.

    Args:
        start: where "auto" finds none, a cluster of this machine alone, which ends with the connection.
        say: told of that, and of a head that fails and is tried again.

    Raises:
        DeviceUnavailableError: it cannot be reached.
    """
    ray = _ray()
    if ray.is_initialized():
        return
    quietly = {"log_to_driver": False, "configure_logging": False, "logging_level": logging.ERROR}
    running: str | None = None
    try:
        with _signals_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what there is to say of it, an error says
            running = _running_here() if address == AUTO else f"{SCHEME}{address}"
            if running is not None:
                # A client from outside sees its head by its own line.
                head = None if running.startswith(SCHEME) else Head(running)
                # Whoever shows a token wants to be shown one: a head that has none would take this process for dead.
                if head is None or not head.answers_anybody:
                    _show_token()
                _init(ray, running, quietly, say)
                _connected.head = head
                return
            if not start:
                raise ConnectionError("none runs on this machine; 'ray start' starts one, or name its head")
            say("no Ray cluster runs here: this machine alone is one, for as long as this takes")
            os.environ.setdefault(_NICENESS, "0")  # or what times gives way to all other programs
            ray.init("local", include_dashboard=False, **quietly)
            _connected.started = True
    except DeviceUnavailableError:
        raise
    except (ImportError, ConnectionError, RuntimeError, ValueError, OSError) as error:
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        hint = ""
        if address != AUTO:
            hint += "; is that the port of its client, 10001 by default, and is it open from here?"
        if running is not None:
            hint += f"{';' if address == AUTO else ''} {_TOKEN_HINT}"
        raise DeviceUnavailableError(f"the Ray cluster {SCHEME}{address} cannot be used: {why}{hint}") from error


def _init(ray: Any, address: str, options: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Ray's own, tried again where a head was reached and failed.

    Its proxy forks a process for each client from outside, while other threads of it are within gRPC: of these
    processes some crash before they begin (ray-project/ray#63202), and the next one does not.

    Args:
        say: told of the first failure, since each may take a minute.

    Raises:
        DeviceUnavailableError: it failed each time.
    """
    for tried in range(1, _TRIES + 1):
        try:
            ray.init(address, **options)
        except ConnectionAbortedError as error:
            why = _in_one_line(error, str(error).removeprefix(_BY_SERVER))
            if tried == _TRIES:
                raise DeviceUnavailableError(
                    f"the Ray cluster {address} cannot be used, its head failed {_TRIES} times: {why}"
                ) from error
            if tried == 1:
                say(f"the head of the Ray cluster {address} failed, and is tried up to {_TRIES} times: {why}")
        else:
            return


def _show_token() -> None:
    """Have Ray show the user's token where there is one, which by itself it does for no address that is given to it."""
    with contextlib.suppress(ImportError):  # older versions have none
        from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available

        maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def reconnect(address: str, *, say: Callable[[str], None]) -> None:
    """Connect again where the cluster was lost; what was not of this machine alone does not become that.

    Raises:
        DeviceUnavailableError: it cannot be reached.
    """
    start = _connected.started
    disconnect()
    connect(address, start=start, say=say)


def disconnect() -> None:
    """Leave the cluster: what was started there for this command ends."""
    ray = _ray()
    _connected.head, _connected.started = None, False
    if ray.is_initialized():
        ray.shutdown()


def read_nodes() -> list[NodeFacts]:
    """The nodes that are alive and have processors, in the order of their numbers.

    Raises:
        NodeLostError: the cluster is gone.
    """
    _connected.check()
    with _as_lost():
        found = _ray().nodes()
    nodes = [
        NodeFacts(
            id=each["NodeID"],
            names=tuple(filter(None, (each.get("NodeManagerHostname"), each.get("NodeManagerAddress")))),
            labels=dict(each.get("Labels") or {}),
            cpus=each["Resources"].get("CPU", 0.0),
            gpus=each["Resources"].get("GPU", 0.0),
        )
        for each in found
        if each["Alive"]
    ]
    return sorted((node for node in nodes if node.cpus > 0), key=lambda node: node.id)


def read_ids() -> set[str]:
    """The short numbers of all nodes that the cluster has had since it was started, those that are gone among them.

    Raises:
        NodeLostError: the cluster is gone.
    """
    _connected.check()
    with _as_lost():
        return {each["NodeID"][:_ID_CHARACTERS] for each in _ray().nodes()}


class Remote:
    """An object that lives in a process on a node, and takes the whole node, as Ray counts.

    Args:
        kind: its class, whose methods take and give bytes alone.
        whole: False to take nothing of the node.

    Raises:
        NodeLostError: the node is gone.
    """

    def __init__(self, kind: type[Any], node: NodeFacts, *arguments: str, whole: bool = True) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)
        claim: Mapping[str, float] = {"num_cpus": node.cpus, "num_gpus": node.gpus} if whole else {"num_cpus": 0}
        _connected.check()
        with _as_lost():
            self._actor = _ray().remote(kind).options(scheduling_strategy=there, **claim).remote(*arguments)

    def ask(
        self,
        method: str,
        *arguments: Any,
        tick: Callable[[float], None] = lambda _: None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> Any:
        """Call a method, and wait for what it gives.

        Args:
            tick: told the seconds since, about every second.
            is_over: whether to give up, which is asked as often.

        Raises:
            NodeLostError: the process or its node is gone.
            KeyboardInterrupt: it was given up.
        """
        ray = _ray()
        began = monotonic_s()
        _connected.check(patiently=True)
        with _as_lost():
            asked = getattr(self._actor, method).remote(*arguments)
            while True:
                done, _ = ray.wait([asked], timeout=_TICK_S)
                if is_over():
                    raise KeyboardInterrupt
                if done:
                    return ray.get(asked)
                _connected.check(patiently=True)
                tick(monotonic_s() - began)

    def end(self) -> None:
        """End the process, whatever it does."""
        with contextlib.suppress(NodeLostError), _as_lost():
            _connected.check()
            _ray().kill(self._actor)


def put(content: bytes) -> Any:
    """Lay bytes into the cluster's own memory, from where each node takes them.

    Raises:
        NodeLostError: the cluster is gone, or has no room.
    """
    with _as_lost():
        return _ray().put(content)


def _running_here() -> str | None:
    """What Ray takes "auto" for; None where nobody listens there, and Ray keeps the address of a killed one.

    Raises:
        ConnectionError: the user names it, and nobody listens there, or it is no address.
    """
    from ray._private.services import get_ray_address_from_environment

    try:
        address: str = get_ray_address_from_environment(AUTO, None)
    except ConnectionError:
        return None
    if address == "local":  # as Ray has it: a cluster of this machine alone
        return None
    if "//" not in address and not address.rpartition(":")[2].isdecimal():
        raise ConnectionError(f"RAY_ADDRESS is {address!r}; it is to be HOST:PORT")
    if "//" in address or Head(address).is_there:
        return address
    if os.environ.get("RAY_ADDRESS") == address:
        raise ConnectionError(f"nobody listens at {address}, which RAY_ADDRESS names")
    return None


@contextlib.contextmanager
def _as_lost() -> Iterator[None]:
    """Ray's errors, as ours."""
    from ray.exceptions import RayError

    try:
        yield
    except (RayError, ConnectionError) as error:
        said = str(error)
        if "No module named 'effmod_bench'" in said:
            raise NodeLostError(
                "effmod is not installed in the Python that its Ray runs",
                "install the same version there, or give Ray a runtime_env that has it: docs/machines.md",
            ) from error
        if why := _DEAD.search(said):
            raise NodeLostError(why[1]) from error
        raise NodeLostError(_in_one_line(error, said)) from error


def _in_one_line(error: Exception, said: str) -> str:
    """Of what Ray says by an error the reason alone."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if "traceback" in said.casefold() else lines[0]


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray has SIGTERM its own way; ours is the system's."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray._private import worker

    # What happens to any node Ray prints on standard output, among our tables, and has no switch for it.
    worker.print_to_stdstream = lambda *_, **__: None
    logging.getLogger("ray").setLevel(logging.ERROR)
    return ray
