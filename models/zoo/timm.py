"""Networks that timm builds: `timm:NAME` in a row of the zoo, or as a target of the user's own.

timm's names, and its networks as they are: two heads stay two (EfficientFormer, DeiT), as the paper counts and
times them. What is done to them is what inference and other image sizes need.
"""

import difflib
import math
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.models.efficientformer import Attention as EfficientFormerAttention
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.zoo.errors import ImageSizeError, ModelTargetError, UnknownModelError
from models.zoo.spec import TIMM_PREFIX, Form, Preprocessing


def create(name: str, *, form: Form = Form.INFERENCE, image_size: int | None = None, **kwargs: Any) -> nn.Module:
    """Build timm's network `name` for images of `image_size` pixels a side, freshly initialized.

    Args:
        form: the inference form is re-parameterized where the network can be.
        image_size: None for the size that timm trains it at. A network of fixed size is rebuilt for another.
        kwargs: arguments of `timm.create_model`, such as `pretrained`.

    Raises:
        UnknownModelError: timm has no such network.
        ImageSizeError: timm builds the network for one size only.
    """
    config = _config(name)
    if image_size is None or not config.fixed_input_size or image_size == config.input_size[-1]:
        model = timm.create_model(name, **kwargs)
    else:
        model = _create_sized(name, image_size, config.input_size[-1], kwargs)
    return reparameterize(model) if form is Form.INFERENCE else model


def create_pretrained(name: str, *, image_size: int | None = None) -> tuple[nn.Module, str]:
    """timm's network with its own weights, in its inference form, and the name that timm gives those weights.

    Raises:
        OSError, RuntimeError, ValueError: timm has none, or they cannot be fetched.
    """
    model = create(name, image_size=image_size, pretrained=True)
    return model, f"timm/{name}.{_config(name).tag}"


def _create_sized(name: str, image_size: int, own_size: int, kwargs: dict[str, Any]) -> nn.Module:
    try:
        model = timm.create_model(name, img_size=image_size, **kwargs)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        message = f"timm builds {name} for images of {own_size}x{own_size} alone, not {image_size}x{image_size}"
        raise ImageSizeError(message) from error
    for module in model.modules():
        if isinstance(module, EfficientFormerAttention):  # timm takes the size, and leaves this as it was
            rebuild_bias(module, (math.ceil(image_size / 32),) * 2)
    return model


def rebuild_bias(attention: EfficientFormerAttention, map_size: tuple[int, int]) -> None:
    """Give EfficientFormer's attention a bias for each offset of tokens on a map of `map_size`; timm has 7x7 only.

    What is learned for those is stretched over the larger or smaller range of offsets, bicubically.

    Args:
        map_size: height and width.
    """
    rows, columns = ((torch.arange(side)[:, None] - torch.arange(side)).abs() for side in map_size)  # (side, side)
    index = rows[:, None, :, None] * map_size[1] + columns[None, :, None, :]  # from (row, column) to (row, column)
    own_side = math.isqrt(attention.attention_biases.shape[1])
    biases = attention.attention_biases.detach().view(1, -1, own_side, own_side)  # (1, heads, 7, 7)
    biases = F.interpolate(biases, size=map_size, mode="bicubic", align_corners=True)
    attention.attention_biases = nn.Parameter(biases[0].flatten(1))
    attention.attention_bias_idxs = index.reshape(math.prod(map_size), math.prod(map_size))


def reparameterize(model: nn.Module) -> nn.Module:
    """Merge the branches that a network is trained with into single convolutions, in place; the outputs stay."""
    return timm.utils.reparameterize_model(model, inplace=True)


def merged_branches(name: str) -> int:
    """How many branches `reparameterize` merges: each ends in a BatchNorm of its own, and all of these go."""
    with torch.device("meta"):  # nothing is computed, so nothing is filled
        forms = [create(name, form=form) for form in (Form.TRAINING, Form.INFERENCE)]
    training, inference = (sum(isinstance(part, _BatchNorm) for part in model.modules()) for model in forms)
    return training - inference


def image_size_of(name: str) -> int:
    """Side of the square images that timm's network takes.

    Raises:
        UnknownModelError: timm has no such network.
        ModelTargetError: it takes no square RGB images.
    """
    channels, height, width = _config(name).input_size
    if channels != 3 or height != width:
        shape = f"{channels}x{height}x{width}"
        raise ModelTargetError(f"timm:{name} takes inputs of {shape}; effmod works with square RGB images")
    return int(width)


def preprocessing_of(name: str) -> Preprocessing:
    """What timm's weights of this network were trained on."""
    config = _config(name)
    return Preprocessing(mean=config.mean, std=config.std, interpolation=config.interpolation, crop_pct=config.crop_pct)


def _config(name: str) -> Any:
    """timm's own row of the network."""
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.5)
        names = ", ".join(repr(TIMM_PREFIX + other) for other in near)
        hint = f"did you mean {names}?" if near else "see timm.list_models()"
        raise UnknownModelError(f"timm {timm.__version__} has no network {name!r}; {hint}")
    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # of a tag that none of the network's weights have
        raise UnknownModelError(f"timm {timm.__version__} has no weights {name!r}: {error}") from error
