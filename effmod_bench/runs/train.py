"""`effmod train` from its options to a trained network."""

import contextlib
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from effmod_bench.errors import DeviceUnavailableError, ExitCode, TargetError
from effmod_bench.instrument.threads import usable_cores
from effmod_bench.options.export import one_checkpoint
from effmod_bench.runs.batch_normed import SUFFIX, Student, find_student, start
from effmod_bench.runs.recipe import parts_in_words, recipe_table, resolve_recipe, say_recipe, warn_of_parts
from effmod_bench.screen.console import Console
from effmod_bench.screen.progress import in_words
from effmod_bench.targets.names import find_network
from exporters.artifact.files import writing
from models import ModelSpec, check_image_size, classes_of
from models.training import ln_to_bn
from models.training.checkpoints import BEST, LAST
from models.training.data import Images, Loaded, read_images, training_batches, validation_batches
from models.training.log import LOG, Epoch
from models.training.loop import Run, Taught
from models.training.loop import train as train_network
from models.training.networks import build_network, build_teacher
from models.training.recipe import Sourced
from models.training.steps import divide
from models.training.tasks import Task, classification, distillation
from models.training.world import World, agreed, joined, world_of_torchrun
from models.zoo.classes import can_be_told, of_checkpoint, with_classes
from models.zoo.fingerprint import tensors_sha256
from models.zoo.identity import Identity, identity_of
from models.zoo.named import split
from results.tables.words import counted
from results.tables.write import OutputFormat

if TYPE_CHECKING:
    import torch
    from torch import nn

PICTURE = "log.png"
_MOST_WORKERS = 8  # the authors' train.py
_DRAWN_EVERY_S = 60.0


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: the options of `effmod train`."""

    network: str
    data: Path
    checkpoint: Path | None = None
    new_classifier: bool = False
    teacher: str | None = None
    image_size: int | None = None
    num_classes: int | None = None
    skip_corrupt: bool = False
    recipe: Path | None = None
    epochs: int | None = None
    batch_size: int | None = None
    at_once: int | None = None
    lr: float | None = None
    amp: bool | None = None
    seed: int = 0
    device: str | None = None
    workers: int | None = None
    output: Path | None = None
    resume: bool = False
    dry_run: bool = False


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run needs, made and checked.

    Attributes:
        network: as the user calls it.
        is_sized: its images have a size that was asked for.
        begins_as_teacher: before the first epoch it gets the weights of its teacher, and statistics of images.
    """

    network: str
    is_sized: bool
    begins_as_teacher: bool
    student: Student
    run: Run
    sourced: Sourced
    task: Task
    training: Loaded
    validation: Loaded
    workers: int
    output: Path

    @property
    def spec(self) -> ModelSpec:
        return self.student.spec

    @property
    def exported(self) -> str:
        """What `effmod export` is told of the network, as a shell takes it."""
        rewrites = self.student.rewrites
        if not rewrites:
            return shlex.quote(self.network)
        base, arguments = split(self.network)
        name = shlex.quote(base.removesuffix(SUFFIX) + arguments)
        return f"{name} --rewrite {','.join((*rewrites, 'batch_norm'))}"


def train(console: Console, request: Request, output_format: OutputFormat) -> ExitCode:
    """Train a network, or say how that would be done.

    Raises:
        TargetError, ModelTargetError, ImageSizeError, RecipeError, ResumeError, TrainingDataError, CheckpointError: it
            cannot be done as it is asked for.
        DeviceUnavailableError: the device is not there.
        DivergedError: the loss is no number.
        NotKeptError, OutputError: the folder cannot be written.
    """
    world = world_of_torchrun()
    if not world.is_first:
        console = Console(-1)
    device = _device(request.device, world)
    output = request.output or Path("runs") / Path(request.network.replace(":", "-")).name
    if not request.dry_run:
        _check_output(output, resume=request.resume)
    with joined(world, device):
        prepared = _prepare(console, request, output, device, world)
        if request.dry_run:
            return _dry_run(console, prepared, output_format)
        with _alone(output, world):
            _check_output(output, resume=request.resume)  # a run may have ended here meanwhile
            return _train(console, request, prepared)


def _prepare(console: Console, request: Request, output: Path, device: "torch.device", world: World) -> Prepared:
    images = read_images(request.data)
    student, image_size = _network(request, len(images.classes))
    spec, teacher = student.spec, _teacher(console, request, images, image_size)
    is_ln_to_bn = teacher is not None and student.learns_from_layer_norms(teacher.spec)
    own = ln_to_bn.RECIPE if is_ln_to_bn else None
    sourced = resolve_recipe(request, spec, images=len(images.train.samples), own=own)
    recipe = sourced.recipe
    steps = divide(recipe.data, len(images.train.samples), world.size)
    identity = Identity(
        name=spec.name,
        num_classes=len(images.classes),
        image_size=image_size,
        classes=images.classes,
        rewrites=student.rewrites,
    )
    run = Run(
        identity=identity,
        recipe=recipe,
        steps=steps,
        images=len(images.train.samples),
        teacher=None if teacher is None else Taught(name=teacher.spec.name, sha256=tensors_sha256(teacher.network)),
        seed=request.seed,
        device=device,
        world=world,
    )
    workers = usual_workers(world) if request.workers is None else request.workers
    shared: dict[str, Any] = {
        "image_size": image_size,
        "batch_size": steps.at_once,
        "workers": workers,
        "device": device,
        "world": world,
        "skip_corrupt": request.skip_corrupt,
    }
    training = training_batches(images, recipe, spec.preprocessing, seed=request.seed, **shared)
    task = _task(console, request, student, teacher, run, images)
    if is_ln_to_bn:
        ln_to_bn.check_layers(*ln_to_bn.networks_of(task), image_size=image_size)
    return Prepared(
        network=request.network,
        is_sized=request.image_size is not None,
        begins_as_teacher=is_ln_to_bn and request.checkpoint is None,
        student=student,
        run=run,
        sourced=sourced,
        task=task,
        training=training,
        validation=validation_batches(images, spec.preprocessing, **shared),
        workers=workers,
        output=output,
    )


def usual_workers(world: World) -> int:
    """Processes that read images for this one: its share of the cores that this machine's processes may use."""
    return max(1, min(_MOST_WORKERS, usable_cores() // world.local_size))


def _network(request: Request, classes: int) -> tuple[Student, int]:
    """The network with as many classes as the images have, and the size of these."""
    if request.num_classes not in (None, classes):
        raise TargetError(
            f"--num-classes {request.num_classes}: {request.data} has folders of {counted(classes, 'class', 'classes')}"
        )
    if request.new_classifier and request.checkpoint is None:
        raise TargetError("--new-classifier goes with --checkpoint, whose weights it starts from")
    student = find_student(request.network, image_size=request.image_size)
    spec = student.spec
    size = request.image_size or spec.image_size
    check_image_size(spec, size)
    if classes_of(spec) != classes and can_be_told(spec):
        spec = find_network(with_classes(spec.name, classes), image_size=request.image_size)
    return Student(spec=spec, rewrites=student.rewrites), size


class Teacher(msgspec.Struct, frozen=True, kw_only=True):
    """A network to learn from, with its weights."""

    spec: ModelSpec
    network: "nn.Module"


def _teacher(console: Console, request: Request, images: Images, image_size: int) -> Teacher | None:
    if request.teacher is None:
        return None
    name, path = one_checkpoint([request.teacher])
    spec = find_network(name or request.teacher, image_size=image_size)
    checkpoint = path if name else None
    if checkpoint is not None and checkpoint.is_file():
        spec = of_checkpoint(spec, checkpoint, image_size=image_size)
        _check_names(request.data, checkpoint, images, "a teacher of other classes teaches the wrong ones")
        if (identity := identity_of(checkpoint)) and identity.image_size != image_size:
            console.warn(
                f"the teacher {checkpoint} was trained on images of {identity.image_size}x{identity.image_size}, and "
                f"is shown ones of {image_size}x{image_size}, of which it may know less; --image-size "
                f"{identity.image_size} gives both what it was trained on"
            )
    network = build_teacher(spec, image_size=image_size, classes=len(images.classes), checkpoint=checkpoint)
    return Teacher(spec=spec, network=network)


def _task(
    console: Console, request: Request, student: Student, teacher: Teacher | None, run: Run, images: Images
) -> Task:
    """The network with its first weights, or a checkpoint's, and what it is to learn."""
    spec = student.spec
    size, classes = run.identity.image_size, len(images.classes)
    if request.checkpoint is not None and not request.new_classifier:
        told = "--new-classifier starts from all of it but its classifier"
        _check_names(request.data, request.checkpoint, images, told)
    network = build_network(
        spec,
        image_size=size,
        classes=classes,
        seed=request.seed,
        checkpoint=request.checkpoint,
        new_classifier=request.new_classifier,
        rewrites=student.rewrites,
    ).to(run.device)
    if teacher is None:
        return classification(network, run.recipe, device=run.device)
    theirs = teacher.spec
    if student.learns_from_layer_norms(theirs):
        console.note(
            f"LN -> BN: {request.network} begins with the weights of {theirs.name}, and learns from its stages and its "
            "probabilities"
        )
        return ln_to_bn.distillation(
            network,
            teacher.network,
            run.recipe,
            preprocessing=spec.preprocessing,
            image_size=size,
            device=run.device,
        )
    if student.rewrites:
        console.warn(
            f"{theirs.name} is not {spec.name}, whose LayerNorms {request.network} goes without: so this is no LN -> "
            "BN, which begins with the weights of its teacher; name that network after --teacher for it"
        )
    console.note(f"{spec.name} learns from {theirs.name}, too, softly: KL divergence, as in the authors' code")
    return distillation(
        network,
        teacher.network,
        run.recipe,
        preprocessing=spec.preprocessing,
        teacher_preprocessing=theirs.preprocessing,
        device=run.device,
    )


def _check_names(data: Path, checkpoint: Path, images: Images, told: str) -> None:
    """Refuse a checkpoint of `effmod train` whose classes have other names, or another order.

    Args:
        told: what to do then, or why.
    """
    identity = identity_of(checkpoint)
    if identity is None or not identity.classes or identity.classes == images.classes:
        return
    pairs = zip(identity.classes, images.classes, strict=False)
    first = next((f"{ours!r}, where it has {theirs!r}" for theirs, ours in pairs if theirs != ours), None)
    if first and len(identity.classes) == len(images.classes):
        raise TargetError(f"{data} has a class {first}: {checkpoint} was trained on others; {told}")


def _device(asked: str | None, world: World) -> "torch.device":
    import torch

    name, _, index = (asked or ("cuda" if torch.cuda.is_available() else "cpu")).partition(":")
    if name not in ("cpu", "cuda", "mps") or (index and (name != "cuda" or not index.isdecimal())):
        raise TargetError(f"no device {asked!r} to train on; there are cpu, cuda, cuda:N and mps")
    if name == "cuda":
        if not torch.cuda.is_available():
            raise DeviceUnavailableError(
                "this PyTorch finds no GPU; 'effmod doctor' says what there is, and --device cpu computes without"
            )
        number = int(index) if index else world.local_rank
        if number >= torch.cuda.device_count():
            raise DeviceUnavailableError(f"there is no GPU {number}: {counted(torch.cuda.device_count(), 'GPU')} found")
        torch.cuda.set_device(number)
        return torch.device("cuda", number)
    if name == "mps" and not torch.backends.mps.is_available():
        raise DeviceUnavailableError("Metal (mps) is not available here; --device cpu computes without")
    return torch.device(name)


def _check_output(output: Path, *, resume: bool) -> None:
    if (output / LAST).exists() and not resume:
        raise TargetError(f"{output} holds a run already; --resume goes on with it, --output names another folder")


@contextlib.contextmanager
def _alone(output: Path, world: World) -> Iterator[None]:
    """Nobody else trains into this folder meanwhile; and it can be written, which is known before hours of work."""
    from filelock import FileLock, Timeout

    if not world.is_first:
        yield
        return
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        lock = FileLock(output / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise TargetError(f"another process trains into {output}; wait for it, or name another --output") from error
    try:
        yield
    finally:
        lock.release()  # the file stays: who has opened it meanwhile would hold one that nobody else sees


def _dry_run(console: Console, prepared: Prepared, output_format: OutputFormat) -> ExitCode:
    from models.training.estimate import seconds_an_epoch

    run = prepared.run
    warn_of_parts(console, run)
    seconds = seconds_an_epoch(
        prepared.task,
        run,
        prepared.training.photographs,
        workers=prepared.workers,
        classes=run.identity.num_classes,
    )
    epochs = run.recipe.schedule.epochs
    console.table(
        recipe_table(
            prepared.sourced,
            f"{prepared.spec.name}: {counted(epochs, 'epoch')} of {counted(run.steps.in_epoch, 'step')} of "
            f"{run.recipe.data.batch_size} images, {run.images} images of "
            f"{counted(run.identity.num_classes, 'class', 'classes')} at {run.identity.image_size}x"
            f"{run.identity.image_size}, {parts_in_words(run)}; on {run.device} {_precisely(seconds)} an epoch, "
            f"{_precisely(seconds * epochs)} in all, trying it not counted; it would be kept in {prepared.output}",
        ),
        output_format,
    )
    return ExitCode.OK


def _precisely(seconds: float) -> str:
    """As `in_words`, which knows nothing below 5 s."""
    if seconds >= 5:
        return in_words(seconds)
    return f"about {seconds:.1f} s" if seconds >= 1 else f"about {max(1, round(seconds * 1e3))} ms"


def _train(console: Console, request: Request, prepared: Prepared) -> ExitCode:
    run, output = prepared.run, prepared.output
    is_begun = agreed(int((output / LAST).exists()), run.world, run.device)
    if request.resume and not is_begun:
        console.note(f"{output} holds no epoch yet, so there is nothing to resume: it begins with the first")
    if prepared.begins_as_teacher and not is_begun:
        start(*ln_to_bn.networks_of(prepared.task), prepared.training, run)
    say_recipe(console, prepared.spec, prepared.sourced, run)
    epochs = run.recipe.schedule.epochs
    watch = _Watch(console, prepared)
    with console.progress(prepared.spec.name, unit="epoch") as display:

        def on_step(epoch: int, step: int) -> None:
            at = epoch + step / run.steps.in_epoch
            display.show(prepared.spec.name, at, epochs, watch.left_s(at, epochs))

        with _explained(console, prepared):
            done = train_network(
                prepared.task,
                run,
                prepared.training,
                prepared.validation,
                output,
                resume=request.resume,
                on_step=on_step,
                on_epoch=watch.on_epoch,
            )
    if run.world.is_first:
        _finish(console, prepared, done)
    return ExitCode.OK


@contextlib.contextmanager
def _explained(console: Console, prepared: Prepared) -> Iterator[None]:
    """Say how to go on where a run is ended, and what helps where a GPU's memory is too small.

    Raises:
        DeviceUnavailableError: it is.
    """
    import torch

    try:
        yield
    except KeyboardInterrupt:
        console.note("the same command with --resume goes on behind the last epoch that was kept")
        raise
    except torch.OutOfMemoryError as error:
        at_once = prepared.run.steps.at_once
        raise DeviceUnavailableError(
            f"the GPU has no memory left for {at_once} images at once; --at-once {max(1, at_once // 2)} needs less, "
            "and adds up more parts to a step"
        ) from error


class _Watch:
    """What is said of epochs while they pass, and how long the rest takes."""

    def __init__(self, console: Console, prepared: Prepared) -> None:
        self._console, self._prepared = console, prepared
        self._begin: tuple[float, float] | None = None
        self._drawn_s = time.monotonic()

    def left_s(self, at: float, epochs: int) -> float | None:
        """By the pace since this process began."""
        now = time.monotonic()
        if self._begin is None:
            self._begin = (at, now)
        since = at - self._begin[0]
        return (epochs - at) * (now - self._begin[1]) / since if since > 0 else None

    def on_epoch(self, epoch: Epoch) -> None:
        self._console.note(
            f"epoch {epoch.epoch}: loss {epoch.train_loss:.3f}, top-1 {epoch.top1:.2f} %, of the averaged weights "
            f"{epoch.ema_top1:.2f} %"
        )
        if self._prepared.run.world.is_first and time.monotonic() - self._drawn_s > _DRAWN_EVERY_S:
            draw(self._prepared.output)
            self._drawn_s = time.monotonic()


def _finish(console: Console, prepared: Prepared, done: tuple[Epoch, ...]) -> None:
    output = prepared.output
    draw(output)
    for which in (prepared.training, prepared.validation):
        if broken := which.photographs.broken():
            shown = ", ".join(broken[:5]) + (f", and {len(broken) - 5} more" if len(broken) > 5 else "")
            console.warn(
                f"of the {len(which.photographs)} images in {which.photographs.split.folder} {len(broken)} cannot be "
                f"read, and were skipped: {shown}"
            )
    best = max(done, key=lambda epoch: (epoch.ema_top1, -epoch.epoch))
    console.note(
        f"{prepared.spec.name}: top-1 {done[-1].top1:.2f} % after epoch {done[-1].epoch}, of the averaged weights "
        f"{done[-1].ema_top1:.2f} %; these were best after epoch {best.epoch}, {best.ema_top1:.2f} %"
    )
    size = f" --image-size {prepared.run.identity.image_size}" if prepared.is_sized else ""
    console.note(
        f"'effmod export {prepared.exported} --checkpoint {shlex.quote(str(output / BEST))}{size}' takes the averaged "
        f"weights; {LOG} and {PICTURE} beside it say how it went"
    )
    console.print(str(output / BEST))


def draw(folder: Path) -> None:
    """Draw the log of a folder into it.

    Raises:
        OutputError: it cannot be written.
    """
    from results.plots.picture import save
    from results.plots.training import read_log, training

    with writing(folder):
        save(training(read_log(folder / LOG)), folder / PICTURE)
