"""What the operators of a profile are: laid on the modules of the file, or of the network, that was run."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument.process.messages import Profiled, Seen
from effmod_bench.instrument.sessions.registry import ROWS
from effmod_bench.instrument.subject import Subject
from effmod_bench.isolation.apart import apart, end
from effmod_bench.options.profile import By
from exporters.stage import Stage
from results import Joined, ProfiledOperator, Runtime


class Describer:
    """Lays profiles on the modules of what a runtime ran. Each file is read once for each."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Runtime, frozenset[str]], dict[str, ProfiledOperator]] = {}

    def __call__(
        self, subject: Subject, runtime: Runtime, optimized: Path, profiled: Profiled
    ) -> tuple[ProfiledOperator, ...]:
        if ROWS[runtime].runs_network:
            return tuple(_described(seen, module=seen.module) for seen in profiled.operators)
        key = subject.artifact.sha256, runtime, frozenset(seen.name for seen in profiled.operators)
        if key not in self._known:
            by_values = describe_package if runtime is Runtime.COREML else describe_origins
            laid = describe if runtime is Runtime.ONNXRUNTIME else by_values
            work = functools.partial(laid, subject.path, optimized, profiled.operators)
            described = apart(work, what=subject.path.name, stage=Stage.LOADING)
            end()  # it would be in the way of the next process
            self._known[key] = {operator.name: operator for operator in described}
        return tuple(self._known[key][seen.name] for seen in profiled.operators)


def check_names(file: Path, by: By | None) -> None:
    """Refuse a file that does not name what is asked for.

    Raises:
        TargetError: it names none of its operators, or no modules although those are asked for.
        ArtifactError: it cannot be read.
    """
    from exporters.onnx.runtime_graph import read_names

    names = read_names(file)
    if not names.is_named and by is not By.KIND:
        raise TargetError(
            f"no operator of {file.name} has a name, so none can be told from others of its kind: --by kind shows what "
            "each kind takes; or export it with names"
        )
    if not names.has_modules and by is By.MODULE:
        raise TargetError(
            f"{file.name} names no modules: it has no sidecar of effmod's that does, and its operators have no paths; "
            "--by operator shows them, and 'effmod export' notes the modules of what it exports"
        )


def check_package_names(package: Path, by: By | None) -> None:
    """Refuse a package that does not name the modules that are asked for.

    Raises:
        TargetError: it does not.
        ArtifactError: its sidecar cannot be read.
    """
    if by is By.MODULE and not _modules_of_package(package):
        raise TargetError(
            f"{package.name} names no modules: it has no sidecar of effmod's that does; --by operator shows its "
            "operators, and 'effmod export --format coreml' notes the modules of what it exports"
        )


def describe(file: Path, optimized: Path, operators: Sequence[Seen]) -> tuple[ProfiledOperator, ...]:
    """What the operators of a profile are, by the graph that the runtime ran.

    Raises:
        ArtifactError: the file or the graph cannot be read.
    """
    from exporters.onnx.runtime_graph import read_runtime_graph

    graph = read_runtime_graph(
        file, optimized, {seen.name: (seen.input_shapes, seen.output_shapes) for seen in operators}
    )
    found = []
    for seen in operators:
        known = graph.get(seen.name)
        reads, writes = known.moves if known else (1.0, 1.0)
        found.append(
            ProfiledOperator(
                name=seen.name,
                kind=seen.kind,
                provider=seen.provider,
                module=known.module if known else None,
                joined=Joined(known.joined) if known and known.joined else None,
                origin=known.origin if known else None,
                output_shape=seen.output_shapes[0] if seen.output_shapes else (),
                macs=known.macs if known else 0,
                input_bytes=round(reads * seen.input_bytes),
                output_bytes=round(writes * seen.output_bytes),
                weight_bytes=known.weight_bytes if known else 0,
                unaligned=known is not None and known.unaligned,
                depthwise=known is not None and known.depthwise,
            )
        )
    return tuple(found)


def describe_origins(file: Path, _: Path, operators: Sequence[Seen]) -> tuple[ProfiledOperator, ...]:
    """What the operators of a profile are, where the runtime tells what of the file they were made for.

    Raises:
        ArtifactError: the file cannot be read.
    """
    from exporters.onnx.runtime_graph import read_modules

    return _laid(operators, read_modules(file))


def describe_package(package: Path, _: Path, operators: Sequence[Seen]) -> tuple[ProfiledOperator, ...]:
    """What the operators of a Core ML package's plan are.

    Raises:
        ArtifactError: its sidecar cannot be read.
    """
    return _laid(operators, _modules_of_package(package))


def _modules_of_package(package: Path) -> Mapping[str, str]:
    """The modules of its values, as its sidecar tells; a package itself tells none."""
    from exporters.artifact.sidecar import read_sidecar

    sidecar = read_sidecar(package)
    return sidecar.module_by_name if sidecar is not None else {}


def _laid(operators: Sequence[Seen], modules: Mapping[str, str]) -> tuple[ProfiledOperator, ...]:
    """Operators by the values that they were made for, or else by those around them.

    Args:
        modules: by the names of values.
    """
    from exporters.onnx.runtime_graph import module_of

    found = []
    for seen in operators:
        module = module_of(seen.origins, modules)
        if module is None:  # of a value whose module the file does not tell
            guess = module_of(seen.around, modules)
            found.append(_described(msgspec.structs.replace(seen, joined=Joined.NEIGHBOURS), module=guess))
            continue
        origin = seen.origins[-1] if seen.joined is not Joined.NEIGHBOURS else None
        found.append(_described(seen, module=module, origin=origin))
    return tuple(found)


def _described(seen: Seen, *, module: str | None, origin: str | None = None) -> ProfiledOperator:
    return ProfiledOperator(
        name=seen.name,
        kind=seen.kind,
        provider=seen.provider,
        module=module,
        joined=seen.joined if module is not None else None,
        origin=origin,
        output_shape=seen.output_shapes[0] if seen.output_shapes else (),
        macs=seen.macs,
        input_bytes=seen.input_bytes,
        output_bytes=seen.output_bytes,
        weight_bytes=seen.weight_bytes,
        depthwise=seen.depthwise,
    )
