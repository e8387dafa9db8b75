"""What software several machines have that measure for one run, and where it differs."""

from collections.abc import Mapping

from results import Machine


def versions_of(machine: Machine) -> dict[str, str]:
    """What may make a difference to times: Python, and packages by their names."""
    return {**machine.versions, **machine.gpu_versions}


def differences(machines: Mapping[str, Machine]) -> list[str]:
    """What differs, a line each, such as "torch: 2.11 on A100 1, 2.12 on A100 2".

    Args:
        machines: by the names of the places.
    """
    versions = {place: versions_of(machine) for place, machine in machines.items()}
    packages = sorted({package for each in versions.values() for package in each})
    found = []
    for package in packages:
        by_version: dict[str, list[str]] = {}
        for place, each in versions.items():
            by_version.setdefault(each.get(package, "none"), []).append(place)
        if len(by_version) > 1:
            found.append(f"{package}: " + "; ".join(f"{v} on {', '.join(p)}" for v, p in by_version.items()))
    return found
