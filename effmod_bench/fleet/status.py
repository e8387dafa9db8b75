"""What the nodes of a cluster are, and what they do: asked of each in a process that takes nothing of it."""

from collections.abc import Sequence

import msgspec

from effmod_bench.fleet.cluster import NodeFacts, Remote
from effmod_bench.fleet.errors import BoardError
from effmod_bench.fleet.post import NodeStatus, Post

_GIVE_UP_S = 60.0


class NodeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a node answers; `failure` is why it does not."""

    facts: NodeFacts
    status: NodeStatus | None = None
    failure: str | None = None


def ask_nodes(nodes: Sequence[NodeFacts]) -> list[NodeAnswer]:
    """All of them at once.

    Raises:
        NodeLostError: the cluster is gone.
    """
    asked = [(facts, Remote(Post, facts, "effmod cluster status", whole=False)) for facts in nodes]
    found = []
    for facts, remote in asked:
        try:
            answer = msgspec.json.decode(remote.ask("status", tick=_give_up), type=NodeStatus)
            found.append(NodeAnswer(facts=facts, status=answer))
        except BoardError as error:
            found.append(NodeAnswer(facts=facts, failure=str(error)))
        except msgspec.MsgspecError as error:
            found.append(NodeAnswer(facts=facts, failure=f"its effmod is another one: {error}"))
        remote.end()
    return found


def _give_up(elapsed_s: float) -> None:
    if elapsed_s > _GIVE_UP_S:
        raise BoardError(f"no answer for {_GIVE_UP_S:.0f} s")
