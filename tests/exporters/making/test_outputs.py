import dataclasses
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from exporters import ExportError
from exporters.making.outputs import by_name, check_batched, check_precision, flat, own_modules


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


@dataclasses.dataclass
class Named:
    scores: Tensor
    loss: Tensor | None = None


class Giving(nn.Module):
    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, _: Tensor) -> Any:
        return self.output


A, B, C = (torch.full((2, size), float(size)) for size in (1, 2, 3))


@pytest.mark.parametrize(
    ("output", "names"),
    [
        (A, ["logits"]),
        ({"out": A}, ["logits"]),
        ((A, B), ["output_0", "output_1"]),
        (Pair(A, B), ["first", "second"]),
        ({"scores": A, "maps": [B, (C,)], "count": 3, "none": None}, ["scores", "maps_0", "maps_1_0"]),
        (Named(A), ["logits"]),
        ({"input": A, "a.b": B, "a_b": C}, ["input_", "a_b", "a_b_"]),
    ],
)
def test_outputs_stand_in_a_row_under_names_that_files_take(output: Any, names: list[str]) -> None:
    network, found = flat("mine", Giving(output).eval(), output)
    given = network(torch.zeros(1))
    tensors = (given,) if isinstance(given, Tensor) else given
    assert list(found) == names == list(by_name(output))
    assert [len(tensor[0]) for tensor in tensors] == list(range(1, len(names) + 1))
    assert not network.training


def test_a_network_that_gives_one_tensor_is_the_same_object() -> None:
    network = Giving(A).eval()
    assert flat("mine", network, A)[0] is network


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({"x": None}, "mine gives a dict without a tensor in it; return tensors"),
        (
            {"x": torch.zeros(1, dtype=torch.complex64)},
            "output 'x' of mine is complex64, which neither",
        ),
    ],
)
def test_what_no_file_gives_is_refused(output: Any, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        flat("mine", Giving(output), output)


def test_modules_have_the_paths_of_the_users_network_and_not_of_what_puts_its_outputs_in_a_row() -> None:
    modules = {"": ("a",), "network": ("b",), "network.stem": ("c",), "network.network": ("d",)}
    around, _ = flat("mine", Giving((A, B)), (A, B))
    assert own_modules(around, modules) == {"": ("a", "b"), "stem": ("c",), "network": ("d",)}
    assert own_modules(Giving(A), modules) == modules


class Boxes(nn.Module):
    """Two boxes for each image, in one row or for each of them, and what does not follow the batch."""

    def __init__(self, beside: Any) -> None:
        super().__init__()
        self.beside = beside

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        boxes = x.flatten(1)[:, :8]
        return boxes.reshape(len(x), 2, 4), boxes.reshape(-1, 4), *self.beside(x)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    ("beside", "shape"),
    [
        (lambda _: (torch.zeros(100, 4),), r"\(100, 4\)"),
        (lambda x: (x.mean(),), r"\(\)"),
        (lambda x: (x[:1],), r"\(1, "),
    ],
    ids=["anchors", "a number", "the first image"],
)
def test_an_output_that_has_no_batch_axis_is_named_where_that_axis_is_to_stay_open(
    beside: Any, shape: str, batch: int
) -> None:
    x = torch.rand(batch, 3, 4, 4)
    with pytest.raises(ExportError, match=rf"^output 'c' of mine has no batch axis in front: its shape is {shape}"):
        check_batched("mine", Boxes(beside), ("a", "b", "c"), x)
    check_batched("mine", Boxes(lambda _: ()), ("a", "b"), x)


def test_a_network_that_takes_no_other_batch_is_left_to_torchs_exporter() -> None:
    check_batched("mine", Boxes(lambda x: (x.view(1, 48),)), ("a", "b", "c"), torch.rand(1, 3, 4, 4))


class Stored(nn.Linear):
    """Keeps its weights in another precision than it computes in."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight.float(), self.bias.float())


def test_what_is_kept_in_half_precision_alone_is_no_reason_to_refuse() -> None:
    check_precision("mine", Stored(3, 4).half().eval(), torch.ones(2, 3))
    with pytest.raises(
        ExportError, match=r"^mine computes in bfloat16, .* --compute-precision float16 rounds its file$"
    ):
        check_precision("mine", nn.Linear(3, 4).bfloat16().eval(), torch.ones(2, 3).bfloat16())
