"""The commands: a file each, with a struct whose fields are its options. What is slow to import waits for `run`."""

from typing import Any

import msgspec

from effmod_bench.commands.bench import Bench
from effmod_bench.commands.board import BoardSetup
from effmod_bench.commands.cache import CacheClear, CacheInfo
from effmod_bench.commands.cluster import ClusterStatus
from effmod_bench.commands.compare import Compare
from effmod_bench.commands.diff import Diff
from effmod_bench.commands.doctor import Doctor
from effmod_bench.commands.export import Export
from effmod_bench.commands.plot import Plot
from effmod_bench.commands.profile import Profile
from effmod_bench.commands.record import RecordAdd
from effmod_bench.commands.report import MakeReport
from effmod_bench.commands.reproduce import Reproduce
from effmod_bench.commands.share import Share
from effmod_bench.commands.show import Show
from effmod_bench.commands.train import Train
from effmod_bench.commands.tune import Tune
from effmod_bench.commands.verify import Verify
from effmod_bench.commands.visualize import Visualize
from effmod_bench.commands.zoo import Info, ListNetworks


class Group(msgspec.Struct, frozen=True):
    """Commands under a name of their own."""

    help: str
    commands: dict[str, type[Any]]


COMMANDS: dict[str, type[Any] | Group] = {
    "list": ListNetworks,
    "info": Info,
    "export": Export,
    "verify": Verify,
    "bench": Bench,
    "compare": Compare,
    "profile": Profile,
    "reproduce": Reproduce,
    "train": Train,
    "tune": Tune,
    "doctor": Doctor,
    "show": Show,
    "diff": Diff,
    "plot": Plot,
    "report": MakeReport,
    "share": Share,
    "visualize": Visualize,
    "board": Group("Other machines that are measured on, over SSH.", {"setup": BoardSetup}),
    "cluster": Group("A Ray cluster, whose nodes are measured on.", {"status": ClusterStatus}),
    "record": Group("Figures that were measured elsewhere.", {"add": RecordAdd}),
    "cache": Group("Artifacts that were exported before.", {"info": CacheInfo, "clear": CacheClear}),
}
