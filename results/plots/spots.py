"""What stands in a picture of accuracy: a network's place, how it was found, and what is said of it."""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from results.plots.families import is_own
from results.plots.kinds import Across
from results.plots.settings import Stores, settings_of
from results.published import figures_of
from results.records.by_hand import HandEntry
from results.records.plan import Device
from results.statistics.downstream import MASK_RCNN, backbone_of, paper_of, setting_of
from results.statistics.summary import Measurement
from results.tables.visible import visible

TOP1, AP, MIOU = "ImageNet top-1, %", "box AP on COCO, %", "mIoU on ADE20K, %"


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A network in the picture.

    Attributes:
        x: milliseconds, or the number of multiply-adds or parameters.
        low, high: the smallest and the largest median of its rounds; x itself where there is one or none.
        accuracy: in percent; None where nobody says.
        whose: who says so, where that is not the paper.
        measure: what the accuracy is of.
        setting: how it was timed, in words that tell it from the others.
        size: of its images, where most of the picture's are others; "" elsewhere.
        is_own: the user's, and to be seen first.
        by_hand: entered by a person.
    """

    name: str
    x: float
    low: float
    high: float
    accuracy: float | None
    measure: str
    whose: str = ""
    setting: str = ""
    size: str = ""
    is_own: bool = False
    by_hand: bool = False


class Spots(msgspec.Struct, frozen=True, kw_only=True):
    """All of them.

    Attributes:
        shared: how all were timed.
        left_out: the names of what has no place.
    """

    spots: tuple[Spot, ...]
    shared: str
    left_out: tuple[str, ...]


def spots_of(stores: Stores, by_hand: Sequence[HandEntry] = (), *, across: Across | None = None) -> Spots:
    """The places of all that has both a figure along the axis and an accuracy, or is the user's own.

    Args:
        by_hand: figures that a person entered; they are of no CPU and of no GPU that effmod saw.
        across: what the accuracy is set against; None for the latency on whatever device.
    """
    if across in (Across.MACS, Across.PARAMS):
        return _of_networks([m for group in stores.values() for m in group], across)
    device = {Across.CPU: Device.CPU, Across.GPU: Device.CUDA}[across] if across else None
    on_device = {store: [m for m in group if device in (None, m.device)] for store, group in stores.items()}
    entries = by_hand if device is None else ()
    measured = [m for group in on_device.values() for m in group]
    usual = _usual_size([*(m.artifact.image_size for m in measured), *map(_entered_size, entries)])
    made = [_measured(m, usual) for m in measured] + [_entered(entry, usual) for entry in entries]
    # What is not drawn is no setting either.
    kept = {store: [m for m in group if _measured(m, usual)] for store, group in on_device.items()}
    settings = settings_of(kept, [entry for entry in entries if _entered(entry, usual)])
    found = [spot for spot in made if spot is not None]
    spots = (msgspec.structs.replace(spot, setting=own) for spot, own in zip(found, settings.own, strict=True))
    names = [m.name for m in measured] + [entry.name for entry in entries]
    return Spots(
        spots=tuple(spots),
        shared=settings.shared,
        left_out=tuple(visible(name) for name, spot in zip(names, made, strict=True) if spot is None),
    )


def _measured(measurement: Measurement, usual: int | None) -> Spot | None:
    """None where it has no latency, or no accuracy and is not the user's own."""
    found = _accuracy(measurement)
    own = is_own(measurement.name, measurement.artifact)
    if measurement.latency is None or (found is None and not own):
        return None
    accuracy, measure = found or (None, TOP1)
    is_dense = setting_of(measurement) is not None
    medians = measurement.latency.round_p50_ms
    return Spot(
        name=_short(measurement),
        x=measurement.latency.p50_ms,
        low=min(medians),
        high=max(medians),
        accuracy=accuracy,
        measure=measure,
        whose=_whose(measurement),
        size="" if is_dense else _size(measurement.artifact.image_size, usual),
        is_own=own,
    )


def _entered(entry: HandEntry, usual: int | None) -> Spot | None:
    paper, ms = figures_of(entry.name, entry.artifact), entry.p50_ms or entry.mean_ms
    own = is_own(entry.name, entry.artifact)
    if ms is None or ((paper is None or paper.top1 is None) and not own):
        return None
    return Spot(
        name=visible(entry.name),
        x=ms,
        low=ms,
        high=ms,
        accuracy=paper.top1 if paper else None,
        measure=TOP1,
        size=_size(_entered_size(entry), usual),
        is_own=own,
        by_hand=True,
    )


def _of_networks(measurements: Sequence[Measurement], across: Across) -> Spots:
    """Each network once, by what is counted of it."""
    usual = _usual_size([m.artifact.image_size for m in measurements])
    spots = dict.fromkeys(_counted(measurements, across, usual))
    drawn = {spot.name for spot in spots}
    left = dict.fromkeys(visible(m.name) for m in measurements if _short(m) not in drawn)
    return Spots(spots=tuple(spots), shared="", left_out=tuple(left))


def _counted(measurements: Sequence[Measurement], across: Across, usual: int | None) -> Iterator[Spot]:
    for m in measurements:
        x, found = (m.artifact.macs if across is Across.MACS else m.artifact.params), _accuracy(m)
        if not x or found is None:
            continue
        yield Spot(
            name=_short(m),
            x=x,
            low=x,
            high=x,
            accuracy=found[0],
            measure=found[1],
            whose=_whose(m),
            size=_size(m.artifact.image_size, usual),
            is_own=is_own(m.name, m.artifact),
        )


def _short(measurement: Measurement) -> str:
    """Its name; of a detector or segmenter that of its backbone, since the panel says the rest."""
    return visible(backbone_of(measurement) if setting_of(measurement) else measurement.name)


def _accuracy(measurement: Measurement) -> tuple[float, str] | None:
    """That of the network, or of the detector or segmenter on it; and what it is of."""
    setting = setting_of(measurement)
    if setting is not None:
        paper = paper_of(measurement)
        if paper is None:
            return None
        return (paper.ap_box, AP) if setting.head == MASK_RCNN else (paper.miou, MIOU)
    found = measurement.accuracy
    if found is None:
        return None
    return found.top1, TOP1 if found.over is None else visible(f"top-1 over {found.over}, %")


def _whose(measurement: Measurement) -> str:
    return str(measurement.own_accuracy.source) if measurement.own_accuracy else ""


def _entered_size(entry: HandEntry) -> int | None:
    if entry.artifact is not None:
        return entry.artifact.image_size
    paper = figures_of(entry.name, None)
    return paper.image_size if paper else None


def _usual_size(sizes: Sequence[int | None]) -> int | None:
    return Counter(sizes).most_common(1)[0][0] if sizes else None


def _size(size: int | None, usual: int | None) -> str:
    """The smaller the images, the faster a network is: another size than most is said."""
    return f"{size} px" if size not in (usual, None) and usual is not None else ""
