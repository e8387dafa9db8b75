"""Images made larger or smaller."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from exporters.coreml.program.operators.values import along, flag, integer, ints


def _grid(mode: str, size: int, target: int) -> Tensor:
    """Where on an axis of `size` the `target` samples lie, as MIL's sampling modes say (resize_bilinear)."""
    i = torch.arange(target, dtype=torch.float64)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        alone = (size - 1) / 2 if mode == "ALIGN_CORNERS" else 0.0
        points = i * (size - 1) / (target - 1) if target > 1 else i + alone
    elif mode == "DEFAULT":
        points = i * size / target
    elif mode == "OFFSET_CORNERS":
        points = (i + 0.5) * max(1, size - 1) / target
    elif mode == "UNALIGN_CORNERS":
        points = (i + 0.5) * size / target - 0.5
    else:
        raise ValueError(f"there is no sampling mode {mode!r}")
    return points.clamp(0, size - 1)


def _resample(x: Tensor, axis: int, target: int, mode: str) -> Tensor:
    points = _grid(mode, x.shape[axis], target)
    below = points.floor().long()
    share = along(x, (points - below).float(), axis)
    above = (below + 1).clamp(max=x.shape[axis] - 1)
    return x.index_select(axis, below) * (1 - share) + x.index_select(axis, above) * share


def _repeat_nearest(x: Tensor, axis: int, target: int) -> Tensor:
    return x.index_select(axis, torch.arange(target) * x.shape[axis] // target)


def _scaled(size: int, factor: Tensor | None) -> int:
    return math.floor(size * (1.0 if factor is None else float(factor)))


def upsample_bilinear(
    x: Tensor,
    scale_factor_height: Tensor | None = None,
    scale_factor_width: Tensor | None = None,
    align_corners: Tensor | None = None,
    half_pixel_centers: Tensor | None = None,
) -> Tensor:
    corners = flag(align_corners, True)
    centred = flag(half_pixel_centers, not corners)
    if corners and centred:
        raise ValueError("align_corners and half_pixel_centers exclude each other")
    mode = "STRICT_ALIGN_CORNERS" if corners else "UNALIGN_CORNERS" if centred else "DEFAULT"
    height, width = _scaled(x.shape[-2], scale_factor_height), _scaled(x.shape[-1], scale_factor_width)
    return _resample(_resample(x, -2, height, mode), -1, width, mode)


def resize_bilinear(
    x: Tensor,
    target_size_height: Tensor | None = None,
    target_size_width: Tensor | None = None,
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    rows = _resample(x, -2, integer(target_size_height, 1), sampling_mode)
    return _resample(rows, -1, integer(target_size_width, 1), sampling_mode)


def upsample_nearest_neighbor(
    x: Tensor, scale_factor_height: Tensor | None = None, scale_factor_width: Tensor | None = None
) -> Tensor:
    rows = _repeat_nearest(x, -2, _scaled(x.shape[-2], scale_factor_height))
    return _repeat_nearest(rows, -1, _scaled(x.shape[-1], scale_factor_width))


def resize_nearest_neighbor(x: Tensor, target_size_height: Tensor, target_size_width: Tensor) -> Tensor:
    return _repeat_nearest(_repeat_nearest(x, -2, integer(target_size_height)), -1, integer(target_size_width))


def resize(
    x: Tensor,
    shape: Tensor,
    resized_dims: Tensor,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """The last `resized_dims` axes take the last sizes of `shape`; 0 leaves one as it is."""
    if interpolation_mode != "LINEAR" and sampling_mode != "DEFAULT":
        raise ValueError(f"MIL does not say what {interpolation_mode} with {sampling_mode} is")
    for axis in range(-integer(resized_dims), 0):
        target = ints(shape)[axis] or x.shape[axis]
        if interpolation_mode == "LINEAR":
            x = _resample(x, axis, target, sampling_mode)
        else:
            x = _repeat_nearest(x, axis, target)
    return x


def resample(
    x: Tensor,
    coordinates: Tensor,
    sampling_mode: str = "bilinear",
    padding_mode: str = "constant",
    padding_value: Tensor | None = None,
    coordinates_mode: str = "unnormalized",
    align_corners: Tensor | None = None,
) -> Tensor:
    """x (N, C, H, W) at the points (N, H', W', 2), as `grid_sample` takes them."""
    corners = flag(align_corners)
    if coordinates_mode != "normalized_minus_one_to_one" or (padding_value is not None and float(padding_value)):
        raise ValueError(f"only points from -1 to 1 are computed, and 0 beyond the edge, not {coordinates_mode}")
    # Torch's reflection is about the outer pixels' centres or about their edges, as the corners say; MIL has two words.
    reflection = "reflection" if corners else "symmetric"
    padding = {"constant": "zeros", "border": "border", reflection: "reflection"}.get(padding_mode)
    if padding is None:
        raise ValueError(f"{padding_mode} with align_corners={corners} is none of torch's")
    return F.grid_sample(x, coordinates, mode=sampling_mode, padding_mode=padding, align_corners=corners)
