"""Every timed inference by itself, in long form: what statistics are made of."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from results.records.artifact import TimedArtifact
from results.records.environment import Environment, SessionFacts
from results.records.measured import Outcome, Round
from results.records.plan import Device, RuntimeOptions
from results.records.words import cores_in_words, fed_in_short, mode_in_words
from results.statistics.comparison import last_processes
from results.statistics.summary import grouped
from results.statistics.timed import TimedPair, TimedRound

if TYPE_CHECKING:
    import pandas as pd

    from results.statistics.timed import Times

ALONE, BASELINE, CANDIDATE = "alone", "baseline", "candidate"

_NS = 1e9


class _Process(msgspec.Struct, frozen=True):
    """Times of one artifact in one process.

    Attributes:
        facts: what each of them has, by the column.
        at_ns: of each, from the start of the process, as far as that is known.
    """

    facts: dict[str, Any]
    durations_ns: "Times"
    at_ns: "Times"


def samples_of(rounds: Iterable[TimedRound], pairs: Iterable[TimedPair] = ()) -> "pd.DataFrame":
    """As `results.samples`."""
    import numpy as np
    import pandas as pd

    processes = [*_of_rounds(rounds), *_of_pairs(pairs)]
    processes.sort(key=lambda each: each.facts["started_at"])  # each begins with its date
    counts = [len(each.durations_ns) for each in processes]
    names = list(processes[0].facts) if processes else []
    columns: dict[str, Any] = {}
    for name in names:
        # A million rows hold each text once.
        codes, values = pd.factorize(np.array([each.facts[name] for each in processes], dtype=object))
        columns[name] = pd.Categorical.from_codes(np.repeat(codes, counts), pd.Index(values, dtype=object))
    frame = pd.DataFrame(columns)
    for name in ("image_size", "batch_size", "threads", "warmup_runs", "round", "attempt"):
        if names:
            frame[name] = frame[name].astype(object).astype("Int64")
    if names:
        frame["started_at"] = pd.to_datetime(frame["started_at"].astype(object), utc=True, format="ISO8601")
    empty = np.array([], dtype=np.int64)
    frame["index"] = np.concatenate([np.arange(count) for count in counts] or [empty])
    frame["duration_ns"] = np.concatenate([each.durations_ns for each in processes] or [empty])
    frame["at_s"] = np.concatenate([each.at_ns for each in processes] or [empty]) / _NS
    return frame


def _of_rounds(rounds: Iterable[TimedRound]) -> Iterator[_Process]:
    import numpy as np

    for record in (record for group in grouped(rounds) for record in group if record.outcome is Outcome.OK):
        durations = np.asarray(record.durations_ns)
        before = (record.load_ns or 0) + (record.first_inference_ns or 0)
        facts = _facts(record, record.artifact, record.plan.device, record.plan.options, record.environment)
        yield _Process(facts | {"role": ALONE, "beside": None}, durations, before + np.cumsum(durations) - durations)


def _of_pairs(pairs: Iterable[TimedPair]) -> Iterator[_Process]:
    import numpy as np

    for record in last_processes(pairs):
        if record.outcome is not Outcome.OK:
            continue
        of_both = record.baseline_ns + record.candidate_ns
        at_ns = np.cumsum(of_both) - of_both
        sides = (
            (BASELINE, record.baseline, record.baseline_ns, record.plan.options, record.candidate),
            (CANDIDATE, record.candidate, record.candidate_ns, record.plan.options_of(record.target), record.baseline),
        )
        for role, artifact, durations, options, other in sides:
            session = record.candidate_session if role == CANDIDATE and record.candidate_session else None
            facts = _facts(record, artifact, record.plan.device, options, record.environment, session)
            yield _Process(facts | {"role": role, "beside": other.name}, durations, at_ns)


def _facts(
    record: Round | TimedRound | TimedPair,
    artifact: TimedArtifact,
    device: Device,
    options: RuntimeOptions,
    environment: Environment,
    own_session: SessionFacts | None = None,
) -> dict[str, Any]:
    gpu, session = environment.gpu_before, own_session or environment.session
    return {
        "name": artifact.name,
        "form": artifact.form,
        "format": artifact.format,
        "sha256": artifact.sha256,
        "image_size": artifact.image_size,
        "batch_size": artifact.batch_size,
        "fed": fed_in_short(artifact) or None,
        "device": str(device),
        "runtime": str(options.runtime),
        "version": session.runtime if session else None,
        "mode": mode_in_words(options),
        "threads": environment.threads,
        "processor": gpu.name if device is Device.CUDA and gpu else environment.machine.cpu_model,
        "place": environment.place,
        "cores": cores_in_words(environment.machine.affinity),
        "warmup_runs": record.plan.warmup_runs,
        "run_id": record.run_id,
        "round": record.index,
        "attempt": record.attempt,
        "started_at": record.started_at,
    }
