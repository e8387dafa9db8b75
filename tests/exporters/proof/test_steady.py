import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from exporters import ExportError
from exporters.proof.steady import check_steady


class Head(nn.Module):
    def __init__(self, *, training: bool | None) -> None:
        super().__init__()
        self.drops = training

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"y": functional.dropout(x, training=self.training if self.drops is None else self.drops), "x": x}


def network(*, training: bool | None) -> nn.Module:
    return nn.Sequential(nn.Identity(), Head(training=training)).eval()


def test_a_network_that_draws_is_refused_with_the_operator_and_its_layer() -> None:
    with pytest.raises(
        ExportError, match=r"^mine draws random numbers where it is run \(\w*(dropout|bernoulli)\w* in '1'\)"
    ):
        check_steady("mine", network(training=True), torch.ones(1, 3, 8, 8))


def test_one_that_drops_in_training_alone_is_none() -> None:
    check_steady("mine", network(training=None), torch.ones(1, 3, 8, 8))


def test_one_that_draws_and_gives_the_same_is_none() -> None:
    """A mask that keeps all."""
    check_steady("mine", nn.Dropout(0).train(), torch.ones(1, 3, 8, 8))


@pytest.mark.parametrize("number", [torch.nan, torch.inf])
@pytest.mark.parametrize("places", [1, 4], ids=["one number", "all numbers"])
def test_one_that_gives_what_is_no_number_each_time_is_none(number: float, places: int) -> None:
    network = nn.Linear(4, 4).eval()
    with torch.no_grad():
        network.bias[:places] = number
    check_steady("mine", network, torch.ones(1, 4))


def test_one_that_draws_beside_what_is_no_number_is_refused() -> None:
    drawing = Head(training=True)
    with pytest.raises(ExportError, match=r"^mine draws random numbers"):
        check_steady("mine", drawing.eval(), torch.tensor([[torch.inf] + [1.0] * 99]))


def test_one_that_changes_its_images_is_refused() -> None:
    class Doubling(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mul_(2)

    x = torch.ones(1, 3, 8, 8)
    with pytest.raises(ExportError, match=r"^mine changes the images that it is given, in place.*x\.clone\(\)"):
        check_steady("mine", Doubling(), x)
    assert bool((x == 1).all())


def test_one_that_keeps_count_is_not_said_to_draw() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.runs = 0

        def forward(self, x: Tensor) -> Tensor:
            self.runs += 1
            return x * self.runs

    with pytest.raises(ExportError, match=r"draws no random numbers: something that it keeps changes"):
        check_steady("mine", Counting(), torch.ones(1, 3, 8, 8))


def test_dropout_is_spoken_of_to_who_has_it() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.randn_like(x)

    with pytest.raises(ExportError, match=r"\(randn_like in 'Noisy'\).*\. Take the random operators out$"):
        check_steady("mine", Noisy(), torch.ones(1, 3, 8, 8))
