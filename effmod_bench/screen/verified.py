"""The table of what was proved of a file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from exporters import (
    FLOAT16_MAX,
    QUIET,
    UNSTEADY,
    Accuracy,
    ActivationRange,
    Artifact,
    ComputePrecision,
    Parity,
    Rounding,
)
from models import ModelSpec
from results.tables.table import Cell, Column, Table
from results.tables.words import counted, digits

# Sums in another order, on another machine, move a float32 error by some factor, and no further than this.
_WORSE, _FLOAT_NOISE = 10, 1e-5


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of an artifact in one precision; None where nothing was compared, or no images were given."""

    precision: ComputePrecision
    parity: Parity | None
    accuracy: Accuracy | None


def verified_title(path: Path, sidecar: Artifact | None, spec: ModelSpec | None) -> str:
    if sidecar is None:
        return f"{path.name}, against {spec.name}" if spec else path.name
    against = f", against {spec.name}" if spec and spec.name != sidecar.model else ""
    return f"{path.name}: {sidecar.model}, {sidecar.form} form, weights: {sidecar.weights}{against}"


def verified_table(title: str, rows: list[Verified], activation_range: ActivationRange | None) -> Table[Verified]:
    notes = ["¹ the largest difference, over the largest output of what it is compared with."]
    if activation_range is not None:
        seen = activation_range
        held = f"float16 holds {FLOAT16_MAX:.0f}"
        overflow = f", and {seen.overflow_kind} {seen.overflow!r} is the first to overflow" if seen.overflow else ""
        notes.append(f"largest activation: {seen.largest:.3g}, of {seen.kind} {seen.operator!r}; {held}{overflow}.")
    taken_apart = next((row.parity.rounding for row in rows if row.parity and row.parity.rounding), None)
    if taken_apart is not None:
        notes.append(rounding_in_words(taken_apart))
    notes += dict.fromkeys(words for row in rows if row.parity for words in noise_in_words(row.parity))
    notes += (accuracy_in_words(row.accuracy) for row in rows[-1:] if row.accuracy)
    return Table(rows=tuple(rows), columns=_COLUMNS, notes=tuple(notes), title=title, name="verified")


def noise_in_words(parity: Parity) -> Iterator[str]:
    """Why a file may be further off than others, or was compared over fewer inputs: the other is no steadier itself."""
    ways = "where it is computed in other ways, or where inputs differ by a millionth"
    if parity.unsteady_inputs:
        yield (
            f"what it is compared with is unsteady itself: on {counted(parity.unsteady_inputs, 'more image')} it "
            f"differs from itself by more than {UNSTEADY:.0e} {ways}. These prove nothing, and are left out"
        )
    if parity.noise is not None and parity.noise > QUIET and parity.tolerance is not None:
        yield (
            f"what it is compared with is unsteady itself: it differs from itself by {parity.noise:.1e} there {ways}: "
            f"{parity.tolerance:.1e} is allowed"
        )


def accuracy_in_words(accuracy: Accuracy) -> str:
    """What images an accuracy is over, and how far it can be trusted."""
    skipped = f"; {accuracy.skipped} more cannot be read" if accuracy.skipped else ""
    return (
        f"images: {accuracy.data.name}, {accuracy.data.classes} classes, sha256 {accuracy.data.sha256[:12]} over names "
        f"and sizes{skipped}. The 95 % interval of top-1 is Wilson's (1927)."
    )


def rounding_in_words(found: Rounding) -> str:
    """What of a float16 artifact's error is the program's, what its constants', what its arithmetic's."""
    arithmetic = f"float16's arithmetic alone: {_exponent(found.arithmetic_relative_error)}"
    if found.program_relative_error is None or found.rounded_relative_error is None:
        return arithmetic
    may = " and ".join(dict.fromkeys(f"{tolerance:.0e}" for _, tolerance in found.judged))
    return (
        f"the program before it was rounded: {_exponent(found.program_relative_error)} from the network; the file in "
        f"float32: {_exponent(found.rounded_relative_error)} from that program with its constants rounded; each may be "
        f"{may}. {arithmetic}"
    )


def is_classifier(artifact: Artifact) -> bool:
    """Whether an artifact gives scores of classes alone; a label may stand beside them, and neither have a shape."""
    shapes = [output.shape for output in artifact.outputs if output.shape is not None]
    return not shapes or (len(shapes) == 1 and len(shapes[0]) == 2)


def changed_top1(name: str, parity: Parity) -> Iterator[str]:
    """What to warn of where an artifact takes an image for something else than its network does."""
    changed = round(parity.inputs * (1 - parity.top1_agreement))
    if changed:
        yield f"{name}: in {changed} of {parity.inputs} images its first class is not the network's"


def subnormal(name: str, parity: Parity) -> Iterator[str]:
    """What to warn of where numbers of a file are subnormal, so that many CPUs take longer for it."""
    found = parity.subnormals
    if found is None:
        return
    those = [f"{found.slow_weights:,} of its weights"] if found.slow_weights else []
    if found.activations:
        first = f" (the first of {found.kind} {found.operator!r})" if found.kind else ""
        those.append(f"{found.activations:,} activations over {parity.inputs + parity.unsteady_inputs} inputs{first}")
    if those:
        yield (
            f"{name}: {' and '.join(those)} are subnormal, no zero but nearer to it than 1.2e-38, and many processors "
            "take several times as long for products of that: 'effmod doctor' says how this one does, and 'effmod "
            "bench --denormal-as-zero' times it without"
        )


def worse(name: str, parity: Parity, *, recorded: Parity) -> Iterator[str]:
    """What to warn of where an artifact is further off than when it was made, by more than other sums would do."""
    now, then = parity.relative_error, recorded.relative_error
    if not now <= max(_WORSE * then, _FLOAT_NOISE):
        yield f"{name}: its error is {_exponent(now)}, and it was {_exponent(then)} when the file was made"


def _exponent(value: float) -> str:
    return f"{value:.1e}"


def _verdict(row: Verified) -> str | None:
    parity = row.parity
    if parity is None:
        return None
    if parity.is_undecided:
        return "undecided"
    parts = parity.rounding
    if parts and not parts.is_right:
        return "not equal"
    if parity.tolerance is None:
        return "not meant to be equal"
    return "equal" if parity.relative_error <= parity.tolerance else "not equal"


def _accuracy(key: str, header: str, get: Callable[[Accuracy], Cell], **rules: Any) -> Column[Verified]:
    """A figure of the accuracy; empty without images."""
    return Column(key=key, header=header, get=lambda row: get(row.accuracy) if row.accuracy else None, **rules)


_COLUMNS: tuple[Column[Verified], ...] = (
    Column(key="precision", header="evaluated\nin", get=lambda row: str(row.precision)),
    Column(
        key="max_abs_error",
        header="max abs\nerror",
        get=lambda row: row.parity.max_abs_error if row.parity else None,
        show=_exponent,
    ),
    Column(
        key="relative_error",
        header="relative\nerror ¹",
        get=lambda row: row.parity.relative_error if row.parity else None,
        show=_exponent,
    ),
    Column(
        key="tolerance",
        header="allowed",
        get=lambda row: row.parity.tolerance if row.parity else None,
        show=lambda value: f"{value:.0e}",
    ),
    Column(key="cosine", header="cosine", get=lambda row: row.parity.cosine if row.parity else None, show=digits(7)),
    Column(
        key="top1_agreement",
        header="same\ntop-1",
        get=lambda row: row.parity.top1_agreement if row.parity else None,
        show=lambda value: f"{value:.0%}",
    ),
    Column(key="verdict", header="verdict", get=_verdict),
    _accuracy("images", "images", lambda a: a.images),
    _accuracy("images_skipped", "skipped", lambda a: a.skipped or None, detail=True),
    _accuracy("top1", "top-1\n%", lambda a: a.top1, show=digits(2)),
    _accuracy("top1_low", "95 %\nfrom", lambda a: a.top1_interval[0], show=digits(2), spare=2),
    _accuracy("top1_high", "\nto", lambda a: a.top1_interval[1], show=digits(2), spare=2),
    _accuracy("top5", "top-5\n%", lambda a: a.top5, show=digits(2)),
    _accuracy("top5_low", "95 %\nfrom", lambda a: a.top5_interval[0], show=digits(2), detail=True),
    _accuracy("top5_high", "\nto", lambda a: a.top5_interval[1], show=digits(2), detail=True),
    _accuracy("data_sha256", "images'\nsha256", lambda a: a.data.sha256, detail=True),
)
