"""One artifact in a process of its own: what a round does."""

from collections.abc import Callable

from effmod_bench.instrument.process.messages import Job, Loaded, Message, Timed, Warm


def run(job: Job, send: Callable[[Message], None]) -> None:
    """Time a job: load, first inference, warm-up until steady, then the timed runs with nothing in between.

    A GPU then makes as many more, which its own events time: these would be in the way of the host's clock.
    """
    from effmod_bench.instrument.clock import no_garbage_collection, time_once, time_runs, warm_up
    from effmod_bench.instrument.machine.memory import peak_memory_bytes, reset_peak_memory
    from effmod_bench.instrument.process.inputs import make_inputs
    from effmod_bench.instrument.process.other import try_other
    from effmod_bench.instrument.sessions.registry import open_session
    from effmod_bench.instrument.sessions.session import check_outputs

    first, *others = make_inputs(job.inputs, job.feeds, job.mean, job.std)
    reset_peak_memory()  # or it would be that of making the images
    session, load_ns = time_once(lambda: open_session(job.session, first, others))
    _, first_inference_ns = time_once(session.run)
    send(Loaded(first_inference_ns=first_inference_ns))
    fed_ns, other_ns = try_other(session, job, first) if job.tries_other else ((), ())
    session.prepare_outputs()
    with no_garbage_collection():
        warmed = warm_up(session.run, job.warmup_runs)
        send(Warm(expected_ns=warmed.run_ns or first_inference_ns))
        durations = time_runs(session.run, job.runs)
        parts = session.parts_ns(job.runs)
        gpu_durations = session.time_on_gpu(job.runs)
    check_outputs(session)
    for _ in others:
        session.run()
        check_outputs(session)
    send(
        Timed(
            session=session.facts(),
            load_ns=load_ns,
            first_inference_ns=first_inference_ns,
            warmup_runs=warmed.runs,
            steady=warmed.steady,
            durations_ns=tuple(durations),
            parts_ns=parts,
            fed_ns=fed_ns,
            other_ns=other_ns,
            gpu_durations_ns=None if gpu_durations is None else tuple(gpu_durations),
            peak_memory_bytes=peak_memory_bytes(),
        )
    )
