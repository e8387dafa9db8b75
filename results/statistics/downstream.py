"""Detectors and segmenters beside the paper's Tables 7 and 11: what each is, and how it stands to the paper's."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from results.published import Downstream, downstream
from results.records.plan import Runtime
from results.statistics.reproduction import Agreement, PaperLatency, Reproduced, agreements, reproduce
from results.statistics.summary import Measurement

PAPER_HARDWARE = "A100"
MASK_RCNN, SEMANTIC_FPN = "mask_rcnn", "semantic_fpn"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What rows have in common that differ in the backbone alone.

    Attributes:
        head: "mask_rcnn" or "semantic_fpn".
        size: width and height of the image, such as "1333x800".
        mode: of Mask R-CNN, "dummy" or "full"; None for what has no modes.
    """

    head: str
    size: str
    mode: str | None


class Comparable(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one setting, and how far their order is the paper's."""

    setting: Setting
    rows: tuple[Reproduced, ...]
    agreements: tuple[Agreement, ...]


class _DownstreamLatency(PaperLatency, frozen=True, kw_only=True):
    """A column of Table 11, by the field of `Downstream`."""

    def of(self, measurement: Measurement) -> float | None:
        """The paper's figure for the same backbone, of one image in PyTorch as it is; None where it has none."""
        paper = paper_of(measurement)
        if paper is None or measurement.batch_size != 1 or measurement.options.runtime is not Runtime.PYTORCH:
            return None
        value: float | None = getattr(paper, self.figure)
        return value


def setting_of(measurement: Measurement) -> Setting | None:
    """What stands on which backbone, by its name, such as "mask_rcnn:pvt_tiny@512x512"; None of another network."""
    head, _, rest = measurement.name.partition(":")
    if head not in (MASK_RCNN, SEMANTIC_FPN):
        return None
    size = rest.partition("@")[2].partition("+")[0]
    return Setting(head=head, size=size, mode=measurement.artifact.form if head == MASK_RCNN else None)


def backbone_of(measurement: Measurement) -> str:
    return measurement.name.partition(":")[2].partition("@")[0]


def paper_of(measurement: Measurement) -> Downstream | None:
    """The paper's figures of its backbone; None where the paper has none."""
    return downstream().get(backbone_of(measurement))


def beside_paper(measurements: Sequence[Measurement]) -> list[Comparable]:
    """Measurements beside the paper's latencies, setting by setting, in the paper's order.

    What is neither detector nor segmenter is passed over.
    """
    groups: dict[Setting, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        setting = setting_of(measurement)
        if setting is not None:
            groups[setting].append(measurement)
    found, places = [], {name: place for place, name in enumerate(downstream())}
    for setting in sorted(groups, key=lambda each: (each.head, each.size != "512x512", each.mode or "")):
        figure = f"{setting.head}_a100_{setting.size}_ms"
        in_order = sorted(groups[setting], key=lambda each: places.get(backbone_of(each), len(places)))
        rows = reproduce(in_order, [_DownstreamLatency(figure=figure, hardware=PAPER_HARDWARE)])
        agreed = agreements(rows, PAPER_HARDWARE)
        found.append(Comparable(setting=setting, rows=tuple(rows), agreements=tuple(agreed)))
    return found
