"""`effmod profile`: the processes of one file or network, laid on its modules."""

import errno
import functools
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from effmod_bench.errors import DeviceUnavailableError, ExitCode, TargetError
from effmod_bench.instrument import profiles
from effmod_bench.instrument.available import check_installed
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.roofline import MEASURING_ROOF, obtain_roof
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.instrument.sessions.registry import ROWS
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import threads_to_use
from effmod_bench.isolation.apart import apart, end
from effmod_bench.options.export import ExportChoices
from effmod_bench.options.profile import By
from effmod_bench.runs.described import Describer, check_names, check_package_names
from effmod_bench.runs.items import find_targets
from effmod_bench.runs.plan import new_run
from effmod_bench.runs.prepare import why_not
from effmod_bench.screen.console import Console
from effmod_bench.screen.profile_plans import print_plan
from effmod_bench.screen.profiles import print_differences, print_profile
from effmod_bench.screen.weights import say_weights
from effmod_bench.targets.subjects import say_changed
from effmod_bench.targets.target import FileTarget, Target
from exporters.artifact.files import writing
from exporters.feeds.given import Given
from exporters.stage import Stage
from results import (
    RUNTIME_NAMES,
    BenchPlan,
    Device,
    Profile,
    ProfilePlan,
    Runtime,
    RuntimeOptions,
    Store,
)
from results.statistics.node_data import node_data_of, placed_share
from results.statistics.profile import Profiled, summarise_profiles
from results.statistics.profile_difference import have_common_modules
from results.statistics.profile_plan import plans_of_runs
from results.statistics.profile_trace import trace_of
from results.tables.profile_plans import blank_plan_tables
from results.tables.profiles import blank_difference_table, blank_profile_tables
from results.tables.words import counted, percent, profiled_name
from results.tables.write import OutputFormat

_FEWEST_PAIRS = 2


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be profiled, and how it is shown.

    Attributes:
        by: None for modules, or for operators where the file names no modules.
        roof: measure what the machine can do at best, unless that is known.
        trace: where a Chrome trace is written; None for nowhere.
        model_explorer: where what each operator of the file takes is written for Model Explorer; None for nowhere.
    """

    targets: tuple[str, ...]
    plan: ProfilePlan
    choices: ExportChoices
    input_shapes: tuple[tuple[str | None, tuple[int, ...]], ...]
    given: Given
    store: Path
    wait: bool
    by: By | None
    depth: int
    roof: bool = False
    trace: Path | None = None
    model_explorer: Path | None = None


def profile(console: Console, request: Request, output_format: OutputFormat) -> ExitCode:
    """Profile one target, and show where its time goes.

    Raises:
        DeviceUnavailableError: the device has no counters that effmod reads, or cannot be used here.
        TargetError: the target cannot be profiled, or names no modules although these were asked for.
        StoreError: a record could not be written; what is finished is stored.
        ArtifactError, ExportError, ParityError: the target cannot be made or read.
    """
    if request.plan.device is Device.COREML:
        return _plan(console, request, output_format)
    console.expect(*blank_profile_tables(request.by or By.MODULE, output_format))
    if request.model_explorer is not None and ROWS[request.plan.options.runtime].runs_network:
        raise TargetError(
            f"--model-explorer is of the graph of a file, and {RUNTIME_NAMES[request.plan.options.runtime]} runs none: "
            "leave it out, or name another --runtime"
        )
    for option, path in (("--trace", request.trace), ("--model-explorer", request.model_explorer)):
        if path is not None:
            _check_writable(path, option)
    records, (subject,) = _profiled(console, request)
    (summary,) = summarise_profiles(records)
    if summary is None:
        for failure in dict.fromkeys(record.failure for record in records):
            console.error(f"{records[0].artifact.name}: {failure}")
        return ExitCode.SOME_FAILED
    print_profile(console, summary, output_format, by=_by(request, summary.has_modules, console), depth=request.depth)
    console.note(f"Records in {request.store}; again: effmod show {request.store} --run {summary.run_id}")
    if request.trace is not None:
        _write_trace(request.trace, summary)
        console.note(f"{request.trace}: one inference, for ui.perfetto.dev or chrome://tracing")
    if request.model_explorer is not None:
        _write_node_data(console, request.model_explorer, summary, subject)
    return ExitCode.SOME_FAILED if summary.failures else ExitCode.OK


def _plan(console: Console, request: Request, output_format: OutputFormat) -> ExitCode:
    """Read the plan of one package, and show what it estimates."""
    for name, path in (("--trace", request.trace), ("--model-explorer", request.model_explorer)):
        if path is not None:
            raise TargetError(f"{name} is of times, and Core ML's plan has none, but estimates of shares: leave it out")
    console.expect(*blank_plan_tables(request.by or By.MODULE, output_format))
    (record,), _ = _profiled(console, request)
    if record.failure is not None:
        console.error(f"{record.artifact.name}: {record.failure}")
        return ExitCode.SOME_FAILED
    (planned,) = plans_of_runs([record])
    print_plan(console, planned, output_format, by=_by(request, planned.has_modules, console), depth=request.depth)
    console.note(f"The record is in {request.store}; again: effmod show {request.store} --run {record.run_id}")
    return ExitCode.OK


def _check_writable(path: Path, option: str) -> None:
    """Write into the folder of a file, and look that the file is no folder, before anything is measured.

    Raises:
        OutputError: that fails.
    """
    with writing(path.parent, elsewhere=f"name another file with {option}"):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{path} is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def _write_trace(path: Path, summary: Profiled) -> None:
    with writing(path.parent, elsewhere="name another file with --trace"):
        path.write_bytes(msgspec.json.encode(trace_of(summary)))


def _write_node_data(console: Console, path: Path, summary: Profiled, subject: Subject) -> None:
    from exporters.onnx.runtime_graph import read_drawn

    read = functools.partial(read_drawn, subject.path)
    drawn = apart(read, what=subject.path.name, stage=Stage.LOADING)
    with writing(path.parent, elsewhere="name another file with --model-explorer"):
        path.write_bytes(msgspec.json.encode(node_data_of(summary, drawn.graph, drawn.operators)))
    placed = percent(placed_share(summary, drawn.operators))
    console.note(
        f"{path}: {placed} of the operators' time at the operators of {subject.path.name}, for Model Explorer with its "
        "ONNX adapter"
    )


def compare_profiles(console: Console, request: Request, output_format: OutputFormat) -> ExitCode:
    """Profile two targets by turns, and show which parts make the difference.

    Raises:
        As `profile`.
    """
    if request.plan.device is Device.COREML:
        raise TargetError(
            "--by lays a difference of times on parts, and Core ML's plan has none; 'effmod profile --device coreml' "
            "shows the plan of one package"
        )
    console.expect(blank_difference_table(request.by or By.MODULE, output_format))
    records, _ = _profiled(console, request)
    before, after = summarise_profiles(records)
    if before is None or after is None or len(set(before.indices) & set(after.indices)) < _FEWEST_PAIRS:
        names = _names(records[0].plan)
        for said in dict.fromkeys(f"{names[each.target]}: {each.failure}" for each in records if each.failure):
            console.error(said)
        console.error(f"fewer than {_FEWEST_PAIRS} processes of both came to their end: nothing can be compared")
        return ExitCode.SOME_FAILED
    by = request.by or By.MODULE
    if by is By.MODULE and not have_common_modules(before, after):
        console.note("The two have no modules in common: here are their operators by kind")
        by = By.KIND
    print_differences(console, before, after, output_format, by=by, depth=request.depth)
    return ExitCode.SOME_FAILED if before.failures or after.failures else ExitCode.OK


def _by(request: Request, has_modules: bool, console: Console) -> By:
    if request.by is None and not has_modules:
        console.note("The file names no modules: here are its operators. --by kind takes those of a kind together")
        return By.OPERATOR
    return request.by or By.MODULE


def _profiled(console: Console, request: Request) -> tuple[list[Profile], list[Subject]]:
    """Profile the targets by turns: what each process came to, in the order in which they ran, and what was run."""
    ways = request.plan.target_options or (request.plan.options,)
    for options in ways:
        _check_counters(request.plan.device, options)
    store = Store(request.store)
    targets = _find(request)
    for options in ways:
        _check_here(request.plan.device, options)
    store.check_writable()
    files = {target.path: target.read for target in targets if isinstance(target, FileTarget)}.values()
    say_changed(console, files)
    _check_feeds(files)
    # Of two files one may name no modules: they are then compared by something else.
    by = request.by if len(targets) == 1 or request.by is By.KIND else None
    for file in files:
        check = functools.partial(
            check_package_names if request.plan.device is Device.COREML else check_names, file.path, by
        )
        apart(check, what=file.path.name, stage=Stage.LOADING)
    records: list[Profile] = []
    with measuring_alone(wait=request.wait, on_wait=console.note):
        subjects = [target.subject(console) for target in targets]
        say_weights(console, [(subject.artifact.name, subject.artifact.weights) for subject in subjects])
        for target, subject in enumerate(subjects):
            why = why_not(subject, request.plan.options_of(target))
            if why is not None:
                raise TargetError(f"{why}; take another --runtime, or another file")
        end()  # what has made the files is in the way of measuring
        plan = msgspec.structs.replace(request.plan, targets=tuple(subject.artifact.name for subject in subjects))
        names = _names(plan)
        machine = read_machine()
        roof = None
        if request.roof and plan.device is Device.CPU:
            roof = obtain_roof(machine, threads_to_use(plan) or 1, on_measure=lambda: console.note(MEASURING_ROOF))
            if roof is None:
                console.warn("what this machine can do at best could not be measured: nothing is compared with it")
        with console.progress("profiling", unit="process") as progress:
            profiles.run(
                new_run_id(),
                plan,
                subjects,
                machine,
                store,
                describe=Describer(),
                roof=roof,
                on_record=records.append,
                on_begin=lambda number: progress.show(
                    names[number % len(subjects)], number, plan.processes * len(subjects), None
                ),
            )
    return records, subjects


def _names(plan: ProfilePlan) -> list[str]:
    """What messages call each target."""
    return [profiled_name(name, plan, plan.options_of(target)) for target, name in enumerate(plan.targets)]


def _check_feeds(files: Iterable[Subject]) -> None:
    """Refuse inputs in turn: the sums of counters, and means of runs, would be those of a mixture.

    Raises:
        TargetError: there are several.
    """
    for file in files:
        several = max((len(words) for words in file.feeds.values()), default=0)
        if several > 1:
            raise TargetError(
                f"a profile is of one input, and --feeds gives {file.artifact.name} {several} in turn: name one .npz, "
                "or a folder that holds one"
            )


def _check_counters(device: Device, options: RuntimeOptions) -> None:
    """Refuse what has no profiler that effmod reads.

    Raises:
        DeviceUnavailableError: it has none.
        TargetError: the profiler cannot tell operators apart as they are asked to run.
    """
    if device not in (Device.COREML, *ROWS[options.runtime].profilers):
        raise DeviceUnavailableError(
            f"effmod reads no profiler of {RUNTIME_NAMES[options.runtime]} on {device} yet: it profiles "
            f"{_profiled_on(Device.CPU)} on the CPU, {_profiled_on(Device.CUDA)} on an NVIDIA GPU, and reads Core "
            "ML's plan; name one of these with --runtime, or measure with 'effmod bench'"
        )
    if options.cuda_graph:
        raise TargetError(
            "a CUDA graph is replayed as a whole, so that no operator of it can be told; leave --cuda-graph out"
        )


def _check_here(device: Device, options: RuntimeOptions) -> None:
    """Refuse a runtime, or its profiler, that cannot be used on this machine.

    Raises:
        DeviceUnavailableError: it cannot.
    """
    check_installed(device, options)
    if device is Device.CUDA and options.runtime is Runtime.ONNXRUNTIME:
        try:
            check_installed(device, msgspec.structs.replace(options, runtime=Runtime.PYTORCH))
        except DeviceUnavailableError as error:
            raise DeviceUnavailableError(
                f"PyTorch's profiler tells what ONNX Runtime's kernels take, and cannot be used here: {error}"
            ) from error


def _profiled_on(device: Device) -> str:
    """The runtimes that have a profiler there, in words."""
    *others, last = (runtime for runtime, row in ROWS.items() if device in row.profilers)
    return f"{', '.join(others)} and {last}"


def _find(request: Request) -> tuple[Target, ...]:
    run = new_run(
        targets=request.targets,
        plan=BenchPlan(device=request.plan.device, options=request.plan.options, threads=request.plan.threads),
        choices=request.choices,
        input_shapes=dict(request.input_shapes),
        given=request.given,
        target_options=request.plan.target_options,
    )
    targets = find_targets(run).targets
    if len(targets) != len(request.targets):
        raise TargetError(
            f"{' '.join(dict.fromkeys(request.targets))} stands for {counted(len(targets), 'target')}; name "
            + ("one" if len(request.targets) == 1 else "two that are not the same")
        )
    return targets
