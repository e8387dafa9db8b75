"""Count every network of the zoo again and write its figures into zoo.json: `python -m tests.models.recount`."""

import functools
import re
import time
from pathlib import Path
from unittest import mock

import torch
from timm.layers import weight_init
from torch import nn

import models
from models import Complexity, ModelSpec


def without_values(spec: ModelSpec, image_size: int) -> nn.Module:
    """A network of the zoo in its shapes alone: to fill it with weights would take most of the time."""
    linspace = functools.partial(torch.linspace, device="cpu")  # its values are read
    with (
        torch.device("meta"),
        mock.patch.object(torch, "linspace", linspace),
        mock.patch.object(weight_init, "_trunc_normal_", lambda tensor, *_: tensor),  # six operators on nothing
    ):
        return models.create_model(spec.name, image_size=image_size)


def recount(spec: ModelSpec) -> Complexity:
    """Build a network of the zoo and count it at its own image size."""
    return models.count(without_values(spec, spec.image_size), spec.image_size)


def rewrite(zoo: str, spec: ModelSpec, complexity: Complexity) -> str:
    """The zoo's text with one network's figures in place of what stands there."""
    row = re.compile(rf'("name": "{spec.name}",[^{{}}]*?"params": )\d+(,\s*"macs": )\d+')
    zoo, found = row.subn(rf"\g<1>{complexity.params}\g<2>{complexity.macs}", zoo)
    assert found == 1, f"{spec.name} has {found} rows with params and macs in zoo.json"
    return zoo


def main() -> None:
    path = Path(models.__file__).with_name("zoo.json")
    zoo = path.read_text()
    start = time.perf_counter()
    for spec in models.list_models():
        complexity = recount(spec)
        zoo = rewrite(zoo, spec, complexity)
        changed = "" if (complexity.params, complexity.macs) == (spec.params, spec.macs) else "  (changed)"
        print(f"{spec.name:32}{complexity.params / 1e6:8.3f} M{complexity.macs / 1e9:8.4f} G{changed}")
    path.write_text(zoo)
    print(f"{len(models.list_models())} networks in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
