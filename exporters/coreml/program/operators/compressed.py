"""Weights that are stored in few bits, and unpacked before anything is computed."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from exporters.coreml.program.operators.elementwise import cast
from exporters.coreml.program.operators.values import along, integer, ints, unpack_bits

# Compressed weights. All of them are computed when the program runs, from what is stored.


def constexpr_affine_dequantize(quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: Tensor) -> Tensor:
    place = integer(axis)
    return along(quantized_data, scale, place) * (quantized_data - along(quantized_data, zero_point, place))


def constexpr_blockwise_shift_scale(data: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    """Scale and offset hold for a block each, of the size that makes them cover the data."""
    shifted = data.float() if offset is None else data - _block_wise(offset, data.shape)
    return _block_wise(scale, data.shape) * shifted


def _block_wise(x: Tensor, shape: Sequence[int]) -> Tensor:
    for axis, size in enumerate(shape):
        x = x.repeat_interleave(size // x.shape[axis], dim=axis)
    return x


def constexpr_lut_to_dense(
    indices: Tensor, lut: Tensor, shape: Tensor | None = None, vector_axis: Tensor | None = None
) -> Tensor:
    """Look up a palette. iOS 16: one for all, indices packed in bytes. iOS 18: one a block, (blocks.., entries, V)."""
    if shape is not None:
        sizes = ints(shape)
        bits = lut.numel().bit_length() - 1
        packed = indices.numpy().astype(np.uint8)
        return lut[torch.from_numpy(unpack_bits(packed, bits, math.prod(sizes)))].reshape(sizes)
    rank = indices.ndim
    blocks = []
    for axis, size in enumerate(indices.shape):
        block = torch.arange(size) // (size // lut.shape[axis])
        blocks.append(block.reshape([-1 if i == axis else 1 for i in range(rank)]))
    dense = lut[(*blocks, indices)]  # (*indices.shape, V)
    place = integer(vector_axis, rank - 1) % rank
    return dense.movedim(-1, place + 1).flatten(place, place + 1)


def constexpr_sparse_to_dense(nonzero_data: Tensor, mask: Tensor, shape: Tensor | None = None) -> Tensor:
    """Zeros where the mask has 0. iOS 16 packs it in bytes, iOS 18 has the shape itself."""
    if shape is not None:
        sizes = ints(shape)
        packed = mask.numpy().astype(np.uint8)
        mask = torch.from_numpy(unpack_bits(packed, 1, math.prod(sizes))).reshape(sizes)
    dense = torch.zeros(mask.shape, dtype=nonzero_data.dtype)
    dense[mask != 0] = nonzero_data
    return dense


def constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    return cast(source_val, output_dtype)
