"""The head of a Ray cluster, seen from a node: whether it is there, and whether it asks for a token."""

import socket

from effmod_bench.instrument.clock import monotonic_s

_CLUSTER_ID = "/ray.rpc.NodeInfoGcsService/GetClusterId"  # the first that every node asks of a head
_ANSWERS_WITHIN_S = 5.0
_CONNECTS_WITHIN_S = 1.0
_LOOKED_EVERY_S = 5.0
_GONE_AFTER_S = 20.0  # well before the minute after which Ray ends every process that had to do with it


class Head:
    """A head, looked after from time to time.

    Args:
        address: as "10.0.0.1:6379".
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._looked_s: float | None = None
        self._gone_s: float | None = None  # when it was not found first

    @property
    def is_there(self) -> bool:
        """Whether somebody listens there now."""
        host, _, port = self._address.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), _CONNECTS_WITHIN_S):
                return True
        except OSError:
            return False

    @property
    def is_gone(self) -> bool:
        """Whether it has not been there for so long that it will not come back. Looks every few seconds at most."""
        now = monotonic_s()
        if self._looked_s is None or now - self._looked_s >= _LOOKED_EVERY_S:
            self._looked_s = now
            self._gone_s = None if self.is_there else now if self._gone_s is None else self._gone_s
        return self._gone_s is not None and now - self._gone_s >= _GONE_AFTER_S

    @property
    def answers_anybody(self) -> bool:
        """Whether it asks for no token, as far as can be told."""
        try:
            import grpc
        except ImportError:  # what is reached from within needs none
            return False
        with grpc.insecure_channel(self._address) as channel:
            try:
                channel.unary_unary(_CLUSTER_ID)(b"", timeout=_ANSWERS_WITHIN_S)
            except grpc.RpcError:
                return False
        return True
