"""Weights: the authors' checkpoints, and the one seeded filling that stands in where there is none."""

import zlib

import numpy as np
import torch
from torch import Tensor, nn

from models.zoo import own
from models.zoo.build import create_model, reparameterize
from models.zoo.errors import CheckpointError
from models.zoo.fingerprint import tensors_sha256
from models.zoo.images import natural_images
from models.zoo.liveliness import FOLLOWED, liveliness
from models.zoo.registry import family
from models.zoo.spec import TIMM_PREFIX, Form, ModelSpec, Preprocessing, Weights, WeightsSource, has_row
from models.zoo.words import first_line

_PHOTOGRAPHS = 4
# Natural images for BatchNorm, and what linear layers are multiplied by: tried in turn where float32 cannot follow a
# network. The statistics of four images may be far off for another one: LeViT, where BatchNorm undoes any scale, gives
# 78 for one image and 2 for others, and with 16 images 1 to 2 for each. Smaller linear layers calm attention elsewhere.
_FILLINGS = ((_PHOTOGRAPHS, 1.0), (16, 1.0), (16, 0.3), (16, 0.1))


def create_filled(spec: ModelSpec, *, image_size: int | None = None, seed: int = 0) -> tuple[nn.Module, Weights]:
    """A network of the zoo in its inference form and in eval mode, with the seeded filling.

    MobileOne and RepVGG are filled as they are trained, then merged: BatchNorm, whose statistics the filling
    needs, is gone after. One that has no row in the zoo, where somebody would have seen to it, gets the first of
    `_FILLINGS` with which float32 can follow it on the images that it is compared over; or the one with which it can
    best.

    Args:
        image_size: side of the images that the network is built for, and BatchNorm calibrated on; None for the row's.
    """
    size = spec.image_size if image_size is None else image_size
    model = create_model(spec.name, form=Form.TRAINING, image_size=size)
    channels = spec.preprocessing.channels
    if has_row(spec.name):
        weights = fill(model, image_size=size, channels=channels, seed=seed, linear_scale=spec.linear_scale)
    else:
        weights = _fill_calmly(model, spec, size, seed)
    return reparameterize(spec, model).eval(), weights


def _fill_calmly(model: nn.Module, spec: ModelSpec, image_size: int, seed: int) -> Weights:
    def fill_with(photographs: int, scale: float) -> Weights:
        return fill(
            model,
            image_size=image_size,
            channels=spec.preprocessing.channels,
            seed=seed,
            linear_scale=spec.linear_scale * scale,
            photographs=photographs,
        )

    found: dict[tuple[int, float], float] = {}
    for filling in _FILLINGS:
        weights = fill_with(*filling)
        lively = liveliness(model, image_size, spec.preprocessing)
        if lively is None or lively <= FOLLOWED:
            return weights
        found[filling] = lively
    return fill_with(*min(found, key=found.__getitem__))


def create_pretrained(spec: ModelSpec, *, image_size: int | None = None) -> tuple[nn.Module, Weights]:
    """A network of timm's, with the weights that timm publishes for it, in its inference form and in eval mode.

    They are fetched from the internet the first time. Their accuracy is timm's, not the EfficientMod paper's.

    Raises:
        CheckpointError: timm publishes none for this network, or they cannot be fetched.
    """
    from models.zoo import timm as timm_zoo

    if not spec.factory.startswith(TIMM_PREFIX):
        where = family(spec).repository if has_row(spec.name) else ""  # with arguments it is none of theirs
        hint = f"; its authors' are at {where}: give the file, --checkpoint PATH" if where else ""
        raise CheckpointError(f"timm publishes no weights for {spec.name}{hint}")
    name = spec.factory.removeprefix(TIMM_PREFIX)
    try:
        model, published = timm_zoo.create_pretrained(name, image_size=image_size)
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"timm's weights for {name} cannot be had: {first_line(error)}") from error
    return model.eval(), Weights(source=WeightsSource.PRETRAINED, file=published)


def create_own(spec: ModelSpec, *, image_size: int) -> tuple[nn.Module, Weights]:
    """The network that a function of the user's own returns, in eval mode, with the weights that it has there.

    Raises:
        ModelTargetError: the function fails, or its network holds no values.
    """
    model = own.build(spec.factory, image_size).model
    return model.eval(), Weights(source=WeightsSource.FUNCTION, sha256=tensors_sha256(model))


def fill(
    model: nn.Module,
    *,
    image_size: int,
    channels: int = 3,
    seed: int = 0,
    linear_scale: float = 1.0,
    photographs: int = _PHOTOGRAPHS,
) -> Weights:
    """Give every parameter a value of order 1, so that equality of two forms of the network means something.

    A freshly initialized network hides faults: LayerScale's 1e-4 silences whole branches, unit affines
    commute with everything, and BatchNorm's initial statistics fit no input. Here matrices are normal with
    variance 1 / fan-in, norms' weights and LayerScale 1 + 0.1 n, biases 0.1 n, and BatchNorm takes the
    statistics of noise and natural images of `image_size`. A value depends on the seed and the parameter's
    name alone, not on torch's version or on the order of construction. The network is left in eval mode.

    Args:
        linear_scale: what the weights of linear layers and LayerScale are multiplied by, `ModelSpec.linear_scale`:
            a few networks are chaotic at 1, and there float32 and float64 part ways.
        photographs: how many natural images BatchNorm's statistics are of, beside four of noise.
    """
    fill_parameters(model, seed=seed, linear_scale=linear_scale)
    size = (image_size, image_size)
    calibrate_batch_norm(model, size, channels=channels, seed=seed, photographs=photographs)
    return Weights(source=WeightsSource.RANDOM, seed=seed)


def fill_parameters(model: nn.Module, *, seed: int = 0, linear_scale: float = 1.0) -> None:
    """The part of `fill` that runs nothing; the network is left in eval mode."""
    model.eval()  # or dropout and stochastic depth would have a part in BatchNorm's statistics
    linear = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scaled = name in linear or _is_layer_scale(name)
            parameter.copy_(_normal(name, parameter, seed) * (linear_scale if scaled else 1))


def _normal(name: str, like: Tensor, seed: int) -> Tensor:
    rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
    n = torch.from_numpy(rng.standard_normal(tuple(like.shape), dtype=np.float32))
    if like.ndim > 1:
        return n / like[0].numel() ** 0.5
    scales = name.rsplit(".", 1)[-1].startswith("weight") or _is_layer_scale(name)
    return 1 + 0.1 * n if scales else 0.1 * n


def _is_layer_scale(name: str) -> bool:
    return name.rsplit(".", 1)[-1].startswith("gamma")


def calibrate_batch_norm(
    model: nn.Module, size: tuple[int, int], *, channels: int = 3, seed: int = 0, photographs: int = _PHOTOGRAPHS
) -> None:
    """Give BatchNorm the statistics of noise and natural images; a network without any is not run.

    Args:
        size: height and width of the images.
        photographs: how many natural images, beside four of noise.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches seen
        norm.train()
    # Of either kind alone the statistics are far off for the other, and some networks answer that with infinity.
    noise = np.random.default_rng(seed).standard_normal((4, channels, *size), dtype=np.float32)
    usual = Preprocessing.of_channels(channels)
    x = np.concatenate((noise, natural_images(photographs, size, mean=usual.mean, std=usual.std, seed=seed + 1)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more would add up in another order, and the same network get another file
    try:
        with torch.no_grad():
            model(torch.from_numpy(x))
    finally:
        torch.set_num_threads(threads)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
