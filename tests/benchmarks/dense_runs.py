"""Every detector and segmenter run on two images: whether it does all that is to be timed, and answers to its input.

Run it with `make check-dense`: about ten minutes on two cores, and 5 GB of memory. It writes
`tests/benchmarks/dense_runs.csv`, and ends with 1 where a target fails. An inference of which the box branch is not
given 1000 boxes, or the mask branch not 100, raises.
"""

import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn

from models.dense.build import count_dense, create_dense, create_filled_dense
from models.dense.spec import DenseSpec, Mode, list_dense
from models.zoo.images import natural_images

_TABLE = Path(__file__).with_name("dense_runs.csv")


def main() -> None:
    torch.set_num_threads(1)
    failed = []
    with _TABLE.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["target", "params", "macs", "attention_macs", "least_change", "result"])
        for filled in list_dense():
            if filled.mode is Mode.DUMMY:
                continue  # it has the weights of the other mode
            for spec, model in with_both_modes(filled):
                counted = count_dense(spec)
                began_s = time.process_time()
                try:
                    change, result = f"{least_change(spec, model):.2f}", "ok"
                except (RuntimeError, FloatingPointError) as error:
                    failed.append(spec.name)
                    change, result = "", str(error)
                table.writerow([spec.name, counted.params, counted.macs, counted.attention_macs, change, result])
                print(f"{spec.name:46} {(time.process_time() - began_s) / 2:.2f} CPU s, {change} {result}", flush=True)
    print(f"{_TABLE.name} written; failed: {', '.join(failed) or 'none'}")
    sys.exit(bool(failed))


def with_both_modes(spec: DenseSpec) -> Iterator[tuple[DenseSpec, nn.Module]]:
    """A target with its weights, and its other mode with the same."""
    model, _ = create_filled_dense(spec)
    yield spec, model
    if spec.mode is not None:
        dummy = msgspec.structs.replace(spec, mode=Mode.DUMMY)
        with torch.device("meta"):
            other = create_dense(dummy)
        other.load_state_dict(model.state_dict(), assign=True)
        yield dummy, other


@torch.inference_mode()
def least_change(spec: DenseSpec, model: nn.Module) -> float:
    """By how much an output changes with the image, at least of all outputs, over its largest value.

    Raises:
        RuntimeError: the inference is not the one that is to be timed.
        FloatingPointError: an output holds NaN or infinity.
    """
    first, second = (outputs(model(torch.from_numpy(x[None]))) for x in natural_images(2, (spec.height, spec.width)))
    for name, x in (first | second).items():
        if not torch.isfinite(x).all():
            raise FloatingPointError(f"output {name!r} holds NaN or infinity")
    return min(float((first[name] - second[name]).abs().max() / first[name].abs().max()) for name in first)


def outputs(found: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
    return {"logits": found} if isinstance(found, Tensor) else found


if __name__ == "__main__":
    main()
