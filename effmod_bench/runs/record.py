"""Figures that were measured elsewhere, and are entered by hand."""

import secrets
from pathlib import Path

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument.clock import utc_now
from effmod_bench.targets.names import find_network, is_file
from exporters import public_name
from results import ComputeUnits, HandEntry, Store, TimedArtifact


def enter(
    target: str,
    store: Store,
    *,
    device_name: str,
    os: str,
    compute_units: ComputeUnits | None,
    tool: str,
    mean_ms: float | None,
    p50_ms: float | None,
    runs: int | None,
    note: str,
) -> HandEntry:
    """Store a figure of a network, or of a file; what the file's sidecar says of it goes with the figure.

    Raises:
        TargetError: no latency is given, or a value makes no sense.
        UnknownModelError: there is no such network.
        ArtifactError: the file cannot be read.
        StoreError: the store cannot be written.
    """
    name, artifact = _identify(target)
    if mean_ms is None and p50_ms is None:
        raise TargetError("say how long one inference took: --mean-ms or --p50-ms, as the tool gives it")
    now = utc_now()
    try:
        entry = HandEntry(
            id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}-by-hand",
            started_at=now.isoformat(timespec="milliseconds"),
            name=name,
            artifact=artifact,
            device_name=device_name,
            os=os,
            compute_units=compute_units,
            tool=tool,
            mean_ms=mean_ms,
            p50_ms=p50_ms,
            runs=runs,
            note=note,
        )
    except ValueError as error:
        raise TargetError(str(error)) from error
    store.check_writable()
    store.write(entry)
    return entry


def _identify(target: str) -> tuple[str, TimedArtifact | None]:
    if not is_file(target):
        return public_name(find_network(target).name), None
    from effmod_bench.targets.subjects import file_subject

    artifact = file_subject(Path(target), {}, batch_size=1).artifact
    inputs = tuple(msgspec.structs.replace(tensor, fed=None) for tensor in artifact.inputs)  # elsewhere, by others
    return artifact.name, msgspec.structs.replace(artifact, inputs=inputs)
