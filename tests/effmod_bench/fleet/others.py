"""Jobs of others on the nodes of a cluster: queued when this begins, and once more when it is told so.

It writes the kind of each node, and in the end where and from when to when each job was.
"""

import json
import sys
import time

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from effmod_bench.fleet import cluster

_FIRST, _MORE = 5, 2  # on each node


def job(node: str) -> tuple[str, float, float]:
    began = time.time()
    time.sleep(0.3)
    return node, began, time.time()


def main() -> None:
    cluster.connect("auto")
    nodes = cluster.read_nodes()

    def queue(count: int) -> list[object]:
        jobs = {
            node.short_id: ray.remote(num_cpus=1)(job).options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)
            )
            for node in nodes
        }
        return [each.remote(name) for name, each in jobs.items() for _ in range(count)]

    queued = queue(_FIRST)
    sys.stdout.write(json.dumps({node.short_id: node.kind for node in nodes}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    sys.stdout.write(json.dumps(ray.get(queued + queue(_MORE))))


if __name__ == "__main__":
    main()
