import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exporters import ArtifactError
from exporters.config import ComputePrecision
from exporters.coreml.package import read_tensors
from exporters.coreml.program.program import Program, load_program
from exporters.coreml.program.reader import UnknownOperatorError

pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def no_warnings() -> Iterator[None]:
    """Coremltools and what it imports are full of deprecations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def convert(
    model: nn.Module,
    path: Path,
    *,
    size: int,
    precision: str = "float32",
    target: str = "iOS16",
    image: dict[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Save a network as a package, by coremltools alone; `image` makes its input an image, with these options."""
    with no_warnings():
        import coremltools as ct

        shape = (1, 3, size, size)
        program = torch.export.export(model, (torch.zeros(shape),)).run_decompositions({})
        one = ct.TensorType("input", shape) if image is None else ct.ImageType("input", shape, **image)
        package = ct.convert(
            program,
            convert_to="mlprogram",
            inputs=[one],
            minimum_deployment_target=getattr(ct.target, target),
            compute_precision=getattr(ct.precision, precision.upper()),
            skip_model_load=True,
            **options,
        )
        package.save(str(path))
    return package


def build(
    path: Path,
    body: Callable[..., Any],
    *shapes: tuple[int, ...],
    target: str = "iOS16",
    precision: str = "float32",
) -> Program:
    """Save a program written in MIL, and load it. `body` is given coremltools' builder and a variable a shape."""
    with no_warnings():
        import coremltools as ct
        from coremltools.converters.mil.mil import Builder as mb  # noqa: N813 - its documented name

        function = {1: lambda x: body(mb, x), 2: lambda x, y: body(mb, x, y)}[len(shapes)]
        program = mb.program(
            input_specs=[mb.TensorSpec(shape) for shape in shapes], opset_version=getattr(ct.target, target)
        )(function)
        package = ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=getattr(ct.target, target),
            compute_precision=getattr(ct.precision, precision.upper()),
            pass_pipeline=ct.PassPipeline.EMPTY if precision == "float32" else ct.PassPipeline.DEFAULT,
            skip_model_load=True,
        )
        package.save(str(path))
    return load_program(path)


def numbers(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng((seed, *shape)).standard_normal(shape, dtype=np.float32)


def tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(numbers(*shape, seed=seed))


def run(
    program: Program, *arrays: npt.NDArray[Any], precision: ComputePrecision = ComputePrecision.FLOAT32
) -> npt.NDArray[Any]:
    return next(iter(program.run(dict(zip(program.input_names, arrays, strict=True)), precision=precision).values()))


def run_all(program: Program, *arrays: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    return list(
        program.run(dict(zip(program.input_names, arrays, strict=True)), precision=ComputePrecision.FLOAT32).values()
    )


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


class Net(nn.Module):
    """A network with weights large enough to be in the weight file."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, stride=2)
        self.head = nn.Linear(16, 32)
        torch.manual_seed(0)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.gelu(self.conv(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def net_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.mlpackage"
    convert(Net().eval(), path, size=16)
    return path


@pytest.fixture
def package(net_package: Path, tmp_path: Path) -> Path:
    """One of one's own, to damage."""
    return Path(shutil.copytree(net_package, tmp_path / "net.mlpackage"))


def weight_file(package: Path) -> Path:
    return package / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"


def specification(package: Path) -> Path:
    return package / "Data" / "com.apple.CoreML" / "model.mlmodel"


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("target", ["iOS15", "iOS16", "iOS17", "iOS18"])
def test_every_target_and_precision_is_read(target: str, precision: str, tmp_path: Path) -> None:
    model = Net().eval()
    convert(model, tmp_path / "n.mlpackage", size=16, precision=precision, target=target)
    program = load_program(tmp_path / "n.mlpackage")
    assert program.precision == precision
    assert program.operators()["conv"] == 1
    assert "const" not in program.operators()
    x = numbers(1, 3, 16, 16)
    expected = model(torch.from_numpy(x)).detach().numpy()
    tolerance = {"float32": 1e-6, "float16": 2e-3}[precision] * np.abs(expected).max()
    np.testing.assert_allclose(run(program, x, precision=program.precision), expected, rtol=0, atol=tolerance)


def test_float16_rounds_after_each_operator(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        return mb.exp(x=mb.mul(x=x, y=0.3))

    program = build(tmp_path / "p.mlpackage", body, (64,), precision="float16")
    assert program.precision is ComputePrecision.FLOAT16
    x = numbers(64)
    third = np.float32(np.float16(0.3))
    half = (x.astype(np.float16).astype(np.float32) * third).astype(np.float16).astype(np.float32)
    expected = torch.from_numpy(half).exp().numpy().astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(run(program, x, precision=ComputePrecision.FLOAT16), expected)
    np.testing.assert_allclose(run(program, x, precision=ComputePrecision.FLOAT32), np.exp(x * third), rtol=1e-6)


def test_the_first_operator_that_float16_cannot_hold_is_named(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        large = mb.mul(x=x, y=300.0, name="large")
        beyond = mb.mul(x=large, y=300.0, name="beyond")
        return mb.mul(x=mb.mul(x=beyond, y=2.0, name="further"), y=1e-5, name="back")

    program = build(tmp_path / "p.mlpackage", body, (4,))
    _, found = program.run_observed({program.input_names[0]: np.array([0, 1, -2, 1], np.float32)})
    assert (found.overflow, found.overflow_kind) == ("beyond", "mul")
    assert (found.operator, found.largest) == ("further", 360000)
    _, found = program.run_observed({program.input_names[0]: np.array([0, 0.1, -0.2, 0], np.float32)})
    assert found.overflow is None
    assert found.largest == pytest.approx(36000)


def test_float16_overflows_to_infinity(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        return mb.exp(x=mb.abs(x=x))

    program = build(tmp_path / "p.mlpackage", body, (2,), precision="float16")
    x = np.array([1, 12], np.float32)
    assert np.isinf(run(program, x, precision=ComputePrecision.FLOAT16)).tolist() == [False, True]
    assert np.isfinite(run(program, x, precision=ComputePrecision.FLOAT32)).all()


@pytest.mark.parametrize("colour", ["RGB", "BGR"])
def test_an_image_goes_in_as_pixels(colour: str, tmp_path: Path) -> None:
    class Means(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    options = {"scale": 1 / 127.5, "bias": [-1.0, -0.5, 0.0], "color_layout": colour}
    convert(Means().eval(), tmp_path / "m.mlpackage", size=16, image=options)
    program = load_program(tmp_path / "m.mlpackage")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 16, 16), np.uint8)
    channels = pixels if colour == "RGB" else pixels[:, ::-1]
    expected = channels.mean((2, 3)) / 127.5 + np.array([-1.0, -0.5, 0.0])
    np.testing.assert_allclose(run(program, pixels), expected, atol=1e-5)
    with pytest.raises(ValueError, match="whole values in"):
        run(program, pixels / 255)


def test_a_classifier_gives_its_label_and_all_scores(tmp_path: Path) -> None:
    with no_warnings():
        import coremltools as ct

        labels = [f"class {i}" for i in range(32)]
        config = ct.ClassifierConfig(labels)
    model = Net().eval()
    convert(model, tmp_path / "c.mlpackage", size=16, classifier_config=config)
    program = load_program(tmp_path / "c.mlpackage")
    x = numbers(1, 3, 16, 16)
    label, scores = run_all(program, x)
    expected = model(torch.from_numpy(x)).detach().numpy()[0]
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert str(label) == labels[expected.argmax()]


COMPRESSIONS: dict[str, tuple[str, Callable[[Any], tuple[Any, Any]]]] = {
    "int8": ("iOS16", lambda o: (o.linear_quantize_weights, o.OpLinearQuantizerConfig(weight_threshold=0))),
    "uint8": (
        "iOS16",
        lambda o: (
            o.linear_quantize_weights,
            o.OpLinearQuantizerConfig(mode="linear", dtype="uint8", weight_threshold=0),
        ),
    ),
    "palette of 1 bit": (
        "iOS16",
        lambda o: (o.palettize_weights, o.OpPalettizerConfig(mode="uniform", nbits=1, weight_threshold=0)),
    ),
    "palette of 6 bits": (
        "iOS16",
        lambda o: (o.palettize_weights, o.OpPalettizerConfig(mode="uniform", nbits=6, weight_threshold=0)),
    ),
    "sparse": (
        "iOS16",
        lambda o: (o.prune_weights, o.OpThresholdPrunerConfig(threshold=0.2, weight_threshold=0)),
    ),
    "int4 by block": (
        "iOS18",
        lambda o: (
            o.linear_quantize_weights,
            o.OpLinearQuantizerConfig(
                mode="linear", dtype="int4", granularity="per_block", block_size=8, weight_threshold=0
            ),
        ),
    ),
    "uint4": (
        "iOS18",
        lambda o: (
            o.linear_quantize_weights,
            o.OpLinearQuantizerConfig(mode="linear", dtype="uint4", weight_threshold=0),
        ),
    ),
    "palettes of 3 bits by group": (
        "iOS18",
        lambda o: (
            o.palettize_weights,
            o.OpPalettizerConfig(
                mode="uniform", nbits=3, granularity="per_grouped_channel", group_size=4, weight_threshold=0
            ),
        ),
    ),
    "palette of 6 bits, iOS 18": (
        "iOS18",
        lambda o: (o.palettize_weights, o.OpPalettizerConfig(mode="uniform", nbits=6, weight_threshold=0)),
    ),
    "sparse, iOS 18": (
        "iOS18",
        lambda o: (o.prune_weights, o.OpThresholdPrunerConfig(threshold=0.2, weight_threshold=0)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_compressed_weights_are_what_coremltools_decompresses(name: str, tmp_path: Path) -> None:
    target, choose = COMPRESSIONS[name]
    with no_warnings():
        import coremltools.optimize.coreml as cto

        compress, settings = choose(cto)
        package = convert(Net().eval(), tmp_path / "n.mlpackage", size=16, target=target)
        compressed = compress(package, cto.OptimizationConfig(global_config=settings))
        compressed.save(str(tmp_path / "c.mlpackage"))
        cto.decompress_weights(compressed).save(str(tmp_path / "d.mlpackage"))
    program, plain = load_program(tmp_path / "c.mlpackage"), load_program(tmp_path / "d.mlpackage")
    assert any(kind.startswith("constexpr_") for kind in program.operators())
    assert not any(kind.startswith("constexpr_") for kind in plain.operators())
    x = numbers(1, 3, 16, 16)
    np.testing.assert_allclose(run(program, x), run(plain, x), rtol=1e-5, atol=1e-5)


def test_all_unknown_operators_are_named(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        return mb.reverse(x=mb.cumsum(x=mb.cumsum(x=x, axis=1), axis=0), axes=[0])

    with pytest.raises(UnknownOperatorError, match=r"cumsum \(2\), reverse \(1\)"):
        build(tmp_path / "p.mlpackage", body, (3, 4))


def test_an_unknown_parameter_is_not_ignored(package: Path) -> None:
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString(specification(package).read_bytes())
    main = spec.mlProgram.functions["main"]
    gelu = next(o for o in main.block_specializations[main.opset].operations if o.type == "gelu")
    gelu.inputs["sharpness"].CopyFrom(gelu.inputs["x"])
    specification(package).write_bytes(spec.SerializeToString())
    with pytest.raises(UnknownOperatorError, match=r"gelu\(sharpness=\) \(1\)"):
        load_program(package)


def test_a_shape_that_the_program_does_not_say_is_an_error(package: Path) -> None:
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString(specification(package).read_bytes())
    main = spec.mlProgram.functions["main"]
    conv = next(o for o in main.block_specializations[main.opset].operations if o.type == "conv")
    conv.outputs[0].type.tensorType.dimensions[3].constant.size += 1
    specification(package).write_bytes(spec.SerializeToString())
    with pytest.raises(ArtifactError, match=r"conv '.*' gives \(1, 16, 7, 7\), where the program says \(1, 16, 7, 8\)"):
        run(load_program(package), numbers(1, 3, 16, 16))


def test_a_damaged_entry_of_the_weight_file_is_found(package: Path) -> None:
    data = bytearray(weight_file(package).read_bytes())
    data[64] ^= 0xFF
    weight_file(package).write_bytes(data)
    with pytest.raises(ArtifactError, match="no entry at 64"):
        load_program(package)


def test_a_cut_weight_file_is_found(package: Path) -> None:
    data = weight_file(package).read_bytes()
    weight_file(package).write_bytes(data[: len(data) // 2])
    with pytest.raises(ArtifactError, match=r"weight file of .* is damaged: .*(cut short|ends before)"):
        load_program(package)


def test_a_missing_weight_file_is_named(package: Path) -> None:
    weight_file(package).unlink()
    with pytest.raises(ArtifactError, match=r"cannot read the weights of .*weight\.bin"):
        load_program(package)


@pytest.mark.parametrize("within", [False, True])
def test_weights_outside_what_is_hashed_of_a_package_are_not_followed(
    package: Path, tmp_path: Path, within: bool
) -> None:
    elsewhere = (package if within else tmp_path) / "weight.bin"
    shutil.copy(weight_file(package), elsewhere)
    weight_file(package).unlink()
    weight_file(package).symlink_to(elsewhere)
    with pytest.raises(ArtifactError, match="keeps data outside itself"):
        load_program(package)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"{}",
        b'{"\xff": 1}',
        b'{"a": ' + b"[" * 100_000,
        b'{"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": "\\u0000"}}}',
    ],
)
def test_a_folder_that_is_no_package_says_so(content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "x.mlpackage"
    folder.mkdir()
    (folder / "Manifest.json").write_bytes(content)
    for read in (load_program, read_tensors):
        with pytest.raises(ArtifactError, match="not a Core ML package"):
            read(folder)


def test_a_missing_package_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot read .* as a Core ML package"):
        load_program(tmp_path / "x.mlpackage")


def test_a_specification_that_is_none_says_so(package: Path) -> None:
    specification(package).write_bytes(b"\xff" * 100)
    with pytest.raises(ArtifactError, match="not a Core ML package, or it is damaged"):
        load_program(package)


def test_inputs_must_be_the_programs_own(net_package: Path) -> None:
    program = load_program(net_package)
    with pytest.raises(ValueError, match="takes input, not image"):
        program.run({"image": numbers(1, 3, 16, 16)}, precision=ComputePrecision.FLOAT32)
    with pytest.raises(ValueError, match=r"input 'input' of net\.mlpackage is \(1, 3, 16, 16\), not \(1, 3, 8, 8\)"):
        run(program, numbers(1, 3, 8, 8))


def test_loading_says_nothing(net_package: Path) -> None:
    code = f"import pathlib, exporters.coreml.program.program as m; m.load_program(pathlib.Path({str(net_package)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
