"""The loop: epochs of steps, each tried on the validation images and kept before the next one begins."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import torch
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.task import TrainingTask
from timm.utils import distribute_bn, unwrap_model
from torch import Tensor, nn

from models.training import checkpoints
from models.training.chance import Use, seed_all, seed_of
from models.training.checkpoints import BEST, LAST
from models.training.data import NO_CLASS, Batches
from models.training.errors import DivergedError, RecipeError, ResumeError, TrainingDataError
from models.training.log import Epoch, write_log
from models.training.recipe import Recipe
from models.training.steps import Steps
from models.training.world import World, agreed, summed
from models.zoo.identity import Identity

OnStep = Callable[[int, int], None]
"""Is told of each step: the epoch and the step, from 0."""

_LOOKED_AT = 50  # steps after which a loss that is no number is noticed; to look at each would wait for the GPU


class Taught(msgspec.Struct, frozen=True, kw_only=True):
    """By which network: its name, and the hash of its parameters and buffers."""

    name: str
    sha256: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same throughout a run.

    Attributes:
        identity: of the network.
        images: that there are to train on; a resumed run has as many.
        teacher: that it learns from, too, if any; a resumed run has the same one.
    """

    identity: Identity
    recipe: Recipe
    steps: Steps
    images: int
    teacher: Taught | None = None
    seed: int = 0
    device: torch.device = torch.device("cpu")
    world: World = World()


def train(
    task: TrainingTask,
    run: Run,
    training: Batches,
    validation: Batches,
    output: Path,
    *,
    resume: bool = False,
    on_step: OnStep = lambda _epoch, _step: None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> tuple[Epoch, ...]:
    """Train a network, and keep it after each epoch: `last.pth`, `best.pth` and `log.csv` in the output folder.

    The weights after the last epoch depend on the run, the network's first weights and the images alone: on a CPU
    and in one process bit for bit, whenever it was ended and resumed.

    Args:
        task: the network and what is minimized; its forward returns {"loss": ..., "output": ...}, as timm's do.
        resume: go on behind the last epoch that the folder holds, if it holds any.
        on_epoch: is told of each epoch as soon as it is kept.

    Returns:
        All epochs, those before it was resumed, too.

    Raises:
        RecipeError: timm does not know a value of the recipe.
        ResumeError: the folder holds another run.
        CheckpointError: its checkpoint cannot be read.
        DivergedError: the loss or a weight is no number; the last epoch that was kept stays.
        NotKeptError: a file cannot be written; what was there stays.
        TrainingDataError: an image cannot be read, or none of those to validate on.
    """
    state = _State(task, run)
    done: tuple[Epoch, ...] = ()
    if resume and agreed(int((output / LAST).exists()), run.world, run.device):
        done = state.restore(output / LAST)
        if (epochs := agreed(len(done), run.world, run.device)) != len(done):
            raise ResumeError(
                f"{output / LAST} is of epoch {len(done)} here, and of {epochs} where the first process runs; all see "
                "one folder, or have a copy of its last.pth"
            )
        if run.world.is_first:
            write_log(output, done)  # which may be an epoch behind the checkpoint
    for epoch in range(len(done), run.recipe.schedule.epochs):
        begin = time.monotonic()
        lr, loss = state.train(epoch, training, on_step)
        state.check_finite(epoch)
        found = state.evaluate(validation)
        row = Epoch(
            epoch=epoch + 1,
            lr=lr,
            train_loss=loss,
            **found,
            seconds=round(time.monotonic() - begin, 3),
            images=run.steps.in_epoch * run.recipe.data.batch_size,
        )
        done = (*done, row)
        if run.world.is_first:
            state.keep(output, done)
        on_epoch(row)
    return done


class _State:
    """What changes: the network's weights and their average, the optimizer, the scale of the loss."""

    def __init__(self, task: TrainingTask, run: Run) -> None:
        self.task, self.run = task, run
        network = task.get_trainable_module()
        try:
            self.optimizer = create_optimizer_v2(network, **msgspec.structs.asdict(run.recipe.optimizer))
            self.scheduler, _ = create_scheduler_v2(
                self.optimizer,
                **msgspec.structs.asdict(run.recipe.schedule),
                updates_per_epoch=run.steps.in_epoch,
            )
        except (ValueError, RuntimeError, TypeError, AssertionError) as error:
            raise RecipeError(f"timm does not take this optimizer or schedule: {error}") from error
        self.is_amp = run.recipe.amp and run.device.type == "cuda"
        self.scaler = torch.amp.GradScaler(run.device.type, enabled=self.is_amp)
        task.setup_ema(decay=run.recipe.averaging.decay, use_warmup=run.recipe.averaging.use_warmup)
        if run.world.size > 1:
            task.prepare_distributed(device_ids=[run.device.index] if run.device.type == "cuda" else None)

    def train(self, epoch: int, batches: Batches, on_step: OnStep) -> tuple[float, float]:
        """One epoch; returns its first learning rate, and the mean loss.

        Raises:
            DivergedError: the loss is no number.
        """
        run, steps = self.run, self.run.steps
        seed_all(seed_of(run.seed, Use.STEPS, epoch, run.world.rank))
        self.task.train()
        self.scheduler.step(epoch)
        self.scheduler.step_update(epoch * steps.in_epoch)
        lr = float(self.optimizer.param_groups[0]["lr"])
        losses = torch.zeros(steps.in_epoch, device=run.device)
        looked_at = 0
        parts = islice(batches.of_epoch(epoch), steps.in_epoch * steps.accumulated)
        for number, (x, target) in enumerate(parts):
            step, part = divmod(number, steps.accumulated)
            is_last = part == steps.accumulated - 1
            losses[step] += self._backward(x, target, is_last=is_last)
            if not is_last:
                continue
            try:
                self._update(epoch * steps.in_epoch + step)
            except RuntimeError as error:
                if "cannot be converted to type" not in str(error):
                    raise
                raise DivergedError(
                    f"step {step + 1} of epoch {epoch + 1} is larger than a number can be; {_stays(epoch)}"
                ) from error
            on_step(epoch, step)
            if (step + 1) % _LOOKED_AT == 0 or step + 1 == steps.in_epoch:
                self._look_at(losses[looked_at : step + 1], epoch, looked_at)
                looked_at = step + 1
        return lr, float(losses.mean())

    def _backward(self, x: Tensor, target: Tensor, *, is_last: bool) -> Tensor:
        """Add a part's gradients, which processes exchange with the last of a step; returns its share of the loss."""
        with nullcontext() if is_last else self.task.no_sync():
            with torch.autocast(self.run.device.type, dtype=torch.float16, enabled=self.is_amp):
                loss = self.task(x, target)["loss"] / self.run.steps.accumulated
            self.scaler.scale(loss).backward()
        return loss.detach()

    def _update(self, updates: int) -> None:
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        # Told the step, timm's average begins anew at the first one: what the authors' did not.
        self.task.update_ema(step=updates + 1 if self.run.recipe.averaging.use_warmup else None)
        self.scheduler.step_update(updates + 1)

    def _look_at(self, losses: Tensor, epoch: int, first: int) -> None:
        """Take the mean over processes; all of them stop where it is no number.

        Raises:
            DivergedError: that is so.
        """
        losses.copy_(summed(losses, self.run.world) / self.run.world.size)
        if (bad := (~losses.isfinite()).nonzero()).numel():
            step = first + int(bad[0])
            raise DivergedError(
                f"the loss is {float(losses[int(bad[0])])} since step {step + 1} of epoch {epoch + 1}, and nothing "
                f"is learned any more; {_stays(epoch)}"
            )

    def check_finite(self, epoch: int) -> None:
        """Refuse weights that are no numbers: a loss is computed before its step, and does not show the last one's.

        Raises:
            DivergedError: there are such, in this process or another.
        """
        tensors = self.task.get_checkpoint_state()["state_dict"]
        averaged = self.task.get_checkpoint_state(ema=True)["state_dict_ema"]
        dead = next((name for each in (tensors, averaged) for name, x in each.items() if not x.isfinite().all()), None)
        if summed(torch.tensor(int(dead is not None), device=self.run.device), self.run.world):
            where = f", the first of them in {dead}" if dead else ""
            raise DivergedError(f"after epoch {epoch + 1} weights are no numbers any more{where}; {_stays(epoch)}")

    def evaluate(self, batches: Batches) -> dict[str, float]:
        """Top-1 and top-5 of the network and of its averaged weights, in percent; 0 where there are no batches.

        Raises:
            TrainingDataError: of the images none can be read.
        """
        found: dict[str, float] = {}
        for prefix, is_averaged in (("", False), ("ema_", True)):
            network = unwrap_model(self.task.get_eval_model(ema=is_averaged))
            if self.run.world.size > 1:
                distribute_bn(network, self.run.world.size, reduce=True)
            top1, top5 = self._tried(network, batches)
            found |= {f"{prefix}top1": top1, f"{prefix}top5": top5}
        return found

    @torch.no_grad()
    def _tried(self, network: nn.Module, batches: Batches) -> tuple[float, float]:
        network.eval()
        right = torch.zeros(4, dtype=torch.int64, device=self.run.device)
        for x, target in batches.of_epoch(0):
            counts = target != NO_CLASS
            with torch.autocast(self.run.device.type, dtype=torch.float16, enabled=self.is_amp):
                scores = network(x[counts])
            is_it = scores.topk(min(5, scores.shape[1]), dim=1).indices == target[counts, None]
            is_it &= scores.isfinite().all(1)[:, None]  # of scores that are no numbers, the first class is the best
            right += torch.stack((counts.sum(), is_it[:, 0].sum(), is_it.sum(), (~counts).sum()))
        images, first, in_five, broken = summed(right, self.run.world).tolist()
        if broken and not images:
            raise TrainingDataError(
                f"of the {broken} images to validate on none can be read, so nobody would know which epoch is best; "
                "mend them, or give others"
            )
        return (100 * first / images, 100 * in_five / images) if images else (0.0, 0.0)

    def keep(self, output: Path, done: tuple[Epoch, ...]) -> None:
        """Keep an epoch; the last checkpoint first gets its name when all else is there, so that none is half kept."""
        common = {
            "identity": msgspec.to_builtins(self.run.identity),
            "epoch": done[-1].epoch,
            "teacher": msgspec.to_builtins(self.run.teacher),
            "seed": self.run.seed,
            "recipe": msgspec.to_builtins(self.run.recipe),
            **self.task.get_checkpoint_state(),
            **self.task.get_checkpoint_state(ema=True),
        }
        if done[-1].ema_top1 > max((epoch.ema_top1 for epoch in done[:-1]), default=-1.0):
            checkpoints.keep(output / BEST, common)
        rest = {
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "images": self.run.images,
            "log": msgspec.to_builtins(done),
        }
        checkpoints.keep(output / LAST, common | rest)
        write_log(output, done)

    def restore(self, path: Path) -> tuple[Epoch, ...]:
        """Be where a checkpoint is; returns the epochs before.

        Raises:
            ResumeError: it is of another run.
            CheckpointError: it cannot be read.
        """
        if not path.exists():
            raise ResumeError(
                f"{path} is not there, and the first process has one; all see one folder, or have a copy of its {LAST}"
            )
        content = checkpoints.read(path)
        self._check_same(path, content)
        self.task.load_checkpoint_state(content["state_dict"], content.get("task_state"))
        self.task.load_checkpoint_state(content["state_dict_ema"], content.get("task_state_ema"), ema=True)
        self.optimizer.load_state_dict(content["optimizer"])
        self.scaler.load_state_dict(content["scaler"])
        return msgspec.convert(content["log"], tuple[Epoch, ...])

    def _check_same(self, path: Path, content: dict[str, Any]) -> None:
        run = self.run
        asked = {
            "identity": msgspec.to_builtins(run.identity),
            "teacher": msgspec.to_builtins(run.teacher),
            "recipe": msgspec.to_builtins(run.recipe),
            "seed": run.seed,
            "images": run.images,
        }
        for name, ours, theirs in _differences("", asked, {name: content.get(name) for name in asked}):
            raise ResumeError(
                f"{path} is of another run: {name} is {_shown(theirs)} there, and {_shown(ours)} here; resume it with "
                "the options that it was begun with, or name another --output"
            )


def _stays(epoch: int) -> str:
    kept = f"the last checkpoint, of epoch {epoch}, stays" if epoch else "no epoch was kept"
    return f"{kept}. A lower --lr may help"


def _shown(value: Any) -> str:
    """A plain value in a message; of a network, its name."""
    return "none" if value is None else str(value.get("name", value) if isinstance(value, dict) else value)


def _differences(name: str, ours: Any, theirs: Any) -> list[tuple[str, Any, Any]]:
    """Where two plain values differ: the innermost names, and both values."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = [*ours, *(other for other in theirs if other not in ours)]
        return [
            each
            for inner in names
            for each in _differences(f"{name}.{inner}".lstrip("."), ours.get(inner), theirs.get(inner))
        ]
    return [] if ours == theirs else [(name, ours, theirs)]
