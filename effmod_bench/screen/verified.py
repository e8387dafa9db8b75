"""The table of what was proved of a file."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from exporters import FLOAT16_MAX, Accuracy, ActivationRange, Artifact, ComputePrecision, Parity, Rounding
from models import ModelSpec
from results.tables.table import Column, Table
from results.tables.words import digits

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
    return Table(rows=tuple(rows), columns=_COLUMNS, notes=tuple(notes), title=title)


def rounding_in_words(found: Rounding) -> str:
    """What of a float16 artifact's error is the program's, what its constants', what its arithmetic's."""
    arithmetic = f"float16's arithmetic alone: {_exponent(found.arithmetic_relative_error)}"
    if found.program_relative_error is None or found.rounded_relative_error is None:
        return arithmetic
    return (
        f"the program before it was rounded: {_exponent(found.program_relative_error)} from the network; the file in "
        f"float32: {_exponent(found.rounded_relative_error)} from that program with its constants rounded; each may be "
        f"{found.tolerance:.0e}. {arithmetic}"
    )


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
        those.append(f"{found.activations:,} activations over {parity.inputs} inputs{first}")
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
    parts = parity.rounding
    if parts and any(
        error is not None and not error <= parts.tolerance
        for error in (parts.program_relative_error, parts.rounded_relative_error)
    ):
        return "not equal"
    if parity.tolerance is None:
        return "not meant to be equal"
    return "equal" if parity.relative_error <= parity.tolerance else "not equal"


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
    Column(key="images", header="images", get=lambda row: row.accuracy.images if row.accuracy else None),
    Column(key="top1", header="top-1\n%", get=lambda row: row.accuracy.top1 if row.accuracy else None, show=digits(2)),
    Column(key="top5", header="top-5\n%", get=lambda row: row.accuracy.top5 if row.accuracy else None, show=digits(2)),
)
