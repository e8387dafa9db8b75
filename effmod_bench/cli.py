"""The commands. Each parses, calls, prints; what takes long to import is imported inside."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from effmod_bench import __version__
from effmod_bench.errors import ExitCode, exit_code
from effmod_bench.options import export as export_options
from effmod_bench.options import output, protocol, runtime, targets
from effmod_bench.options import words as options
from effmod_bench.options.output import Shown
from effmod_bench.screen.console import Console
from exporters import DEFAULT_OPSET, Format
from results import BenchPlan, ComparisonPlan, Device, GraphOptimization, RuntimeOptions
from results.tables.write import OutputFormat


class Commands(typer.core.TyperGroup):
    """Turns what a command raises into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt as error:
            Console().error("interrupted")
            raise typer.Exit(ExitCode.INTERRUPTED) from error
        except Exception as error:
            if hasattr(error, "format_message"):  # a wrong option: typer's own to show
                raise
            code = exit_code(error)
            message = _log_bug(error) if code is ExitCode.BUG else str(error)
            Console().error(message)
            raise typer.Exit(code) from error


def _log_bug(error: Exception) -> str:
    import traceback

    import platformdirs

    from effmod_bench.instrument.clock import utc_now

    log = platformdirs.user_log_path("effmod", appauthor=False) / f"bug-{utc_now():%Y%m%dT%H%M%S}-{os.getpid()}.log"
    said = f"a bug in effmod: {type(error).__name__}: {error}"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"effmod {__version__}\n{''.join(traceback.format_exception(error))}", encoding="utf-8")
    except OSError:
        return said
    return f"{said}; please report it with {log}"


app = typer.Typer(
    cls=Commands,
    name="effmod",
    help="Export efficient vision networks, and measure their latency with numbers that can be trusted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
cache_app = typer.Typer(help="Artifacts that were exported before.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")
record_app = typer.Typer(help="Figures that were measured elsewhere.", no_args_is_help=True)
app.add_typer(record_app, name="record")


def _print_version(asked: bool) -> None:
    if asked:
        Console().print(f"effmod {__version__}")
        raise typer.Exit


@app.callback()
def effmod(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command("list")
def list_networks(
    patterns: Annotated[
        list[str] | None, typer.Argument(metavar="[PATTERN]...", help="Such as 'efficientmod_*'.", show_default=False)
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="Only networks of this family, such as 'mobileone'.", show_default=False)
    ] = None,
    table: targets.ListedTable = None,
    output_format: output.OutputFormatOption = OutputFormat.TABLE,
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """List the zoo: parameters, FLOPs, published accuracy."""
    from effmod_bench.listing import list_table
    from effmod_bench.targets.names import find_networks

    specs = find_networks(patterns or ["*"], family=family, table=table)
    _console(quiet, verbose).table(list_table(specs), output_format)


@app.command()
def info(
    network: targets.Network,
    image_size: export_options.ImageSize = None,
    output_format: output.OutputFormatOption = OutputFormat.TABLE,
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """Show one network stage by stage, and where it comes from."""
    from effmod_bench.listing import describe, network_info, stage_table
    from models import check_image_size, count, create_model, find_model

    spec = find_model(network, image_size=image_size)
    size = image_size or spec.image_size
    check_image_size(spec, size)
    console = _console(quiet, verbose)
    complexity = count(create_model(network, image_size=size), size)
    if output_format is OutputFormat.JSON:
        console.json(network_info(spec, complexity))
        return
    if output_format is OutputFormat.TABLE:
        console.print("\n".join([*describe(spec), ""]))
    console.table(stage_table(complexity), output_format)


@app.command()
def export(
    networks: targets.ExportTargets = None,
    table: targets.TableOfPaper = None,
    format_: export_options.FormatOption = Format.ONNX,
    opset: export_options.Opset = DEFAULT_OPSET,
    image_size: export_options.ImageSize = None,
    batch_size: export_options.BatchSize = 1,
    dynamic_batch: export_options.DynamicBatch = False,
    checkpoint: export_options.Checkpoint = None,
    no_simplify: export_options.NoSimplify = False,
    rewrite: export_options.Rewrite = None,
    target: export_options.Target = None,
    compute_precision: export_options.Precision = None,
    input_: export_options.InputOption = None,
    labels: export_options.Labels = None,
    softmax: export_options.Softmax = False,
    compress: export_options.CompressOption = None,
    purpose: export_options.PurposeOption = None,
    input_shape: export_options.InputShape = None,
    explain: export_options.Explain = False,
    output: output.OutputFolder = Path(),
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """Export networks to files that are proved to compute what the networks compute; rewrite .onnx files."""
    from effmod_bench.errors import TargetError
    from effmod_bench.exporting import export_all, export_files
    from effmod_bench.options.export import ExportChoices, parse_input_shapes, read_labels
    from effmod_bench.targets.limits import check_checkpoint, check_image_sizes
    from effmod_bench.targets.names import find_networks, split_files

    if not networks and table is None:
        raise TargetError("say what to export: a network of 'effmod list', or a table of the paper, --table 12")
    choices = ExportChoices(
        format=format_,
        image_size=image_size,
        batch_size=batch_size,
        checkpoint=checkpoint,
        dynamic_batch=dynamic_batch,
        opset=opset,
        simplify=not no_simplify,
        rewrite=rewrite,
        target=target,
        compute_precision=compute_precision,
        input=input_,
        labels=read_labels(labels),
        softmax=softmax,
        compress=compress,
        purpose=purpose,
    )
    if files := split_files(networks or [], table, input_shape or []):
        shapes = parse_input_shapes(input_shape or [])
        export_files(_console(quiet, verbose), files, choices, shapes, output, explain=explain)
        return
    specs = find_networks(networks or ["*"], image_size=image_size, table=table)
    check_image_sizes(choices, specs)
    check_checkpoint(checkpoint, specs)
    raise typer.Exit(export_all(_console(quiet, verbose), specs, choices, output, explain=explain))


@app.command()
def verify(
    artifact: targets.ArtifactPath,
    against: options.Against = None,
    checkpoint: export_options.Checkpoint = None,
    data: options.Data = None,
    output_format: output.OutputFormatOption = OutputFormat.TABLE,
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """Prove a file or package again: that it computes what its network computes, and how often it is right."""
    from effmod_bench.runs.verification import Verification

    verification = Verification(path=artifact, against=against, checkpoint=checkpoint, data=data)
    verification.run(_console(quiet, verbose), output_format)


@app.command()
def bench(
    context: typer.Context,
    targets: targets.Targets = None,
    device: runtime.DeviceOption = "cpu",
    runtime: runtime.RuntimeOption = None,
    compute_units: runtime.ComputeUnitsOption = None,
    include_transfers: runtime.IncludeTransfers = False,
    cuda_graph: runtime.CudaGraph = False,
    tf32: runtime.Tf32 = False,
    prefer_nhwc: runtime.PreferNhwc = False,
    allow_fallback: runtime.AllowFallback = False,
    graph_optimization: runtime.GraphOptimizationOption = GraphOptimization.ALL,
    no_spinning: runtime.NoSpinning = False,
    threads: runtime.Threads = None,
    runs: protocol.Runs = 4000,
    rounds: protocol.Rounds = 5,
    warmup: protocol.Warmup = 50,
    seed: protocol.Seed = 0,
    round_timeout: protocol.RoundTimeout = None,
    no_wait: protocol.NoWait = False,
    table: protocol.MeasuredTable = None,
    anchor: protocol.AnchorOption = None,
    processes: protocol.AnchorProcesses = None,
    until: protocol.Until = None,
    max_time: protocol.MaxTime = None,
    resume: protocol.Resume = False,
    dry_run: protocol.DryRun = False,
    format_: export_options.FormatForDevice = None,
    opset: export_options.Opset = DEFAULT_OPSET,
    image_size: export_options.ImageSize = None,
    batch_size: export_options.BatchSizes = "1",
    dynamic_batch: export_options.DynamicBatch = False,
    checkpoint: export_options.Checkpoint = None,
    no_simplify: export_options.NoSimplify = False,
    rewrite: export_options.Rewrite = None,
    target: export_options.Target = None,
    compute_precision: export_options.Precision = None,
    input_: export_options.InputOption = None,
    softmax: export_options.Softmax = False,
    compress: export_options.CompressOption = None,
    input_shape: export_options.InputShape = None,
    store: output.StoreOption = output.default_store(),  # noqa: B008 - typer reads defaults once
    output_format: output.OutputFormatOption = OutputFormat.TABLE,
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """Measure how long one inference takes, each round in a fresh process, and show it beside the paper's figures."""
    from effmod_bench.benchmark import Benchmark, choose_anchor
    from effmod_bench.errors import TargetError
    from effmod_bench.options.export import ExportChoices, parse_batch_sizes, parse_input_shapes
    from effmod_bench.options.runtime import artifact_format, parse_device, runtime_options
    from effmod_bench.suites import find_suite
    from effmod_bench.targets.names import DEFAULT_TARGETS

    console = _console(quiet, verbose)
    if resume:
        run_id = protocol.run_to_resume(context, targets)
        benchmark = Benchmark.resume(run_id, store, wait=not no_wait, round_timeout_s=round_timeout)
        raise typer.Exit(benchmark.run(console, output_format))
    if table is not None and targets:
        raise TargetError(f"--table {table} says which networks to measure; leave {targets[0]} out, or --table")
    where, index = parse_device(device)
    batch_sizes = parse_batch_sizes(batch_size)
    plan = BenchPlan(
        device=where,
        options=runtime_options(
            where,
            index,
            runtime,
            compute_units=compute_units,
            include_transfers=include_transfers,
            cuda_graph=cuda_graph,
            use_tf32=tf32,
            prefer_nhwc=prefer_nhwc,
            allow_fallback=allow_fallback,
            graph_optimization=graph_optimization,
            allow_spinning=not no_spinning,
        ),
        threads=threads,
        runs=runs,
        rounds=rounds,
        warmup_runs=warmup,
        seed=seed,
    )
    benchmark = Benchmark(
        targets=tuple(find_suite(table).networks() if table is not None else targets or DEFAULT_TARGETS),
        plan=plan,
        anchor=choose_anchor(
            anchor, plan, table=table, processes=processes, until=until, max_time_s=max_time, sweep=len(batch_sizes) > 1
        ),
        table=table,
        batch_sizes=batch_sizes if len(batch_sizes) > 1 else (),
        choices=ExportChoices(
            format=artifact_format(where, format_),
            image_size=image_size,
            batch_size=batch_sizes[0],
            dynamic_batch=dynamic_batch,
            opset=opset,
            simplify=not no_simplify,
            rewrite=rewrite if rewrite is not None or table is None else "none",
            checkpoint=checkpoint,
            target=target,
            compute_precision=compute_precision,
            input=input_,
            softmax=softmax,
            compress=compress,
        ),
        input_shapes=parse_input_shapes(input_shape or []),
        store=store,
        wait=not no_wait,
        round_timeout_s=round_timeout,
    )
    if dry_run:
        console.table(benchmark.preview(), output_format)
        return
    raise typer.Exit(benchmark.run(console, output_format))


@app.command()
def compare(
    context: typer.Context,
    targets: targets.ComparedTargets = None,
    device: runtime.OnnxRuntimeDevice = "cpu",
    runtime: runtime.ComparedRuntime = None,
    include_transfers: runtime.IncludeTransfers = False,
    cuda_graph: runtime.CudaGraph = False,
    tf32: runtime.Tf32 = False,
    prefer_nhwc: runtime.PreferNhwc = False,
    allow_fallback: runtime.AllowFallback = False,
    graph_optimization: runtime.GraphOptimizationOption = GraphOptimization.ALL,
    no_spinning: runtime.NoSpinning = False,
    threads: runtime.Threads = None,
    processes: protocol.Processes = 6,
    blocks: protocol.Blocks = 60,
    warmup: protocol.PairWarmup = 20,
    seed: protocol.PairSeed = 0,
    control: protocol.Control = False,
    round_timeout: protocol.RoundTimeout = None,
    no_wait: protocol.NoWait = False,
    margin: protocol.Margin = 0.005,
    until: protocol.Until = None,
    max_time: protocol.MaxTime = None,
    fail_if_slower: protocol.FailIfSlower = None,
    resume: protocol.Resume = False,
    opset: export_options.Opset = DEFAULT_OPSET,
    image_size: export_options.ImageSize = None,
    batch_size: export_options.BatchSize = 1,
    dynamic_batch: export_options.DynamicBatch = False,
    checkpoint: export_options.Checkpoint = None,
    compute_precision: export_options.Precision = None,
    no_simplify: export_options.NoSimplify = False,
    rewrite: export_options.Rewrite = None,
    input_shape: export_options.InputShape = None,
    store: output.StoreOption = output.default_store(),  # noqa: B008 - typer reads defaults once
    output_format: output.OutputFormatOption = OutputFormat.TABLE,
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """Measure how targets' times differ from the first one's, by timing both in turn in one process."""
    from effmod_bench.benchmark import MAX_TIME_S, Benchmark
    from effmod_bench.comparing import Comparing
    from effmod_bench.errors import TargetError
    from effmod_bench.instrument.sessions.registry import ONNXRUNTIMES
    from effmod_bench.options.export import ExportChoices, parse_input_shapes
    from effmod_bench.options.runtime import parse_device, runtime_options

    console = _console(quiet, verbose)
    if resume:
        run_id = protocol.run_to_resume(context, targets)
        comparing = Comparing.resume(run_id, store, wait=not no_wait, round_timeout_s=round_timeout)
        raise typer.Exit(comparing.run(console, output_format))
    if not targets:
        raise TargetError("say what to compare: two or more networks of 'effmod list', or .onnx files")
    if max_time is not None and until is None:
        raise TargetError("--max-time goes with --until; without it, --processes says how long to measure")
    where, index = parse_device(device)
    how = runtime_options(
        where,
        index,
        runtime,
        include_transfers=include_transfers,
        cuda_graph=cuda_graph,
        use_tf32=tf32,
        prefer_nhwc=prefer_nhwc,
        allow_fallback=allow_fallback,
        graph_optimization=graph_optimization,
        allow_spinning=not no_spinning,
    )
    if how.runtime not in ONNXRUNTIMES:
        raise TargetError(f"compare times ONNX Runtime, not {how.runtime}; 'effmod bench' measures that")
    plan = ComparisonPlan(
        device=where,
        options=how,
        threads=threads,
        control=control,
        processes=processes,
        blocks=blocks,
        warmup_runs=warmup,
        seed=seed,
        margin=margin,
        until=until,
        max_time_s=None if until is None else max_time or MAX_TIME_S,
    )
    comparing = Comparing(
        benchmark=Benchmark(
            targets=tuple(targets),
            plan=BenchPlan(device=where, options=how, threads=threads),
            choices=ExportChoices(
                image_size=image_size,
                batch_size=batch_size,
                dynamic_batch=dynamic_batch,
                opset=opset,
                simplify=not no_simplify,
                rewrite=rewrite,
                checkpoint=checkpoint,
                compute_precision=compute_precision,
            ),
            input_shapes=parse_input_shapes(input_shape or []),
            store=store,
            wait=not no_wait,
            round_timeout_s=round_timeout,
        ),
        plan=plan,
        fail_if_slower=fail_if_slower,
    )
    raise typer.Exit(comparing.run(console, output_format))


@app.command()
def tune(
    target: targets.TunedTarget,
    device: runtime.OnnxRuntimeDevice = "cpu",
    threads: runtime.Threads = None,
    budget: options.Budget = 600.0,
    margin: protocol.Margin = 0.005,
    seed: protocol.PairSeed = 0,
    tf32: options.TryTf32 = False,
    allow_machine_specific: options.AllowMachineSpecific = False,
    allow_inexact: options.AllowInexact = False,
    data: options.DataForInexact = None,
    image_size: export_options.ImageSize = None,
    batch_size: export_options.BatchSize = 1,
    checkpoint: export_options.Checkpoint = None,
    input_shape: export_options.InputShape = None,
    no_wait: protocol.NoWait = False,
    output: output.OutputFolder = Path(),
    store: output.StoreOption = output.default_store(),  # noqa: B008 - typer reads defaults once
    output_format: output.OutputFormatOption = OutputFormat.TABLE,
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """Find the fastest file of a network, and the settings to run it with, of those that are proved equal."""
    from effmod_bench.errors import TargetError
    from effmod_bench.options.export import ExportChoices, parse_input_shapes
    from effmod_bench.options.runtime import parse_device
    from effmod_bench.tuning.tune import Tuning

    where, index = parse_device(device)
    if where is Device.COREML:
        raise TargetError("effmod tune is for ONNX Runtime: --device cpu or cuda")
    if tf32 and where is not Device.CUDA:
        raise TargetError(f"--tf32 goes with --device cuda, not with --device {where}")
    if data is not None and not allow_inexact:
        raise TargetError("--data goes with --allow-inexact: whatever is proved equal is as often right")
    tuning = Tuning(
        target=target,
        plan=ComparisonPlan(
            device=where, options=RuntimeOptions(device_index=index), threads=threads, seed=seed, margin=margin
        ),
        choices=ExportChoices(image_size=image_size, batch_size=batch_size, checkpoint=checkpoint),
        input_shapes=parse_input_shapes(input_shape or []),
        budget_s=budget,
        tf32=tf32,
        allow_machine_specific=allow_machine_specific,
        allow_inexact=allow_inexact,
        data=data,
        output=output,
        store=store,
        wait=not no_wait,
    )
    raise typer.Exit(tuning.run(_console(quiet, verbose), output_format))


@app.command()
def doctor(
    device: runtime.ExaminedDevice = None,
    no_wait: protocol.NoWait = False,
    output_format: output.OutputFormatOption = OutputFormat.TABLE,
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """Say which runtimes work here, by running a convolution on each, and what is missing where one does not."""
    from effmod_bench.doctor import examine
    from effmod_bench.options.runtime import parse_device

    where, index = parse_device(device) if device else (None, 0)
    examine(_console(quiet, verbose), where, index, output_format, wait=not no_wait)


@app.command()
def show(
    store: output.StorePath = output.default_store(),  # noqa: B008 - typer reads defaults once
    only: output.Only = None,
    table: output.ShownTable = None,
    run: output.ShownRun = None,
    output_format: output.OutputFormatOption = OutputFormat.TABLE,
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """Show the tables of a store again, from its records."""
    from effmod_bench.errors import TargetError
    from effmod_bench.showing import show_store, show_table
    from results import Store

    if table is not None and only is not None:
        raise TargetError("--table shows measurements; leave --only out")
    if run is not None and only is Shown.BY_HAND:
        raise TargetError("what was entered by hand belongs to no run; leave --run out")
    console = _console(quiet, verbose)
    records = Store(store, on_damaged=console.warn)
    if table is not None:
        show_table(console, records, output_format, table, run_id=run)
    else:
        show_store(console, records, output_format, only=only, run_id=run)


@app.command()
def diff(
    before: output.StoreBefore,
    after: output.StoreAfter,
    margin: protocol.Margin = 0.005,
    fail_if_slower: protocol.FailIfSlowerAfter = None,
    output_format: output.OutputFormatOption = OutputFormat.TABLE,
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """Compare two stores row by row, through their anchors where both have the same one."""
    from effmod_bench.diffing import diff_stores

    console = _console(quiet, verbose)
    code = diff_stores(console, before, after, output_format, margin=margin, fail_if_slower=fail_if_slower)
    raise typer.Exit(code)


@app.command()
def plot(
    store: output.StorePath = output.default_store(),  # noqa: B008 - typer reads defaults once
    output: Annotated[
        Path, typer.Option("--output", help="The picture; its ending says which kind: .png, .svg, .pdf.")
    ] = Path("tradeoff.png"),
    quiet: output.Quiet = False,
    verbose: output.Verbose = 0,
) -> None:
    """Draw latency against published accuracy."""
    from exporters import writing
    from results import HandEntry, Store, summarise
    from results.plots.tradeoff import plot_tradeoff

    console = _console(quiet, verbose)
    records = Store(store, on_damaged=console.warn)
    if records.read_kind(HandEntry):
        console.note("Left out: figures entered by hand, of which there are no samples")
    measurements = summarise(records.read())
    with writing(output):
        left_out = plot_tradeoff(measurements, output)
    if left_out:
        console.note(f"Left out, having no published top-1 or no latency: {', '.join(left_out)}")
    console.print(str(output))


@record_app.command("add")
def record_add(
    target: targets.NetworkOrArtifact,
    device_name: options.DeviceName,
    os: options.System,
    tool: options.Tool,
    compute_units: runtime.UsedComputeUnits = None,
    mean_ms: options.MeanMs = None,
    p50_ms: options.P50Ms = None,
    runs: options.RunsBehind = None,
    note: options.Note = "",
    store: output.StoreOption = output.default_store(),  # noqa: B008 - typer reads defaults once
    quiet: output.Quiet = False,
) -> None:
    """Bring a latency that another tool measured, on a phone say, into a store, marked as entered by hand."""
    from effmod_bench.entering import enter
    from results import Store

    entry = enter(
        target,
        Store(store),
        device_name=device_name,
        os=os,
        compute_units=compute_units,
        tool=tool,
        mean_ms=mean_ms,
        p50_ms=p50_ms,
        runs=runs,
        note=note,
    )
    _console(quiet, 0).note(f"{entry.name} on {entry.device_name}, entered by hand; the table: effmod show {store}")


@cache_app.command("info")
def cache_info() -> None:
    """Say where the cache is, and how much is in it."""
    from exporters import cache_info

    info = cache_info()
    Console().print(f"{info.path}: {info.artifacts} artifacts, {info.size_bytes / 1e6:.1f} MB")


@cache_app.command("clear")
def cache_clear() -> None:
    """Delete every cached artifact."""
    from exporters import clear_cache

    info = clear_cache()
    Console().print(f"{info.path}: deleted {info.artifacts} artifacts, {info.size_bytes / 1e6:.1f} MB")


def _console(quiet: bool, verbose: int) -> Console:
    return Console(-1 if quiet else verbose)
