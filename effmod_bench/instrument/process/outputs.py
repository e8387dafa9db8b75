"""What the two of a pair gave, side by side; through files, where each had a process of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Outputs = Mapping[str, npt.NDArray[np.generic]]


def save(outputs: "Outputs", path: str) -> None:
    """Write outputs, in their order, to an .npz file."""
    import numpy as np

    with Path(path).open("wb") as file:
        # By their places, since a name may be any text.
        np.savez(file, *outputs.values(), names=np.array([*outputs], dtype=np.str_))


def load(path: Path) -> "Outputs":
    """What `save` wrote."""
    import numpy as np

    with np.load(path) as saved:
        return {str(name): saved[f"arr_{place}"] for place, name in enumerate(saved["names"])}


def relative_error(expected: "Outputs", found: "Outputs") -> float | None:
    """The largest difference of any output value, over the largest value of that output; None for others, or none.

    An output is known by its name; of runtimes that call some by another, by its place.
    """
    import numpy as np

    if expected.keys() != found.keys() and len(expected) == len(found):
        found = dict(zip(expected, found.values(), strict=True))
    if not expected or {name: x.shape for name, x in expected.items()} != {name: x.shape for name, x in found.items()}:
        return None
    errors = []
    for name, x in expected.items():
        a, b = x.astype(np.float64), found[name].astype(np.float64)
        difference, largest = float(np.abs(a - b).max(initial=0.0)), float(np.abs(a).max(initial=0.0))
        errors.append(difference / largest if largest else np.inf if difference else 0.0)
    return float(np.max(errors))  # one that is no number stays one
