"""What a file of this folder declares: a table of the paper, to be measured again."""

from collections.abc import Sequence

import msgspec

from models import list_models
from results import Device, Measurement
from results.published import PAPER_CPU, PAPER_GPU
from results.statistics.reproduction import PaperLatency, Reproduced
from results.tables.reproductions import reproduction_table
from results.tables.table import Table

ON_CPU = PaperLatency(figure="cpu_e5_2680_4t_ms", hardware=PAPER_CPU)
ON_GPU = PaperLatency(figure="gpu_p100_ms", hardware=PAPER_GPU)

# What Table 1 has, and most others have for some of their networks.
CPU_AND_GPU: dict[Device, tuple[PaperLatency, ...]] = {Device.CPU: (ON_CPU,), Device.CUDA: (ON_GPU,)}


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the paper, or several of the same networks.

    Attributes:
        tables: by the names that 'effmod list --table' takes.
        title: what the paper shows in it.
        beside: the paper's latencies that stand beside ours, by where we measure; the first gives the ranks.
    """

    tables: tuple[str, ...]
    title: str
    beside: dict[Device, tuple[PaperLatency, ...]]

    def networks(self) -> list[str]:
        return [spec.name for spec in list_models(table=self.tables[0])]

    def reproduce(self, measurements: Sequence[Measurement]) -> Table[Reproduced]:
        """The paper's table from measurements of its networks."""
        devices = dict.fromkeys(measurement.device for measurement in measurements)
        papers = [paper for device in devices for paper in self.beside.get(device, ())]
        measured = {measurement.name for measurement in measurements}
        return reproduction_table(
            f"The paper's Table {' and '.join(self.tables)}: {self.title}",
            measurements,
            papers,
            not_measured=[name for name in self.networks() if name not in measured],
        )
