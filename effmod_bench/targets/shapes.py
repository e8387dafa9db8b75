"""The shapes that are fed to a user's own file."""

from collections.abc import Sequence
from pathlib import Path

from effmod_bench.errors import TargetError


def resolve_shape(
    name: str,
    declared: Sequence[int | str] | None,
    given: tuple[int, ...] | None,
    *,
    path: Path,
    batch_size: int,
) -> tuple[int, ...]:
    """The shape to feed to one input of a user's own file, which declares None where it does not say.

    What the user gave must fit what the file declares. Without it, an open first dimension is the batch, and
    any other open one is refused by name.

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
