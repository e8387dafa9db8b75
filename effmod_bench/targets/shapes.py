"""The shapes that are fed to a user's own file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from effmod_bench.errors import TargetError

Declared = Sequence[int | str] | None
"""What a file says of an input's shape: names, or `?`, for open dimensions; None where it says nothing."""

_NAMELESS = "?"


def sizes_by_name(
    declared: Mapping[str, Declared], given: Mapping[str, tuple[int, ...]], batch_size: int, *, path: Path
) -> dict[str, int]:
    """The sizes of open dimensions that have names, which are the same wherever a name stands.

    Args:
        declared: of each input.
        given: of those inputs whose shape the user gave.
        batch_size: of what stands first in an input whose shape was not given.

    Raises:
        TargetError: what was given has two sizes for one name.
    """
    sizes: dict[str, int] = {}
    for name, shape in declared.items():
        if shape and name not in given and isinstance(shape[0], str):
            sizes[shape[0]] = batch_size
    said: dict[str, tuple[str, int]] = {}
    for name, found in given.items():
        for dim, size in zip(declared.get(name) or (), found, strict=False):
            if not isinstance(dim, str) or dim == _NAMELESS:
                continue
            other, before = said.setdefault(dim, (name, size))
            if before != size:
                inputs = f"inputs {other!r} and {name!r}" if other != name else f"two dimensions of input {name!r}"
                raise TargetError(
                    f"{path}: {inputs} share the dimension {dim!r}, which has one size in all inputs, and "
                    f"--input-shape gives {before} and {size}"
                )
    sizes |= {dim: size for dim, (_, size) in said.items()}
    sizes.pop(_NAMELESS, None)
    return sizes


def resolve_shape(
    name: str,
    declared: Declared,
    given: tuple[int, ...] | None,
    *,
    path: Path,
    batch_size: int,
    sizes: Mapping[str, int] | None = None,
) -> tuple[int, ...]:
    """The shape to feed to one input of a user's own file, which declares None where it does not say.

    What the user gave must fit what the file declares. Without it, an open first dimension is the batch, and
    any other open one is refused by name.

    Args:
        sizes: of open dimensions that other inputs have, too, by name.

    Raises:
        TargetError: a dimension is open or 0, or the given shape does not fit the file, or the batch size.
    """
    if declared is None:
        if given is None:
            raise TargetError(f"{path}: input {name!r} has no shape; give it, as in --input-shape {name}:1,3,224,224")
        declared = given
    text = ",".join(map(str, declared))
    if 0 in declared:
        raise TargetError(f"{path}: input {name!r} has shape {text}, which holds nothing: there is nothing to compute")
    if given is not None:
        if len(given) != len(declared) or any(
            isinstance(d, int) and d != g for d, g in zip(declared, given, strict=False)
        ):
            raise TargetError(
                f"{path}: input {name!r} has shape {text}, and --input-shape gives {','.join(map(str, given))}"
            )
        if batch_size != 1 and given and given[0] != batch_size:
            raise TargetError(
                f"{path}: for input {name!r} --input-shape gives {','.join(map(str, given))}, a batch of {given[0]}, "
                f"and --batch-size gives {batch_size}; leave --batch-size out"
            )
        return given
    if sizes:
        declared = [sizes.get(dim, dim) if isinstance(dim, str) else dim for dim in declared]
    open_dims = [d for i, d in enumerate(declared) if isinstance(d, str) and i > 0]
    if open_dims:
        example = ",".join(
            str(d) if isinstance(d, int) else str(batch_size) if i == 0 else "224" for i, d in enumerate(declared)
        )
        raise TargetError(
            f"{path}: input {name!r} has shape {text}, whose dimensions {', '.join(map(str, open_dims))} are open; "
            f"give its shape, as in --input-shape {name}:{example}"
        )
    if declared and batch_size != 1 and declared[0] != batch_size and not isinstance(declared[0], str):
        raise TargetError(
            f"{path}: input {name!r} has shape {text}, a fixed batch, and --batch-size gives {batch_size}"
        )
    return tuple(batch_size if isinstance(d, str) else d for d in declared)
