"""What timm's factories give for the authors' command line, and what `effmod train` gives: value by value.

    python -m tests.benchmarks.recipe_values          # writes tests/benchmarks/recipe_values.csv

The authors' train.py is timm 0.6.11's with other defaults, which stand below under the names of its options; what
turns options into arguments of timm's factories are timm's own functions, and the calls that every train.py of timm's
makes. Nothing of it comes from our recipe. Augmentation is compared on eight fixed images, drawn from the same seeds;
the loss on fixed scores. `make check-recipe` runs it; a test holds it.
"""

import argparse
import csv
import hashlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from timm.data import FastCollateMixup, create_transform
from timm.data.random_erasing import RandomErasing
from timm.loss import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2, optimizer_kwargs
from timm.scheduler import create_scheduler_v2, scheduler_kwargs
from torch import nn

from models import create_model, find_model
from models.training.chance import drawing_from
from models.training.data import Images, Split, training_batches
from models.training.loop import Run, _State
from models.training.recipe import Recipe, recipe_of
from models.training.steps import divide
from models.training.tasks import classification, distillation
from models.training.world import World
from models.zoo.identity import Identity
from models.zoo.spec import Preprocessing

FILE = Path(__file__).with_suffix(".csv")
NETWORKS = ("efficientmod_xxs", "efficientmod_xs", "efficientmod_s", "efficientmod_s_conv")
IMAGENET = 1281167
PROCESSES = 8

# README: train_distill.py --data {path} --model {model} -b 256 --lr 4e-3 --amp --model-ema --distillation-type soft
# --distillation-tau 1; the rest is train.py's defaults.
AUTHORS = SimpleNamespace(
    batch_size=256,
    lr=4e-3,
    distillation_tau=1.0,
    distillation_alpha=0.9,
    model_ema_decay=0.9998,
    opt="adamw",
    opt_eps=None,
    opt_betas=None,
    momentum=0.9,
    weight_decay=0.05,
    layer_decay=None,
    sched="cosine",
    lr_noise=None,
    lr_cycle_mul=1.0,
    lr_cycle_decay=0.5,
    lr_cycle_limit=1,
    lr_k_decay=1.0,
    warmup_lr=1e-6,
    min_lr=1e-5,
    epochs=300,
    decay_epochs=100,
    warmup_epochs=5,
    cooldown_epochs=10,
    patience_epochs=10,
    decay_rate=0.1,
    scale=[0.08, 1.0],
    ratio=[3 / 4, 4 / 3],
    hflip=0.5,
    vflip=0.0,
    color_jitter=0.4,
    aa="rand-m9-mstd0.5-inc1",
    train_interpolation="random",
    reprob=0.25,
    remode="pixel",
    recount=1,
    mixup=0.8,
    cutmix=1.0,
    mixup_prob=1.0,
    mixup_switch_prob=0.5,
    mixup_mode="batch",
    smoothing=0.1,
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One value: of timm's for the authors' command line, and ours."""

    part: str
    name: str
    authors: str
    effmod: str


def rows(networks: Sequence[str] = NETWORKS) -> Iterator[Row]:
    """Everything that is compared; the optimizer's groups of these networks."""
    recipe = recipe_of(NETWORKS[0], "efficientmod").recipe
    for name in networks:
        yield from _optimizer(name)
    yield from _schedule(recipe)
    yield from _augmentation(recipe)
    yield from _loss(recipe)
    yield Row(
        part="averaging", name="decay", authors=repr(AUTHORS.model_ema_decay), effmod=repr(recipe.averaging.decay)
    )
    steps = divide(recipe.data, IMAGENET, PROCESSES)
    yield Row(part="steps", name="images a process", authors=repr(AUTHORS.batch_size), effmod=repr(steps.at_once))
    in_epoch = IMAGENET // PROCESSES // AUTHORS.batch_size
    yield Row(part="steps", name="in an epoch", authors=repr(in_epoch), effmod=repr(steps.in_epoch))


def _state(network: nn.Module, recipe: Recipe) -> _State:
    """Ours, as the loop makes it."""
    run = Run(
        identity=Identity(name="", num_classes=1000, image_size=224),
        recipe=recipe,
        steps=divide(recipe.data, IMAGENET, PROCESSES),
        images=IMAGENET,
    )
    return _State(classification(network, recipe, device=torch.device("cpu")), run)


def _optimizer(name: str) -> Iterator[Row]:
    network = create_model(name)
    theirs = create_optimizer_v2(network, **optimizer_kwargs(cfg=AUTHORS))
    ours = _state(network, recipe_of(name, find_model(name).family).recipe).optimizer
    names = {id(parameter): each for each, parameter in network.named_parameters()}
    yield Row(part="optimizer", name=f"{name} class", authors=type(theirs).__name__, effmod=type(ours).__name__)
    assert len(theirs.param_groups) == len(ours.param_groups)
    for number, pair in enumerate(zip(theirs.param_groups, ours.param_groups, strict=True)):
        told = [_group(group, names) for group in pair]
        assert told[0].keys() == told[1].keys()
        for key, value in told[0].items():
            yield Row(part="optimizer", name=f"{name} group {number} {key}", authors=value, effmod=told[1][key])


def _group(group: dict[str, Any], names: dict[int, str]) -> dict[str, str]:
    """The values of a group, without the rate, which the schedule has set in one of the two already."""
    whose = [names[id(parameter)] for parameter in group["params"]]
    listed = hashlib.sha256("\n".join(whose).encode()).hexdigest()[:12]
    values = {key: repr(value) for key, value in group.items() if key not in ("params", "lr")}
    return {"parameters": f"{len(whose)} ({listed})", "initial_lr": repr(group.get("initial_lr", group["lr"]))} | values


def _schedule(recipe: Recipe) -> Iterator[Row]:
    network = nn.Linear(2, 2)
    optimizer = create_optimizer_v2(network, **optimizer_kwargs(cfg=AUTHORS))
    scheduler, epochs = create_scheduler_v2(optimizer, **scheduler_kwargs(AUTHORS))
    state = _state(nn.Linear(2, 2), recipe)
    yield Row(part="schedule", name="epochs", authors=repr(epochs), effmod=repr(recipe.schedule.epochs))
    for epoch in range(epochs):
        if epoch:
            scheduler.step(epoch)  # theirs: at the end of the epoch before
        state.scheduler.step(epoch)
        state.scheduler.step_update(epoch * state.run.steps.in_epoch)
        rates = [repr(float(each.param_groups[0]["lr"])) for each in (optimizer, state.optimizer)]
        yield Row(part="schedule", name=f"rate of epoch {epoch}", authors=rates[0], effmod=rates[1])


def _pictures(folder: Path) -> list[tuple[str, int]]:
    """Eight photograph-like images: smooth colours with noise, of several shapes."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(8):
        height, width = 180 + 30 * number, 400 - 20 * number
        y, x = np.mgrid[:height, :width]
        waves = np.stack([np.sin(x / (20 + 7 * c + number)) * np.cos(y / (15 + 5 * c)) for c in range(3)], axis=-1)
        pixels = np.clip(128 + 90 * waves + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        samples.append((str(path), number * 100))
    return samples


def _augmentation(recipe: Recipe) -> Iterator[Row]:
    """Each image, all of them mixed, and erased."""
    usual = Preprocessing()
    with tempfile.TemporaryDirectory() as folder:
        samples = _pictures(Path(folder))
        images = Images(
            classes=tuple(map(str, range(1000))),
            train=Split(folder=Path(folder), samples=tuple(samples)),
            val=Split(folder=Path(folder), samples=()),
        )
        loaded = training_batches(
            images,
            recipe,
            usual,
            image_size=224,
            batch_size=8,
            seed=0,
            workers=0,
            device=torch.device("cpu"),
            world=World(),
        )
        transform = create_transform(
            (3, 224, 224),
            is_training=True,
            use_prefetcher=True,
            scale=AUTHORS.scale,
            ratio=AUTHORS.ratio,
            hflip=AUTHORS.hflip,
            vflip=AUTHORS.vflip,
            color_jitter=AUTHORS.color_jitter,
            auto_augment=AUTHORS.aa,
            interpolation=AUTHORS.train_interpolation,
            mean=usual.mean,
            std=usual.std,
            re_prob=AUTHORS.reprob,
            re_mode=AUTHORS.remode,
            re_count=AUTHORS.recount,
        )
        changed: list[tuple[Any, int]] = []
        for number, (path, target) in enumerate(samples):
            with Image.open(path) as file:
                picture = file.convert("RGB")
            found = []
            for each in (transform, loaded.photographs.transform):
                with drawing_from(100 + number):
                    found.append(each(picture))
            changed.append((found[0], target))
            yield _of_pixels(f"image {number}", *found)
    collate = FastCollateMixup(
        mixup_alpha=AUTHORS.mixup,
        cutmix_alpha=AUTHORS.cutmix,
        cutmix_minmax=None,
        prob=AUTHORS.mixup_prob,
        switch_prob=AUTHORS.mixup_switch_prob,
        mode=AUTHORS.mixup_mode,
        label_smoothing=AUTHORS.smoothing,
        num_classes=1000,
    )
    for seed in range(4):
        with drawing_from(seed):
            theirs = collate([(pixels.clone(), target) for pixels, target in changed])
        ours = loaded._loader.loader.collate_fn([(pixels.clone(), target, seed) for pixels, target in changed])
        yield _of_pixels(f"batch {seed} mixed", theirs[0], ours[0])
        yield _of_pixels(f"batch {seed} classes", theirs[1], ours[1])
        erase = RandomErasing(AUTHORS.reprob, mode=AUTHORS.remode, max_count=AUTHORS.recount, device="cpu")
        erased = []
        for each in (erase, loaded._loader.random_erasing):
            with drawing_from(seed):
                erased.append(each(theirs[0].float()))
        yield _of_pixels(f"batch {seed} erased", *erased)


def _of_pixels(name: str, theirs: torch.Tensor, ours: torch.Tensor) -> Row:
    """The mean for people, the hash for every bit."""

    def told(x: torch.Tensor) -> str:
        digest = hashlib.sha256(np.ascontiguousarray(x.numpy()).tobytes()).hexdigest()[:12]
        return f"{tuple(x.shape)} mean {float(x.double().mean()):.6f} ({digest})"

    return Row(part="augmentation", name=name, authors=told(theirs), effmod=told(ours))


class _Fixed(nn.Module):
    """Gives the same scores for any images."""

    def __init__(self, scores: torch.Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores + 0 * x.mean()


def _loss(recipe: Recipe) -> Iterator[Row]:
    generator = torch.Generator().manual_seed(0)
    scores, taught = (torch.randn(8, 1000, generator=generator) for _ in range(2))
    classes = torch.arange(8) * 100
    target = FastCollateMixup(label_smoothing=AUTHORS.smoothing, mixup_alpha=AUTHORS.mixup, num_classes=1000)
    with drawing_from(0):
        _, mixed = target([(torch.zeros(3, 4, 4, dtype=torch.uint8), int(place)) for place in classes])
    x, usual, cpu = torch.zeros(8, 3, 4, 4), Preprocessing(), torch.device("cpu")
    base = SoftTargetCrossEntropy()(scores, mixed)
    ours = classification(_Fixed(scores), recipe, device=cpu)(x, mixed)["loss"]
    yield Row(part="loss", name="of the classes", authors=repr(float(base)), effmod=repr(float(ours.detach())))
    # Theirs, of DeiT's code: batchmean over the KL divergence of logarithms, at temperature tau, times its square.
    tau, alpha = AUTHORS.distillation_tau, AUTHORS.distillation_alpha
    divergence = F.kl_div(
        F.log_softmax(scores / tau, dim=1), F.log_softmax(taught / tau, dim=1), reduction="sum", log_target=True
    )
    soft = base * (1 - alpha) + divergence * tau**2 / len(scores) * alpha
    task = distillation(
        _Fixed(scores), _Fixed(taught), recipe, preprocessing=usual, teacher_preprocessing=usual, device=cpu
    )
    taught_loss = float(task(x, mixed)["loss"].detach())
    yield Row(part="loss", name="distilled, to six digits", authors=f"{float(soft):.6g}", effmod=f"{taught_loss:.6g}")


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = list(rows())
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row.__struct_fields__)
        writer.writerows(msgspec.structs.astuple(row) for row in found)
    others = [row for row in found if row.authors != row.effmod]
    for row in others:
        print(f"{row.part}: {row.name}: {row.authors} of the authors', {row.effmod} of ours")
    print(f"{len(found) - len(others)} of {len(found)} values are equal")
    return 1 if others else 0


if __name__ == "__main__":
    sys.exit(main())
