"""The tables of a profile: its modules, its kinds of operators, its slowest operators; and the list of a store's."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from results.records.plan import Device, Runtime
from results.records.profile import Profile, Roof
from results.records.words import mode_in_words
from results.statistics.profile import (
    DEPTHWISE,
    FUNCTION,
    LAYOUT,
    MEMORY,
    START_UP,
    UNEXPLAINED,
    WIDTH,
    Part,
    Profiled,
    Span,
)
from results.statistics.profile_difference import PartDifference
from results.statistics.profile_plan import Planned
from results.tables.table import Column, Table
from results.tables.words import counted, digits, milliseconds, percent, profiled_name
from results.tables.write import OutputFormat

CAUSES = {
    LAYOUT: "a copy from one layout of a map into another (Transpose, Reorder and the like)",
    WIDTH: "a convolution of channels that are no multiple of 4, which the runtime leaves out of its blocked layout",
    START_UP: "an operator so short that starting it is most of it",
    MEMORY: "it moves as many bytes a second as the memory or cache that holds them lets it",
    DEPTHWISE: "a convolution of each channel by itself, which uses each value that it loads a few times only",
    FUNCTION: "an operator of functions such as exp, or of sums: its arithmetic is no multiply-adds",
    UNEXPLAINED: "far from the roof, and none of these says why",
}
"""What holds an operator up, in words."""

# Spaces at the beginning are nothing in a page; and programs read the path.
INDENT = {OutputFormat.TABLE: "  ", OutputFormat.MARKDOWN: "- ", OutputFormat.LATEX: "- "}
INDENT |= dict.fromkeys((OutputFormat.CSV, OutputFormat.JSON), "")

_PROFILE, _DIFFERENCE = "profile", "profile-difference"  # the tables' names

_GUESSED = " (guessed)"
_CAUSE_SHARE = 0.1  # of a part's time: causes of less are not shown
_SHOWN_LEFT_OUT = 0.01
_FIRST = 10
_DECIMALS = {Device.CPU: 3, Device.CUDA: 4}  # of milliseconds: a kernel of a GPU takes a few thousandths


_ON_GPU = (
    "An operator takes what its kernels take on the GPU; between them the GPU waits for the host to launch the next "
    "one. No roof of a GPU is measured."
)
_PYTHON = (
    "Between operators no kernel runs: Python calls the modules and the operators, and frees their results. That is "
    "there without the profiler, too."
)


def failures_in_words(records: Iterable[Profile]) -> list[str]:
    """Why processes failed, each reason once."""
    said = (
        f"{profiled_name(each.artifact.name, each.plan, each.plan.options_of(each.target))}: {each.failure}"
        for each in records
        if each.failure
    )
    return list(dict.fromkeys(said))


def share_in_words(share: float) -> str:
    """To a tenth of a percent."""
    return f"{100 * share:.1f} %"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _half(get: Span) -> float | None:
    return get.half


def _causes(row: Part) -> str | None:
    shown = [(name, share) for name, share in row.causes.items() if share >= _CAUSE_SHARE]
    if row.operators == 1:
        return shown[0][0] if shown else None
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in shown) or None


def _name(row: Part, output_format: OutputFormat) -> str:
    """For people in its place of the tree, and marked where an operator's module is a guess; programs have columns."""
    indent = INDENT[output_format]
    return indent * row.depth + row.name + (_GUESSED if indent and row.operators == 1 and row.guessed else "")


def _columns(
    header: str, output_format: OutputFormat = OutputFormat.TABLE, *, decimals: int = _DECIMALS[Device.CPU]
) -> tuple[Column[Part], ...]:
    return (
        Column(key="name", header=header, get=lambda row: _name(row, output_format)),
        Column(key="ms", header="ms", get=lambda row: row.ms.value, show=digits(decimals)),
        Column(key="ms_half", header="± ms", spare=2, get=lambda row: _half(row.ms), show=digits(decimals)),
        Column(key="share", header="share", get=lambda row: row.share.value, show=share_in_words),
        Column(key="mmacs", header="MACs\nM", spare=5, get=lambda row: row.macs / 1e6 or None, show=digits(1)),
        Column(key="mb", header="moved\nMB", spare=7, get=lambda row: row.moved_bytes / 1e6 or None, show=digits(2)),
        Column(key="gflops", header="GFLOP\n/s", spare=4, get=lambda row: row.gflops, show=digits(1)),
        Column(key="gb_per_s", header="GB/s", spare=6, get=lambda row: row.gb_per_s, show=digits(1)),
        Column(
            key="of_roof", header="of\nroof", spare=1, get=lambda row: row.of_roof, show=lambda x: f"{100 * x:.0f} %"
        ),
        Column(key="causes", header="held up by", spare=3, get=_causes),
    )


_FOR_PROGRAMS: tuple[Column[Part], ...] = (
    Column(key="path", header="path", get=lambda row: row.path, detail=True),
    Column(key="depth", header="depth", get=lambda row: row.depth, detail=True),
    Column(key="ms_low", header="ms low", get=lambda row: row.ms.low, detail=True),
    Column(key="ms_high", header="ms high", get=lambda row: row.ms.high, detail=True),
    Column(key="share_low", header="share low", get=lambda row: row.share.low, detail=True),
    Column(key="share_high", header="share high", get=lambda row: row.share.high, detail=True),
    Column(key="operators", header="operators", get=lambda row: row.operators, detail=True),
    Column(key="guessed", header="guessed", get=lambda row: row.guessed, detail=True),
)


def profile_table(
    profiled: Profiled, parts: Sequence[Part], *, header: str, output_format: OutputFormat
) -> Table[Part]:
    """Parts of a profile, with what they add up to.

    Args:
        header: of their names.
        output_format: which decides how the tree is drawn; for programs there are more columns.
    """
    columns = _columns(header, output_format, decimals=_DECIMALS[profiled.plan.device])
    marks = tuple(_notes(profiled, parts))
    return Table(
        rows=tuple(parts),
        columns=columns if INDENT[output_format] else columns + _FOR_PROGRAMS,
        title=_title(profiled),
        subtitle=_subtitle(profiled),
        notes=marks,
        name=_PROFILE,
    )


def blank_profile_tables(header: str, output_format: OutputFormat) -> tuple[Table[Part], ...]:
    """What is shown of a profile, without rows."""
    columns = _columns(header, output_format)
    parts = Table(rows=(), columns=columns if INDENT[output_format] else columns + _FOR_PROGRAMS, name=_PROFILE)
    return parts, slowest_table(())


def blank_difference_table(header: str, output_format: OutputFormat) -> Table[PartDifference]:
    """What is shown of how two profiles differ, without rows."""
    return Table(rows=(), columns=_difference_columns(header, output_format), name=_DIFFERENCE)


def slowest_table(operators: Sequence[Part], device: Device = Device.CPU) -> Table[Part]:
    """The slowest operators, as they ran on a device."""
    where: Column[Part] = Column(key="module", header="module", spare=8, get=lambda row: row.path or None)
    first, *others = _columns("operator", decimals=_DECIMALS[device])
    rows = tuple(operators[:_FIRST])
    title = f"The slowest {counted(len(rows), 'operator')}"
    return Table(rows=rows, columns=(first, where, *others), title=title, name="slowest-operators")


def _title(profiled: Profiled) -> str:
    artifact = profiled.artifact
    form = f", {artifact.form} form" if artifact.form else ""
    mode = mode_in_words(profiled.options)
    return f"{artifact.name}{form}: {_ran_by(profiled)}, {_where(profiled)}" + (f", {mode}" if mode else "")


def _ran_by(profiled: Profiled | Planned) -> str:
    """The runtime, with its version where the process told it."""
    options = profiled.options if isinstance(profiled, Profiled) else profiled.plan.options
    session = profiled.environment.session
    return session.runtime if session else str(options.runtime)


def _where(profiled: Profiled) -> str:
    if profiled.plan.device is Device.CPU:
        return counted(profiled.environment.threads or 0, "thread")
    gpu = profiled.environment.gpu_before
    return (gpu.name if gpu else None) or str(profiled.plan.device)


def _subtitle(profiled: Profiled) -> str:
    run, kernels, gaps = profiled.run, profiled.kernels, profiled.gaps
    around = f" ± {milliseconds(run.half)}" if run.half else ""
    return (
        f"a profiled inference {milliseconds(run.value)}{around} ms = operators {milliseconds(kernels.value)} + "
        f"between them {milliseconds(gaps.value)} ({share_in_words(gaps.value / run.value)})"
    )


def roof_in_words(roof: Roof) -> str:
    """What a machine can do at best."""
    best, near, far = roof.multiply_adds, roof.bytes[0], roof.bytes[-1]
    scatter = 100 * (best.per_s - best.low) / best.per_s
    return (
        f"Roof with {counted(roof.threads, 'thread')}, measured here: {2 * best.per_s / 1e9:.0f} GFLOP/s in float32 (a "
        f"product of matrices by {best.by}; the slowest process {scatter:.0f} % less), {near.per_s / 1e9:.0f} GB/s in "
        f"the nearest cache, {far.per_s / 1e9:.0f} GB/s in memory."
    )


def _notes(profiled: Profiled, parts: Sequence[Part]) -> Iterator[str]:
    processes, runs = counted(len(profiled.indices), "process", "processes"), counted(profiled.plan.runs, "run")
    yield (
        f"Means of {processes} of {runs}, and half of their 95 % interval. Shares are of the time of all operators. "
        "FLOPs are two a multiply-add."
    )
    if profiled.left_out >= _SHOWN_LEFT_OUT:
        fresh = ", and by more than fresh memory does" if profiled.options.runtime is Runtime.PYTORCH else ""
        yield (
            f"{percent(profiled.left_out)} of the durations are left out: something else on the machine has made them "
            f"more than half as long again as the others{fresh}."
        )
    if profiled.plan.device is Device.CUDA:
        yield _ON_GPU
    elif profiled.options.runtime is Runtime.PYTORCH:
        yield _PYTHON
    if profiled.cost is not None and profiled.without is not None:
        cost = f"{100 * (profiled.cost.ratio - 1):+.1f} % (± {100 * profiled.cost.half_width:.1f})"
        yield (
            f"Without the profiler an inference took {milliseconds(profiled.without.value)} ms in the same processes; "
            f"with it {cost}. 'effmod bench' times the network."
        )
    if profiled.has_modules:
        guessed = f", {percent(profiled.guessed)} by their neighbours alone" if profiled.guessed else ""
        yield f"{percent(profiled.attributed)} of the operators' time belongs to a module{guessed}."
    if profiled.roof is not None:
        yield roof_in_words(profiled.roof)
    named = {cause for row in parts for cause, share in row.causes.items() if share >= _CAUSE_SHARE}
    for cause, words in CAUSES.items():
        if cause in named:
            yield f"{cause}: {words}."


def _signed(count: int) -> Callable[[float], str]:
    return lambda value: f"{value:+.{count}f}"


_DIFFERENCES_FOR_PROGRAMS: tuple[Column[PartDifference], ...] = (
    Column(key="path", header="path", get=lambda row: row.path, detail=True),
    Column(key="depth", header="depth", get=lambda row: row.depth, detail=True),
    Column(key="low_ms", header="low ms", get=lambda row: row.difference.low, detail=True),
    Column(key="high_ms", header="high ms", get=lambda row: row.difference.high, detail=True),
)


_PAIRS = (
    "The mean of {pairs} of processes that followed each other, and half of its interval: of 95 % for the whole, and "
    "for the parts so much wider that all {parts} hold together as surely. The differences of parts add up to that of "
    "the whole."
)
_BETWEEN = (
    "What is between operators is no kernel's time: the profiler's own work, or of PyTorch mostly Python's, and it "
    "grows with their number. 'effmod compare' without --by times both without the profiler."
)

_ACROSS = (
    "Each side is told by its own runtime's profiler, which has names of its own for operators and kinds. Modules are "
    "the same for both; but an operator that a runtime has made of several modules' stands at one of them."
)
_AVERAGED = (
    "At least one of the two profilers tells means of all runs alone. So nothing is left out of either side that "
    "something else has made long: on a busy machine both are slow, and the intervals wide."
)


def _notes_across(before: Profiled, after: Profiled) -> Iterator[str]:
    """What to know of two runtimes beside each other."""
    yield _ACROSS
    if before.without is not None and after.without is not None:
        first, second = (milliseconds(each.without.value) for each in (before, after) if each.without is not None)
        yield f"Without the profilers, in the same processes, the first took {first} ms and the second {second} ms."
    if before.averaged:
        yield _AVERAGED


def difference_table(
    before: Profiled, after: Profiled, parts: Sequence[PartDifference], *, header: str, output_format: OutputFormat
) -> Table[PartDifference]:
    """Where two profiles differ.

    Args:
        header: of the parts' names.
        output_format: which decides how the tree is drawn; for programs there are more columns.
    """
    pairs = len(set(before.indices) & set(after.indices))
    return Table(
        rows=tuple(parts),
        columns=_difference_columns(header, output_format, decimals=_DECIMALS[before.plan.device]),
        title=f"first: {_title(before)}",
        subtitle=f"second: {_title(after)}",
        notes=(
            _PAIRS.format(pairs=counted(pairs, "pair"), parts=len(parts) - 1),
            _ON_GPU if before.plan.device is Device.CUDA else _BETWEEN,
            *(_notes_across(before, after) if before.options.runtime is not after.options.runtime else ()),
        ),
        name=_DIFFERENCE,
    )


def _difference_columns(
    header: str, output_format: OutputFormat, *, decimals: int = _DECIMALS[Device.CPU]
) -> tuple[Column[PartDifference], ...]:
    ms = digits(decimals)
    return (
        Column(key="name", header=header, get=lambda row: INDENT[output_format] * row.depth + row.name),
        Column(key="before_ms", header="first\nms", spare=1, get=lambda row: row.before_ms, show=ms),
        Column(key="after_ms", header="second\nms", spare=1, get=lambda row: row.after_ms, show=ms),
        Column(
            key="difference_ms",
            header="difference\nms",
            get=lambda row: row.difference.value,
            show=_signed(decimals),
        ),
        Column(key="half_ms", header="± ms", get=lambda row: _half(row.difference), show=ms),
        Column(key="verdict", header="the second is", get=lambda row: str(row.verdict)),
        *(() if INDENT[output_format] else _DIFFERENCES_FOR_PROGRAMS),
    )


def _processes(row: Profiled | Planned) -> int:
    return len(row.indices) if isinstance(row, Profiled) else 1


def _run_ms(row: Profiled | Planned) -> float | None:
    return row.run.value if isinstance(row, Profiled) else None


def _cost(row: Profiled | Planned) -> float | None:
    return row.cost.ratio - 1 if isinstance(row, Profiled) and row.cost is not None else None


def _mode(row: Profiled | Planned) -> str | None:
    """How it ran, where that was not as usual; of a plan, the processors that it was free to choose."""
    if isinstance(row, Profiled):
        return mode_in_words(row.options)
    units = row.plan.options.compute_units
    return f"compute units {units}" if units else None


def _basis(row: Profiled | Planned) -> str:
    return "estimated" if isinstance(row, Planned) else "measured"


PROFILES_COLUMNS: tuple[Column[Profiled | Planned], ...] = (
    Column(key="name", header="network", get=lambda row: row.artifact.name),
    Column(key="form", header="form", spare=1, get=lambda row: row.artifact.form),
    Column(key="run_id", header="run", get=lambda row: row.run_id),
    Column(key="runtime", header="by", spare=2, get=_ran_by),
    Column(key="threads", header="threads", spare=2, get=lambda row: row.environment.threads),
    Column(key="mode", header="mode", spare=1, get=_mode, fact=True),
    Column(key="processes", header="pro-\ncesses", spare=3, get=_processes),
    Column(key="run_ms", header="profiled\nms", get=_run_ms, show=milliseconds),
    Column(key="attributed", header="in\nmodules", spare=4, get=lambda row: row.attributed, show=percent),
    Column(
        key="cost",
        header="profiler's\ncost",
        spare=5,
        get=_cost,
        show=lambda x: f"{100 * x:+.1f} %",
    ),
    Column(key="basis", header="shares\nare", get=_basis),
)


def profiles_table(profiles: Sequence[Profiled | Planned]) -> Table[Profiled | Planned]:
    """The profiles that a store holds, plans among them."""
    return Table(
        rows=tuple(profiles),
        columns=PROFILES_COLUMNS,
        title="Profiles",
        notes=("One of them, part by part: effmod show STORE --run RUN",),
        name="profiles",
    )
