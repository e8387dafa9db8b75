import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exporters.config import ComputePrecision
from exporters.coreml.program.program import Program, load_program


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


def weight_file(package: Path) -> Path:
    return package / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"


def specification(package: Path) -> Path:
    return package / "Data" / "com.apple.CoreML" / "model.mlmodel"
