"""LN -> BN by its own teacher on real images: scikit-learn's 1,797 digits, each tried by a network that never saw it.

    python -m tests.benchmarks.digits [--store FOLDER] [--csv]

A small EfficientMod, five seeds, two folds of the images a seed. In each: the network with LayerNorms from scratch;
without them, from its weights and taught by it, in a tenth of the epochs; the same without the teacher, and from
scratch, in as many epochs; and from scratch in all of them. All of these are compared image by image, on the 1,797
images that they did not see. An interval holds 95 % of what 10,000 draws of images and of seeds give, both drawn
anew in each (with either alone it would be narrower).

Every fold's predictions are kept in the store's folder as soon as they are there, and what is there is not done again;
another state of the code that trains has a folder of its own. It ends with 1 where an aim was missed. With --csv it
writes digits_predictions.csv, digits.csv and digits.png beside this script. About eight minutes on one core.
"""

import argparse
import copy
import csv
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from timm.task import TrainingTask
from torch import Tensor, nn

import models
from models.training import ln_to_bn
from models.training.chance import Use, seed_all, seed_of
from models.training.loop import Run, train
from models.training.recipe import Averaging, Data, Recipe, Schedule, read_recipe
from models.training.steps import divide
from models.training.tasks import classification
from models.zoo.batch_normed import batch_normed
from models.zoo.identity import Identity
from models.zoo.spec import Preprocessing
from tests.benchmarks.figures import write_figures

HERE = Path(__file__)
NETWORK = "efficientmod_xxs(attention_depths=(0, 1), attention_mlp_ratios=(4, 4), depths=(2, 2), dims=(16, 32))"
CLASSES, SIZE, BATCH = 10, 32, 64
SEEDS, FOLDS = 5, 2
EPOCHS, FEW = 40, 4
MEAN, STD = 0.3, 0.37  # of the digits, from 0 to 1
ARMS = {
    "ln": ("LayerNorms, from scratch", EPOCHS),
    "start": ("LN -> BN, as it begins", 0),
    "taught": ("LN -> BN, its weights, taught by it", FEW),
    "untaught": ("LN -> BN, its weights, no teacher", FEW),
    "few": ("BatchNorms, from scratch", FEW),
    "bn": ("BatchNorms, from scratch", EPOCHS),
}
"""What is trained, in words, and for how many epochs."""
LEAST = 97
DRAWS = 10_000
CPU = torch.device("cpu")


class Digits:
    """The training images of a fold, moved, turned and scaled a little, in another order each epoch."""

    def __init__(self, images: Tensor, labels: Tensor, seed: int) -> None:
        self.images, self.labels, self.seed = images, labels, seed

    def __len__(self) -> int:
        return len(self.images) // BATCH

    def of_epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed_of(self.seed, Use.ORDER, epoch))
        order = torch.randperm(len(self.images), generator=generator)
        for batch in torch.split(order[: len(self) * BATCH], BATCH):
            yield _moved(self.images[batch], generator), self.labels[batch]


class Nothing:
    """No images to validate on: the loop looks at none while it learns."""

    def __len__(self) -> int:
        return 0

    def of_epoch(self, _epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(())


def _moved(x: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(len(x), 5, generator=generator) * 2 - 1
    angle, scale = 0.2 * drawn[:, 0], 1 + 0.12 * drawn[:, 1:3]
    theta = torch.zeros(len(x), 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = scale[:, 0] * angle.cos(), -angle.sin()
    theta[:, 1, 0], theta[:, 1, 1] = angle.sin(), scale[:, 1] * angle.cos()
    theta[:, :, 2] = 0.12 * drawn[:, 3:]
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def read_digits() -> tuple[Tensor, Tensor]:
    """Images (1797, 3, 32, 32), normalized, and their digits."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    found = load_digits()
    grey = torch.from_numpy(found.images).float()[:, None] / 16
    grey = F.interpolate(grey, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    return ((grey - MEAN) / STD).expand(-1, 3, -1, -1).contiguous(), torch.from_numpy(found.target).long()


def recipe_of(name: str, epochs: int) -> Recipe:
    """A recipe of effmod's, with what small grey images in small batches need otherwise."""
    base = read_recipe(HERE.parents[2] / "models" / "training" / f"{name}.toml").recipe
    schedule = Schedule(
        sched="cosine",
        num_epochs=epochs,
        warmup_epochs=epochs / 12,
        warmup_lr=1e-5,
        min_lr=1e-5,
        cooldown_epochs=0,
        step_on_epochs=False,
    )
    return msgspec.structs.replace(
        base,
        amp=False,
        data=Data(batch_size=BATCH, images_at_once=BATCH),
        optimizer=msgspec.structs.replace(base.optimizer, lr=LR[name]),
        schedule=schedule,
        mixing=msgspec.structs.replace(base.mixing, mixup_alpha=0.0, cutmix_alpha=0.0),
        averaging=Averaging(decay=0.9, use_warmup=False),
    )


LR = {"efficientmod": 3e-3, "layer_norm_to_batch_norm": 5e-3}


def learned(task: TrainingTask, recipe: Recipe, digits: Digits) -> nn.Module:
    """The network with the averaged weights after all epochs, in eval mode."""
    run = Run(
        identity=Identity(name=NETWORK, num_classes=CLASSES, image_size=SIZE),
        recipe=recipe,
        steps=divide(recipe.data, len(digits.images), 1),
        images=len(digits.images),
        seed=digits.seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        train(task, run, digits, Nothing(), Path(folder))
    averaged = task.get_eval_model(ema=True)
    assert averaged is not None
    return averaged.module.eval()


@torch.no_grad()
def said_of(network: nn.Module, images: Tensor) -> NDArray[np.int64]:
    return torch.cat([network(x).argmax(1) for x in torch.split(images, 256)]).numpy()


def with_layer_norms(digits: Digits, weights: Path) -> dict[str, nn.Module]:
    """The network with LayerNorms from scratch; its weights are kept for what it teaches."""
    network = models.create_model(NETWORK, num_classes=CLASSES)
    if weights.exists():
        network.load_state_dict(torch.load(weights, weights_only=True))
        return {"ln": network.eval()}
    seed_all(digits.seed)
    recipe = recipe_of("efficientmod", EPOCHS)
    first = models.create_model(NETWORK, num_classes=CLASSES)
    network = learned(classification(first, recipe, device=CPU), recipe, digits)
    torch.save(network.state_dict(), weights)
    return {"ln": network}


def from_its_weights(digits: Digits, weights: Path) -> dict[str, nn.Module]:
    """LN -> BN as it begins, and in few epochs with the teacher and without."""
    teacher = with_layer_norms(digits, weights)["ln"]
    start = batch_normed(teacher, SIZE)
    ln_to_bn.start_from(start, teacher, (x for x, _ in digits.of_epoch(EPOCHS)), image_size=SIZE)
    recipe = recipe_of("layer_norm_to_batch_norm", FEW)
    preprocessing = Preprocessing(mean=(MEAN,) * 3, std=(STD,) * 3)
    taught = ln_to_bn.distillation(
        copy.deepcopy(start), teacher, recipe, preprocessing=preprocessing, image_size=SIZE, device=CPU
    )
    untaught = classification(copy.deepcopy(start), recipe, device=CPU)
    tasks = {"taught": taught, "untaught": untaught}
    return {"start": start.eval()} | {arm: learned(task, recipe, digits) for arm, task in tasks.items()}


def in_few(digits: Digits, _: Path) -> dict[str, nn.Module]:
    return {"few": _from_scratch(digits, FEW)}


def in_all(digits: Digits, _: Path) -> dict[str, nn.Module]:
    return {"bn": _from_scratch(digits, EPOCHS)}


def _from_scratch(digits: Digits, epochs: int) -> nn.Module:
    recipe = recipe_of("efficientmod", epochs)
    seed_all(digits.seed)
    network = batch_normed(models.create_model(NETWORK, num_classes=CLASSES), SIZE)
    return learned(classification(network, recipe, device=CPU), recipe, digits)


PARTS = (with_layer_norms, from_its_weights, in_few, in_all)
"""What is done for each fold before the next is done for any."""


def run_all(store: Path) -> NDArray[np.int64]:
    """Predictions, (arm, seed, image)."""
    from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]

    images, labels = read_digits()
    said = np.full((len(ARMS), SEEDS, len(images)), -1)
    store.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        for seed in range(SEEDS):
            folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(images, labels)
            for fold, (seen, unseen) in enumerate(folds):
                name = f"seed-{seed}-fold-{fold}"
                path = store / f"{name}-{part.__name__}.npz"
                if not path.exists():
                    begin = time.process_time()
                    networks = part(Digits(images[seen], labels[seen], 100 * seed + fold), store / f"{name}.pth")
                    found = {arm: said_of(network, images[unseen]) for arm, network in networks.items()}
                    with path.with_suffix(".partial").open("wb") as file:
                        np.savez(file, **found)  # type: ignore[arg-type]
                    path.with_suffix(".partial").rename(path)
                    right = {arm: f"{(each == labels[unseen].numpy()).mean():.2%}" for arm, each in found.items()}
                    print(f"seed {seed}, fold {fold}: {right}, {time.process_time() - begin:.0f} s", flush=True)
                with np.load(path) as kept:
                    for number, arm in enumerate(ARMS):
                        if arm in kept:
                            said[number, seed, unseen] = kept[arm]
    return said


def difference(
    right: NDArray[np.bool_], other: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[float, float, float]:
    """How many more percent of the images are right, and the interval, in points.

    Args:
        right, other: (seed, image); each seed of both saw the same images in training.
    """
    d = right.astype(float) - other
    seeds, images = d.shape
    drawn = []
    for _ in range(DRAWS // 1000):
        by_seed = rng.multinomial(seeds, [1 / seeds] * seeds, size=1000)
        by_image = rng.multinomial(images, [1 / images] * images, size=1000)
        drawn.append(((by_seed @ d) * by_image).sum(1) / (seeds * images))
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    return 100 * float(d.mean()), 100 * float(low), 100 * float(high)


COMPARED = (
    ("taught", "ln", "not worse by more than 1 point", -1.0),
    ("taught", "few", "better", 0.0),
    ("taught", "untaught", "", None),
    ("taught", "bn", "", None),
)
"""What is set beside what, what the aim is, and above how many points the interval is then; for two there is none."""


def summary(said: NDArray[np.int64], labels: NDArray[np.int64]) -> list[dict[str, object]]:
    """A row for each network, then one for each comparison.

    Args:
        said: (arm, seed, image); -1 where it was not trained.
    """
    arms = list(ARMS)
    there = [arm for arm, each in zip(arms, said, strict=True) if (each >= 0).all()]
    right = {arm: said[arms.index(arm)] == labels for arm in there}
    rows: list[dict[str, object]] = []
    for arm in there:
        by_seed = 100 * right[arm].mean(1)
        rows.append(
            {
                "network": arm,
                "against": "",
                "what": ARMS[arm][0],
                "epochs": ARMS[arm][1],
                "top1_percent": f"{by_seed.mean():.2f}",
                "lowest_seed": f"{by_seed.min():.2f}",
                "highest_seed": f"{by_seed.max():.2f}",
                "difference_points": "",
                "low_points": "",
                "high_points": "",
                "aim": f"at least {LEAST} %" if arm == "ln" else "",
                "reached": bool(by_seed.mean() >= LEAST) if arm == "ln" else "",
            }
        )
    empty = dict.fromkeys(rows[0], "")
    for arm, other, aim, least in COMPARED:
        if other in there and arm in there:
            points, low, high = difference(right[arm], right[other], np.random.default_rng(0))
            rows.append(
                empty
                | {
                    "network": arm,
                    "against": other,
                    "difference_points": f"{points:+.2f}",
                    "low_points": f"{low:+.2f}",
                    "high_points": f"{high:+.2f}",
                    "aim": aim,
                    "reached": "" if least is None else bool(low > least),
                }
            )
    return rows


def write_predictions(path: Path, said: NDArray[np.int64], labels: NDArray[np.int64]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["digit", *(f"{arm}_{seed}" for arm in ARMS for seed in range(said.shape[1]))])
        for digit, each in zip(labels, said.reshape(-1, len(labels)).T, strict=True):
            writer.writerow([digit, *each])


def read_predictions(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What `write_predictions` has written: (arm, seed, image), and the digits."""
    table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.int64)
    return table[:, 1:].T.reshape(len(ARMS), -1, len(table)), table[:, 0]


def draw(said: NDArray[np.int64], labels: NDArray[np.int64], path: Path) -> None:
    """A point for each seed, and a line at their average."""
    from matplotlib.figure import Figure

    from results.colours import BLACK, VERMILLION
    from results.plots.picture import save
    from results.plots.style import PALETTE, WIDTH_IN, Page

    page = Page(WIDTH_IN)
    figure = Figure(figsize=(WIDTH_IN, WIDTH_IN * 0.3), layout="constrained")
    axes = figure.subplots()
    arms = [(arm, each) for arm, each in zip(ARMS, said, strict=True) if (each >= 0).all()]
    for place, (arm, each) in enumerate(arms):
        by_seed = 100 * (each == labels).mean(1)
        colour = VERMILLION if arm == "taught" else PALETTE[0]
        axes.plot(by_seed, [place] * len(by_seed), "o", color=colour, markersize=4, alpha=0.7)
        axes.plot([by_seed.mean()] * 2, [place - 0.3, place + 0.3], color=BLACK, linewidth=1.2)
    axes.set_yticks(range(len(arms)), [f"{ARMS[arm][0]}, {ARMS[arm][1]} epochs" for arm, _ in arms])
    axes.invert_yaxis()
    axes.set_xlabel("top-1 on digits that it did not see (%); a point is a seed", fontsize=page.font)
    axes.tick_params(labelsize=page.small)
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path)


def code_hash() -> str:
    """Of this script and of what trains: predictions of another state of them are not these."""
    files = [HERE, *sorted(HERE.parents[2].glob("models/training/*.*"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Path(tempfile.gettempdir()) / f"effmod-digits-{code_hash()}"
    parser.add_argument("--store", type=Path, default=usual, help=f"where predictions are kept ({usual})")
    parser.add_argument("--csv", action="store_true", help="write the figures and the picture beside this script")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    said = run_all(asked.store)
    labels = read_digits()[1].numpy()
    rows = summary(said, labels)
    for row in rows:
        print(*(value for value in row.values() if value != ""), sep="  ")
    if asked.csv:
        write_predictions(HERE.with_name("digits_predictions.csv"), said, labels)
        write_figures(__file__, rows)
        draw(said, labels, HERE.with_suffix(".png"))
    return 1 if any(row["reached"] is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
