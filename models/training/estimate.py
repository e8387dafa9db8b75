"""About how long an epoch takes, from a few images."""

import itertools
import time

import torch
from timm.task import TrainingTask

from models.training.data import Photographs
from models.training.loop import Run

_ON_A_CPU = 8  # images that are computed to know; a GPU gets as many as it will have at once
_READ = 16


def seconds_an_epoch(task: TrainingTask, run: Run, photographs: Photographs, *, workers: int, classes: int) -> float:
    """What computing or reading takes, whichever is longer; validation is left out.

    Args:
        workers: processes that read images meanwhile.
    """
    images = run.steps.in_epoch * run.recipe.data.batch_size / run.world.size
    return images * max(_computing(task, run, classes), _reading(photographs) / max(1, workers))


def _computing(task: TrainingTask, run: Run, classes: int) -> float:
    """Seconds an image, forwards and back."""
    count = run.steps.at_once if run.device.type == "cuda" else min(_ON_A_CPU, run.steps.at_once)
    size = run.identity.image_size
    x = torch.randn(count, 3, size, size, device=run.device)
    target = torch.randint(classes, (count,), device=run.device)
    if run.recipe.mixing.is_on:
        target = torch.nn.functional.one_hot(target, classes).float()
    task.train()
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        with torch.autocast(run.device.type, dtype=torch.float16, enabled=run.recipe.amp and run.device.type == "cuda"):
            loss = task(x, target)["loss"]
        loss.backward()
        float(loss.detach())  # waits for a GPU
        times.append(time.perf_counter() - begin)
    return min(times) / count


def _reading(photographs: Photographs) -> float:
    """Seconds an image."""
    some = list(itertools.islice(range(0, len(photographs), max(1, len(photographs) // _READ)), _READ))
    begin = time.perf_counter()
    for place in some:
        photographs[place]
    return (time.perf_counter() - begin) / len(some)
