"""Which distributions have a hand in a file, and which versions of them are installed.

Versions are read from the distributions' metadata: importing torch takes seconds.
"""

import importlib.metadata
from collections.abc import Iterable

NETWORK = ("torch", "torchvision", "timm")
"""What builds a network and computes with it."""

PROOF = ("onnxruntime-gpu", "onnxruntime", "numpy")
"""What compares a file with what it was made of. The first two install the same files; a platform has one of them."""


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of those distributions that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def versions_of_makers(*makers: str) -> dict[str, str]:
    """What the sidecar of a file that was proved says of versions: effmod's own, the makers', and the proof's."""
    return installed_versions(("effmod-bench", *makers, *PROOF))
