"""Runtimes that can be timed, one file each."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from results import SessionFacts


class Session(Protocol):
    """An artifact loaded into a runtime, its inputs and outputs bound."""

    def run(self) -> object:
        """One inference. What is timed, so it does nothing else."""
        ...

    def outputs(self) -> dict[str, npt.NDArray[np.generic]]:
        """What the last inference gave, by name."""
        ...

    def facts(self) -> SessionFacts:
        """How the runtime really runs it, read back from the runtime."""
        ...
