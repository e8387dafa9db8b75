from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.exporters.coreml.program.support import build, numbers, run_all, tensor

pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")


class Case(NamedTuple):
    """An operator as MIL writes it, and the same in torch."""

    mil: Callable[..., Any]
    torch: Callable[[Tensor], Tensor | Sequence[Tensor]]
    shape: tuple[int, ...] = (1, 4, 8, 11)
    target: str = "iOS16"


W, B = numbers(6, 2, 3, 3), numbers(6)
TW = torch.from_numpy(W)
TB = torch.from_numpy(B)
DEPTHWISE = numbers(4, 1, 7, 7)
UP = numbers(4, 3, 2, 2)
UP3 = numbers(4, 3, 3, 3)
DENSE, OFFSET = numbers(5, 11), numbers(5)
C = numbers(4), numbers(4, seed=1), np.abs(numbers(4, seed=2)) + 0.5, numbers(4, seed=3)
T = [torch.from_numpy(c) for c in C]
POINTS = numbers(1, 5, 6, 2, seed=4)  # some of them beyond the edges


def channels_first_norm(x: Tensor) -> Tensor:
    return F.layer_norm(x.permute(0, 2, 3, 1), (4,), T[0], T[1], 1e-6).permute(0, 3, 1, 2)


CASES = {
    "conv": Case(
        lambda mb, x: mb.conv(
            x=x, weight=W, bias=B, strides=[2, 1], pad_type="custom", pad=[1, 1, 2, 2], dilations=[1, 2], groups=2
        ),
        lambda x: F.conv2d(x, TW, TB, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
    ),
    "conv, padded on two sides": Case(
        lambda mb, x: mb.conv(x=x, weight=W, pad_type="custom", pad=[0, 1, 2, 0], groups=2),
        lambda x: F.conv2d(F.pad(x, (2, 0, 0, 1)), TW, groups=2),
    ),
    "conv, valid": Case(lambda mb, x: mb.conv(x=x, weight=W, groups=2), lambda x: F.conv2d(x, TW, groups=2)),
    # An even side with stride 2 lacks one row, which goes to the end; an odd side lacks two.
    "conv, same": Case(
        lambda mb, x: mb.conv(x=x, weight=W, pad_type="same", strides=[2, 2], groups=2),
        lambda x: F.conv2d(F.pad(x, (1, 1, 0, 1)), TW, stride=2, groups=2),
    ),
    "conv, same_lower": Case(
        lambda mb, x: mb.conv(x=x, weight=W, pad_type="same_lower", strides=[2, 2], groups=2),
        lambda x: F.conv2d(F.pad(x, (1, 1, 1, 0)), TW, stride=2, groups=2),
    ),
    "conv, depthwise": Case(
        lambda mb, x: mb.conv(x=x, weight=DEPTHWISE, pad_type="same", groups=4),
        lambda x: F.conv2d(x, torch.from_numpy(DEPTHWISE), padding=3, groups=4),
    ),
    "conv, one axis": Case(
        lambda mb, x: mb.conv(x=x, weight=numbers(3, 4, 5), pad_type="custom", pad=[2, 1]),
        lambda x: F.conv1d(F.pad(x, (2, 1)), tensor(3, 4, 5)),
        (2, 4, 9),
    ),
    "conv_transpose": Case(
        lambda mb, x: mb.conv_transpose(x=x, weight=UP, bias=B[:3], strides=[2, 2]),
        lambda x: F.conv_transpose2d(x, torch.from_numpy(UP), TB[:3], stride=2),
    ),
    "conv_transpose, padded": Case(
        lambda mb, x: mb.conv_transpose(x=x, weight=UP3, strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1]),
        lambda x: F.conv_transpose2d(x, torch.from_numpy(UP3), stride=2, padding=1),
    ),
    "conv_transpose, output shape": Case(
        lambda mb, x: mb.conv_transpose(
            x=x,
            weight=UP,
            bias=B[:3],
            strides=[3, 3],
            pad_type="custom",
            pad=[0, 0, 0, 0],
            output_shape=[1, 3, 24, 33],
        ),
        lambda x: F.conv_transpose2d(x, torch.from_numpy(UP), TB[:3], stride=3, output_padding=1),
    ),
    "conv_transpose, grouped": Case(
        lambda mb, x: mb.conv_transpose(x=x, weight=UP, strides=[2, 2], groups=2, dilations=[2, 1]),
        lambda x: F.conv_transpose2d(x, torch.from_numpy(UP), stride=2, groups=2, dilation=(2, 1)),
    ),
    "linear": Case(
        lambda mb, x: mb.linear(x=x, weight=DENSE, bias=OFFSET),
        lambda x: F.linear(x, torch.from_numpy(DENSE), torch.from_numpy(OFFSET)),
        (2, 3, 11),
    ),
    "matmul": Case(
        lambda mb, x: mb.matmul(x=x, y=numbers(4, 5, 8), transpose_x=True, transpose_y=True),
        lambda x: x.mT @ tensor(4, 5, 8).mT,
    ),
    "einsum": Case(
        lambda mb, x: mb.einsum(values=(x, numbers(1, 11, 8, 3)), equation="nchw,nwhu->nchu"),
        lambda x: torch.einsum("nchw,nwhu->nchu", x, tensor(1, 11, 8, 3)),
    ),
    "scaled_dot_product_attention": Case(
        lambda mb, x: mb.scaled_dot_product_attention(query=x, key=x, value=numbers(1, 4, 8, 3)),
        lambda x: F.scaled_dot_product_attention(x, x, tensor(1, 4, 8, 3)),
        target="iOS18",
    ),
    "scaled_dot_product_attention, biased": Case(
        lambda mb, x: mb.scaled_dot_product_attention(query=x, key=x, value=x, attn_mask=numbers(8, 8)),
        lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=tensor(8, 8)),
        target="iOS18",
    ),
    "layer_norm": Case(
        lambda mb, x: mb.layer_norm(x=x, axes=[-1], gamma=DENSE[0], beta=DENSE[1], epsilon=1e-3),
        lambda x: F.layer_norm(x, (11,), torch.from_numpy(DENSE[0]), torch.from_numpy(DENSE[1]), 1e-3),
    ),
    "layer_norm, channels first": Case(
        lambda mb, x: mb.layer_norm(x=x, axes=[1], gamma=C[0], beta=C[1], epsilon=1e-6), channels_first_norm
    ),
    "layer_norm, plain": Case(lambda mb, x: mb.layer_norm(x=x, axes=[2, 3]), lambda x: F.layer_norm(x, (8, 11))),
    "batch_norm": Case(
        lambda mb, x: mb.batch_norm(x=x, mean=C[0], variance=C[2], gamma=C[1], beta=C[3], epsilon=1e-3),
        lambda x: F.batch_norm(x, T[0], T[2], T[1], T[3], eps=1e-3),
    ),
    "batch_norm, plain": Case(
        lambda mb, x: mb.batch_norm(x=x, mean=C[0], variance=C[2]), lambda x: F.batch_norm(x, T[0], T[2])
    ),
    "instance_norm": Case(
        lambda mb, x: mb.instance_norm(x=x, gamma=C[0], beta=C[1]),
        lambda x: F.instance_norm(x, weight=T[0], bias=T[1]),
    ),
    "avg_pool": Case(
        lambda mb, x: mb.avg_pool(x=x, kernel_sizes=[3, 2], strides=[2, 2], pad_type="valid"),
        lambda x: F.avg_pool2d(x, (3, 2), 2),
    ),
    "avg_pool, padding counted": Case(
        lambda mb, x: mb.avg_pool(x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1]),
        lambda x: F.avg_pool2d(x, 3, 2, padding=1),
    ),
    "avg_pool, padding excluded": Case(
        lambda mb, x: mb.avg_pool(
            x=x,
            kernel_sizes=[3, 3],
            strides=[2, 2],
            pad_type="custom",
            pad=[1, 1, 1, 1],
            exclude_padding_from_average=True,
        ),
        lambda x: F.avg_pool2d(x, 3, 2, padding=1, count_include_pad=False),
    ),
    "avg_pool, same": Case(
        lambda mb, x: mb.avg_pool(
            x=x, kernel_sizes=[2, 2], strides=[2, 2], pad_type="same", exclude_padding_from_average=True
        ),
        lambda x: F.avg_pool2d(x, 2, 2, ceil_mode=True),
        (1, 4, 7, 9),
    ),
    "avg_pool, ceil": Case(
        lambda mb, x: mb.avg_pool(
            x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 1, 0, 0], ceil_mode=True
        ),
        lambda x: F.avg_pool2d(x, 3, 2, padding=(1, 0), ceil_mode=True),
        (1, 4, 8, 10),
    ),
    "max_pool": Case(
        lambda mb, x: mb.max_pool(x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1]),
        lambda x: F.max_pool2d(x, 3, 2, padding=1),
    ),
    "max_pool, ceil": Case(
        lambda mb, x: mb.max_pool(
            x=x, kernel_sizes=[2, 2], strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1], ceil_mode=True
        ),
        lambda x: F.max_pool2d(x, 2, 2, padding=1, ceil_mode=True),
    ),
    "max_pool, same": Case(
        lambda mb, x: mb.max_pool(x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="same"),
        lambda x: F.max_pool2d(F.pad(x, (1, 1, 0, 1), value=-torch.inf), 3, 2),
    ),
    "upsample_bilinear": Case(
        lambda mb, x: mb.upsample_bilinear(
            x=x, scale_factor_height=2, scale_factor_width=3, align_corners=False, half_pixel_centers=True
        ),
        lambda x: F.interpolate(x, scale_factor=(2, 3), mode="bilinear"),
    ),
    "upsample_bilinear, corners": Case(
        lambda mb, x: mb.upsample_bilinear(x=x, scale_factor_height=2.5, scale_factor_width=2.0, align_corners=True),
        lambda x: F.interpolate(x, size=(20, 22), mode="bilinear", align_corners=True),
    ),
    "resize_bilinear": Case(
        lambda mb, x: mb.resize_bilinear(
            x=x, target_size_height=5, target_size_width=13, sampling_mode="UNALIGN_CORNERS"
        ),
        lambda x: F.interpolate(x, size=(5, 13), mode="bilinear"),
    ),
    "resize_bilinear, corners": Case(
        lambda mb, x: mb.resize_bilinear(
            x=x, target_size_height=5, target_size_width=13, sampling_mode="STRICT_ALIGN_CORNERS"
        ),
        lambda x: F.interpolate(x, size=(5, 13), mode="bilinear", align_corners=True),
    ),
    "resize": Case(
        lambda mb, x: mb.resize(
            x=x, shape=[16, 0], resized_dims=np.uint32(2), sampling_mode="UNALIGN_CORNERS", interpolation_mode="LINEAR"
        ),
        lambda x: F.interpolate(x, size=(16, 11), mode="bilinear"),
        target="iOS17",
    ),
    "upsample_nearest_neighbor": Case(
        lambda mb, x: mb.upsample_nearest_neighbor(x=x, scale_factor_height=2, scale_factor_width=3),
        lambda x: F.interpolate(x, scale_factor=(2, 3), mode="nearest"),
    ),
    "resize_nearest_neighbor": Case(
        lambda mb, x: mb.resize_nearest_neighbor(x=x, target_size_height=5, target_size_width=13),
        lambda x: F.interpolate(x, size=(5, 13), mode="nearest"),
    ),
    "pad": Case(
        lambda mb, x: mb.pad(x=x, pad=[1, 0, 2, 3], constant_val=0.5), lambda x: F.pad(x, (2, 3, 1, 0), value=0.5)
    ),
    "pad, reflected": Case(
        lambda mb, x: mb.pad(x=x, pad=[1, 2, 3, 0], mode="reflect"), lambda x: F.pad(x, (3, 0, 1, 2), mode="reflect")
    ),
    "pad, replicated": Case(
        lambda mb, x: mb.pad(x=x, pad=[1, 2, 3, 0], mode="replicate"),
        lambda x: F.pad(x, (3, 0, 1, 2), mode="replicate"),
    ),
    "gelu": Case(lambda mb, x: mb.gelu(x=x), F.gelu),
    "gelu, tanh": Case(lambda mb, x: mb.gelu(x=x, mode="TANH_APPROXIMATION"), lambda x: F.gelu(x, approximate="tanh")),
    "gelu, sigmoid": Case(
        lambda mb, x: mb.gelu(x=x, mode="SIGMOID_APPROXIMATION"), lambda x: x * torch.sigmoid(1.702 * x)
    ),
    "softmax": Case(lambda mb, x: mb.softmax(x=x, axis=1), lambda x: x.softmax(1)),
    "silu": Case(lambda mb, x: mb.silu(x=x), F.silu),
    "sigmoid_hard": Case(lambda mb, x: mb.sigmoid_hard(x=x, alpha=1 / 6, beta=0.5), F.hardsigmoid),
    "prelu": Case(lambda mb, x: mb.prelu(x=x, alpha=C[0]), lambda x: F.prelu(x, T[0])),
    "elu": Case(lambda mb, x: mb.elu(x=x, alpha=0.5), lambda x: F.elu(x, 0.5)),
    "softplus": Case(lambda mb, x: mb.softplus(x=x), F.softplus),
    "rsqrt": Case(lambda mb, x: mb.rsqrt(x=mb.square(x=x), epsilon=1e-3), lambda x: (x * x + 1e-3) ** -0.5),
    "split": Case(lambda mb, x: mb.split(x=x, axis=1, split_sizes=[1, 3]), lambda x: x.split_with_sizes((1, 3), 1)),
    "split, even": Case(lambda mb, x: mb.split(x=x, axis=-2, num_splits=4), lambda x: x.chunk(4, -2)),
    "concat": Case(
        lambda mb, x: mb.concat(values=(x, numbers(1, 2, 8, 11)), axis=-3),
        lambda x: torch.cat((x, tensor(1, 2, 8, 11)), 1),
    ),
    "concat, interleaved": Case(
        lambda mb, x: mb.concat(values=(x, x, x), axis=1, interleave=True), lambda x: x.repeat_interleave(3, 1)
    ),
    "stack": Case(lambda mb, x: mb.stack(values=(x, x), axis=-1), lambda x: torch.stack((x, x), -1)),
    "cast": Case(lambda mb, x: mb.cast(x=mb.cast(x=x, dtype="int32"), dtype="fp32"), torch.trunc),
    "shape and fill": Case(lambda mb, x: mb.add(x=x, y=mb.fill(shape=mb.shape(x=x), value=2.0)), lambda x: x + 2),
    "gather_along_axis": Case(
        lambda mb, x: mb.gather_along_axis(x=x, indices=np.array([[[[3, 0, 10]]]] * 1, np.int32).repeat(8, 2), axis=3),
        lambda x: x[:, :1, :, [3, 0, 10]],
        (1, 1, 8, 11),
    ),
    "cumsum, from the end, without its own": Case(
        lambda mb, x: mb.cumsum(x=x, axis=1, exclusive=True, reverse=True), lambda x: x.flip(1).cumsum(1).flip(1) - x
    ),
    "local_response_norm": Case(
        lambda mb, x: mb.local_response_norm(x=x, size=3, alpha=0.5, beta=0.7, k=2.0),
        lambda x: F.local_response_norm(x, 3, 0.5, 0.7, 2.0),
    ),
    "pixel_shuffle": Case(lambda mb, x: mb.pixel_shuffle(x=x, upscale_factor=2), lambda x: F.pixel_shuffle(x, 2)),
    "pixel_unshuffle": Case(
        lambda mb, x: mb.pixel_unshuffle(x=x, downscale_factor=np.uint32(2)),
        lambda x: F.pixel_unshuffle(x, 2),
        shape=(1, 3, 4, 6),
    ),
    "resample": Case(
        lambda mb, x: mb.resample(
            x=x,
            coordinates=POINTS,
            sampling_mode="bilinear",
            padding_mode="constant",
            padding_value=0.0,
            coordinates_mode="normalized_minus_one_to_one",
            align_corners=False,
        ),
        lambda x: F.grid_sample(x, torch.from_numpy(POINTS), align_corners=False),
    ),
    "resample, reflected": Case(
        lambda mb, x: mb.resample(
            x=x,
            coordinates=POINTS,
            sampling_mode="nearest",
            padding_mode="symmetric",
            padding_value=0.0,
            coordinates_mode="normalized_minus_one_to_one",
            align_corners=False,
        ),
        lambda x: F.grid_sample(x, torch.from_numpy(POINTS), "nearest", "reflection", align_corners=False),
    ),
    "reverse": Case(lambda mb, x: mb.reverse(x=x, axes=[3, 1]), lambda x: x.flip(3, 1)),
    "scatter": Case(
        lambda mb, x: mb.scatter(
            data=x, indices=np.array([3, -3], np.int32), updates=numbers(1, 2, 8, 11), axis=1, mode="update"
        ),
        lambda x: x.index_copy(1, torch.tensor([3, 1]), torch.from_numpy(numbers(1, 2, 8, 11))),
    ),
    "scatter, added": Case(
        lambda mb, x: mb.scatter(
            data=x, indices=np.array([2, 2], np.int32), updates=numbers(1, 4, 2, 11), axis=-2, mode="add"
        ),
        lambda x: x.index_add(2, torch.tensor([2, 2]), torch.from_numpy(numbers(1, 4, 2, 11))),
    ),
    "slice_update": Case(
        lambda mb, x: mb.slice_update(
            x=x,
            update=numbers(1, 2, 4, 11),
            begin=[0, 1, 0, 0],
            end=[0, 3, 8, 0],
            stride=[1, 1, 2, 1],
            begin_mask=[True, False, False, True],
            end_mask=[True, False, False, True],
        ),
        lambda x: torch.cat(
            [
                x[:, :1],
                torch.stack([torch.from_numpy(numbers(1, 2, 4, 11)), x[:, 1:3, 1::2]], 3).flatten(2, 3),
                x[:, 3:],
            ],
            1,
        ),
        target="iOS18",
    ),
    "scatter_nd": Case(
        lambda mb, x: mb.scatter_nd(
            data=x, indices=np.array([[0, 3], [0, 1]], np.int32), updates=numbers(2, 8, 11), mode="update"
        ),
        lambda x: x.index_copy(1, torch.tensor([3, 1]), torch.from_numpy(numbers(2, 8, 11))[None]),
    ),
    "topk": Case(lambda mb, x: mb.topk(x=x, k=3, axis=2, ascending=True)[0], lambda x: x.topk(3, 2, largest=False)[0]),
    "gather_nd": Case(
        lambda mb, x: mb.gather_nd(x=x, indices=np.array([[0, 3], [0, 1]], np.int32)), lambda x: x[0, [3, 1]]
    ),
    "gather_nd, batched": Case(
        lambda mb, x: mb.gather_nd(x=x, indices=np.array([[[3, 7], [1, 0], [2, 2]]], np.int32), batch_dims=1),
        lambda x: x[:, [3, 1, 2], [7, 0, 2]],
    ),
}


# What coremltools computes itself when an operator's inputs are constants: a second opinion on the same parameters.
FOLDED: dict[str, Callable[..., Any]] = {
    "add": lambda mb, x: mb.add(x=x, y=numbers(8, 1)),
    "sub": lambda mb, x: mb.sub(x=x, y=numbers(8, 1)),
    "mul": lambda mb, x: mb.mul(x=x, y=2.5),
    "real_div": lambda mb, x: mb.real_div(x=x, y=numbers(8, 1)),
    "floor_div": lambda mb, x: mb.floor_div(x=x, y=0.3),
    "mod": lambda mb, x: mb.mod(x=x, y=0.3),
    "maximum": lambda mb, x: mb.maximum(x=x, y=numbers(8, 1)),
    "minimum": lambda mb, x: mb.minimum(x=x, y=numbers(8, 1)),
    "pow": lambda mb, x: mb.pow(x=mb.abs(x=x), y=0.5),
    "select": lambda mb, x: mb.select(cond=mb.greater(x=x, y=0.0), a=x, b=numbers(8, 1)),
    "logic": lambda mb, x: mb.logical_or(
        x=mb.logical_not(x=mb.less_equal(x=x, y=0.5)),
        y=mb.logical_and(x=mb.less(x=x, y=0.0), y=mb.not_equal(x=x, y=1.0)),
    ),
    "abs": lambda mb, x: mb.abs(x=x),
    "ceil": lambda mb, x: mb.ceil(x=x),
    "erf": lambda mb, x: mb.erf(x=x),
    "exp": lambda mb, x: mb.exp(x=x),
    "floor": lambda mb, x: mb.floor(x=x),
    "inverse": lambda mb, x: mb.inverse(x=mb.abs(x=x), epsilon=1e-2),
    "log": lambda mb, x: mb.log(x=mb.abs(x=x), epsilon=1e-2),
    "round": lambda mb, x: mb.round(x=x),
    "sign": lambda mb, x: mb.sign(x=x),
    "sqrt": lambda mb, x: mb.sqrt(x=mb.square(x=x)),
    "tanh": lambda mb, x: mb.tanh(x=x),
    "clip": lambda mb, x: mb.clip(x=x, alpha=-0.5, beta=1.0),
    "clamped_relu": lambda mb, x: mb.clamped_relu(x=x, alpha=0.1, beta=0.7),
    "leaky_relu": lambda mb, x: mb.leaky_relu(x=x, alpha=0.1),
    "linear_activation": lambda mb, x: mb.linear_activation(x=x, alpha=0.1, beta=0.7),
    "relu": lambda mb, x: mb.relu(x=x),
    "relu6": lambda mb, x: mb.relu6(x=mb.mul(x=x, y=5.0)),
    "scaled_tanh": lambda mb, x: mb.scaled_tanh(x=x, alpha=0.1, beta=0.7),
    "sigmoid": lambda mb, x: mb.sigmoid(x=x),
    "softsign": lambda mb, x: mb.softsign(x=x),
    "threshold": lambda mb, x: mb.threshold(x=x, alpha=0.1),
    "thresholded_relu": lambda mb, x: mb.thresholded_relu(x=x, alpha=0.1),
    "reduce_mean": lambda mb, x: mb.reduce_mean(x=x, axes=[-1, 2], keep_dims=True),
    "reduce_sum": lambda mb, x: mb.reduce_sum(x=x, axes=[1]),
    "reduce_max": lambda mb, x: mb.reduce_max(x=x, axes=[1, 3]),
    "reduce_min": lambda mb, x: mb.reduce_min(x=x, axes=[1, 3]),
    "reduce_all": lambda mb, x: mb.reduce_sum(x=x),
    "reduce_l1_norm": lambda mb, x: mb.reduce_l1_norm(x=x, axes=[2]),
    "reduce_l2_norm": lambda mb, x: mb.reduce_l2_norm(x=x, axes=[2]),
    "reduce_log_sum_exp": lambda mb, x: mb.reduce_log_sum_exp(x=x, axes=[2]),
    "reduce_sum_square": lambda mb, x: mb.reduce_sum_square(x=x, axes=[2]),
    "reduce_argmax": lambda mb, x: mb.reduce_argmax(x=x, axis=1, keep_dims=True),
    "reshape": lambda mb, x: mb.reshape(x=x, shape=[0, -1, 2, 2]),
    "transpose": lambda mb, x: mb.transpose(x=x, perm=[0, -2, -1, 1]),
    "squeeze": lambda mb, x: mb.squeeze(x=x, axes=[-4]),
    "expand_dims": lambda mb, x: mb.expand_dims(x=mb.squeeze(x=x, axes=[0]), axes=[0, -1]),
    "flatten2d": lambda mb, x: mb.flatten2d(x=x, axis=-2),
    "tile": lambda mb, x: mb.tile(x=x, reps=[2, 1, 3, 1]),
    "slice_by_index": lambda mb, x: mb.slice_by_index(
        x=x, begin=[0, 1, -1, 2], end=[1, 3, 0, -1], stride=[1, 1, -2, 3], begin_mask=[True, False, False, False],
        end_mask=[True, False, True, False],
    ),
    "slice_by_index, squeezed": lambda mb, x: mb.slice_by_index(
        x=x, begin=[0, -1, 0, 2], end=[0, 0, 5, 4], squeeze_mask=[True, True, False, False]
    ),
    "slice_by_size": lambda mb, x: mb.slice_by_size(x=x, begin=[0, 1, 5, -6], size=[1, 2, -1, 4]),
    "gather": lambda mb, x: mb.gather(x=x, indices=np.array([[0, 3], [2, 2]], np.int32), axis=-3),
    "gather, batched": lambda mb, x: mb.gather(
        x=x, indices=np.array([[0, 3, 1]], np.int32), axis=2, batch_dims=1
    ),
    "range_1d": lambda mb, x: mb.mul(x=mb.range_1d(start=1.0, end=9.0, step=1.0), y=mb.slice_by_index(
        x=x, begin=[0, 0, 0, 0], end=[0, 0, 8, 0], squeeze_mask=[True, True, False, True])),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_operator_computes_what_torch_computes(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    x = numbers(*case.shape, seed=7)
    found = run_all(build(tmp_path / "p.mlpackage", case.mil, case.shape, target=case.target), x)
    expected = case.torch(torch.from_numpy(x))
    for y, z in zip(found, [expected] if isinstance(expected, Tensor) else expected, strict=True):
        assert y.shape == tuple(z.shape)
        np.testing.assert_allclose(y, z.numpy(), rtol=1e-5, atol=1e-5)


def test_operators_compute_what_coremltools_folds(tmp_path: Path) -> None:
    x = numbers(1, 4, 8, 12, seed=7)
    expected = {}

    def body(mb: Any, given: Any) -> list[Any]:
        results = []
        for name, write in FOLDED.items():
            expected[name] = write(mb, mb.const(val=x.copy())).val  # thresholded_relu writes into its input
            results.append(write(mb, given))
        return [mb.cast(x=y, dtype="fp32") if y.dtype.__name__ in ("bool", "int32") else y for y in results]

    found = run_all(build(tmp_path / "p.mlpackage", body, x.shape), x)
    for y, (name, z) in zip(found, expected.items(), strict=True):
        assert z is not None, name
        np.testing.assert_allclose(np.squeeze(y), np.squeeze(z), rtol=1e-5, atol=1e-5, err_msg=name)
