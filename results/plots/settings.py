"""Where and how a thing was timed, in words: what all of a picture share is said once, the rest tells them apart."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from results.records.by_hand import HandEntry
from results.records.plan import RUNTIME_NAMES, Device
from results.records.words import mode_in_words
from results.statistics.downstream import setting_of
from results.statistics.summary import Measurement
from results.tables.visible import visible
from results.tables.words import counted, on_place

# What else makes a setting of its own, and is said only where it differs: the columns of these facts.
_FACTS = ("os", "affinity", "available_cores", "cpu_quota", "versions", "gpu_driver", "warmup_runs")

Stores = Mapping[str, Sequence[Measurement]]
"""Measurements by the name of what they come from: what is measured alike in two stores is two things to look at."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How some things were timed.

    Attributes:
        shared: what all have in common.
        own: of each, what the others do not all have; "" where there is nothing.
    """

    shared: str
    own: tuple[str, ...]


def by_store(measurements: Stores | Sequence[Measurement]) -> Stores:
    """The same, where nobody says what they come from."""
    return measurements if isinstance(measurements, Mapping) else {"": measurements}


def settings_of(
    stores: Stores, by_hand: Sequence[HandEntry] = (), *, besides: Collection[str] = (), with_size: bool = False
) -> Settings:
    """The settings of all measurements, store by store, and then of what was entered by hand.

    Args:
        besides: facts that are not to be said: "threads", "batch" or "form", where an axis does.
        with_size: of the images, too, where it does not stand behind the names.
    """
    measured = [m for group in stores.values() for m in group]
    names = [{"store": name} if len(stores) > 1 else {} for name, group in stores.items() for _ in group]
    facts = [name | _facts(m, with_size=with_size) for name, m in zip(names, measured, strict=True)]
    # A user's own file has no form: that makes it no setting of its own.
    forms = {found["form"] for found in facts if "form" in found}
    if len(forms) == 1:
        facts = [found if "form" in found else found | {"form": next(iter(forms))} for found in facts]
    facts += [_facts_by_hand(entry) for entry in by_hand]
    for found, differing in zip(facts, _differing(measured), strict=False):
        found |= differing
    for fact in besides:
        for found in facts:
            found.pop(fact, None)
    return _settle(facts)


def _settle(facts: Sequence[Mapping[str, str]]) -> Settings:
    keys = list(dict.fromkeys(key for found in facts for key in found))
    differ = {key for key in keys if len({found.get(key) for found in facts}) > 1}
    said = [key for key in keys if key in differ]
    if "store" in differ:  # where its name tells all apart, versions need not
        short = [key for key in said if key not in _FACTS]
        if len(_told(facts, short)) == len(_told(facts, said)):
            said = short
    shared = [facts[0][key] for key in keys if key not in differ and key not in _FACTS] if facts else []
    own = (", ".join(found[key] for key in said if key in found) for found in facts)
    return Settings(shared=visible(", ".join(shared)), own=tuple(visible(words) for words in own))


def _told(facts: Sequence[Mapping[str, str]], keys: Sequence[str]) -> set[tuple[str | None, ...]]:
    return {tuple(found.get(key) for key in keys) for found in facts}


def _facts(measurement: Measurement, *, with_size: bool) -> dict[str, str]:
    units = measurement.options.compute_units
    processor = measurement.machine.cpu_model or "CPU"
    dense, side = setting_of(measurement), measurement.artifact.image_size
    pixels = f"{side} px" if with_size and side else None
    if measurement.device is Device.CUDA:
        processor = measurement.gpu or "GPU"
    said = {
        "processor": on_place(processor, measurement.place),  # boards of one kind are machines of their own
        "runtime": RUNTIME_NAMES[measurement.options.runtime],
        "units": f"compute units: {units}" if units else None,
        "mode": mode_in_words(measurement.options),
        "threads": counted(measurement.threads, "thread") if measurement.threads else None,
        "batch": f"batch {measurement.batch_size}",
        "size": dense.size if dense else pixels,
        "form": f"{measurement.artifact.form} form" if measurement.artifact.form else None,
    }
    return {key: words for key, words in said.items() if words}


def _facts_by_hand(entry: HandEntry) -> dict[str, str]:
    units = f"compute units: {entry.compute_units}" if entry.compute_units else None
    said = {"processor": entry.device_name, "system": entry.os, "runtime": entry.tool, "units": units}
    return {key: words for key, words in said.items() if words} | {"by_hand": "entered by hand"}


def _differing(measured: Sequence[Measurement]) -> list[dict[str, str]]:
    """Of each the facts in which they differ, of those that are said only then."""
    from results.tables.measurements import settle_measurements  # here: whoever only may fail to draw imports this, too

    if not measured:
        return []
    columns, _ = settle_measurements(measured)
    told = [column for column in columns if column.key in _FACTS and not column.detail]
    return [{c.key: f"{c.label}: {text}" for c in told if (text := c.text(m))} for m in measured]
