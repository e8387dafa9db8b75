"""What several stores are called beside each other."""

import itertools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def by_name(stores: Iterable[Path]) -> dict[str, Path]:
    """Folders by their names, each once, without what lies above, which is nobody's affair; counted where alike."""
    once: dict[Path, Path] = {}
    for path in stores:
        once.setdefault(path.resolve(), path)
    folders = list(once.values())
    names = [path.name or "store" for path in once]
    alike = Counter(names)
    found: dict[str, Path] = {}
    for name, path in zip(names, folders, strict=True):
        counted = (f"{name} ({number})" for number in itertools.count(1))
        label = name if alike[name] == 1 else next(each for each in counted if each not in {*found, *names})
        found[label] = path
    return found
