import pytest
import torch
import torch.nn.functional as F
from torch import nn

from exporters.rewrites import REWRITES, Equivalence, RewriteError, apply
from tests.exporters.rewrites.support import SIZE, TOLERANCE, filled, max_error, operators, rewritten, zoo


def test_auto_applies_what_is_exact_in_order() -> None:
    _, reports = rewritten(filled(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())))
    assert [report.name for report in reports] == ["merge_heads", "batch_norm", "channels_first", "blocked_layout"]
    assert all(report.equivalence is Equivalence.EXACT for report in reports)


def test_a_network_that_must_be_trained_again_is_made_only_on_request() -> None:
    assert REWRITES["layer_norm_to_batch_norm"].EQUIVALENCE is Equivalence.RETRAIN


def test_an_unknown_rewrite_is_refused_with_those_there_are() -> None:
    with pytest.raises(RewriteError, match="no rewrite 'fold'; there are merge_heads, "):
        apply(nn.Identity().eval(), SIZE, 1, ("fold",))


def test_a_network_in_training_is_refused() -> None:
    with pytest.raises(RewriteError, match="training mode"):
        apply(nn.Conv2d(3, 4, 1), SIZE)


def test_a_network_that_cannot_be_traced_is_refused_by_name() -> None:
    class Undecided(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    said = r"^torch cannot trace mine: which way it goes, .* \(test_registry\.py, line \d+\).*torch\.where choose$"
    with pytest.raises(RewriteError, match=said):
        apply(Undecided().eval(), SIZE, name="mine")


def test_one_of_which_the_image_decides_how_much_it_gives_is_refused_with_the_operator(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Picking(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[x > 0]

    model = nn.Sequential(nn.Conv2d(3, 2, 4, 4), Picking()).eval()
    with pytest.raises(RewriteError, match=r"how many values index in '1' of mine gives depends on the image"):
        apply(model, SIZE, name="mine")
    assert capsys.readouterr().err == ""


def test_a_network_with_two_outputs_is_refused() -> None:
    class Twofold(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x.mean((2, 3)), x.amax((2, 3))

    with pytest.raises(RewriteError, match="one output are rewritten, and this has 2"):
        apply(Twofold().eval(), SIZE)


def test_a_network_that_computes_in_two_precisions_is_rewritten() -> None:
    class Careful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.proj = nn.Conv2d(3, 8, 4, 4)
            self.head = nn.Linear(8, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.proj(x).permute(0, 2, 3, 1).double()  # where torch asserts what it knows of the tensor
            return self.head(x.float()).mean((1, 2))

    model = filled(Careful())
    network, reports = rewritten(model)
    assert {report.name: report.count for report in reports}["channels_first"] == 1
    assert max_error(model, network) < TOLERANCE


class Cast(nn.Module):
    """With weights of a precision, to which its input is cast; without one, autocast casts both."""

    def __init__(self, dtype: torch.dtype | None) -> None:
        super().__init__()
        self.dtype = dtype or torch.float32
        self.body = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.BatchNorm2d(4)).to(self.dtype)
        self.autocast = torch.autocast("cpu", torch.bfloat16, enabled=dtype is None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with self.autocast:
            return self.body(x.to(self.dtype)).mean((2, 3)).float()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, None])
def test_weights_of_another_precision_are_not_rewritten(dtype: torch.dtype | None) -> None:
    which = str(dtype or torch.bfloat16).removeprefix("torch.")
    said = rf"^mine computes '[\w.]+' in {which}, .*: return it in float32, .*; --rewrite none leaves it as it is$"
    with pytest.raises(RewriteError, match=said):
        apply(Cast(dtype).eval(), SIZE, name="mine")


class Kept(nn.Module):
    """With a tensor of another precision behind what is folded."""

    weight: torch.Tensor

    def __init__(self, use: str) -> None:
        super().__init__()
        self.use = use
        self.body = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.BatchNorm2d(4))
        self.scale = nn.Parameter(torch.linspace(1, 2, 4, dtype=torch.float64))
        self.wide = nn.Conv2d(4, 4, 1).double()
        self.register_buffer("weight", torch.linspace(-1, 1, 20).view(5, 4).half())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        if self.use == "scale within":
            return self.wide(x * self.scale[:, None, None]).mean((2, 3)).float()
        x = x.amax((2, 3))
        if self.use == "scale":
            x = (x * self.scale).float()
        return F.linear(x.half(), self.weight).float() if self.use == "buffer" else x


@pytest.mark.parametrize("use", ["nothing", "scale", "buffer", "scale within"])
def test_what_is_kept_in_another_precision_and_not_folded_is_left_alone(use: str) -> None:
    model = filled(Kept(use))
    network, reports = rewritten(model)
    assert {report.name: report.count for report in reports}["batch_norm"] == 1
    assert max_error(model, network) < TOLERANCE


def test_the_network_is_not_touched() -> None:
    model = zoo("efficientmod_xxs")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    network, _ = rewritten(model)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("name", ["efficientmod_xxs", "edgevit_xxs"])
def test_a_second_time_changes_nothing(name: str) -> None:
    once, _ = rewritten(zoo(name))
    twice, reports = rewritten(once)
    assert [report.count for report in reports] == [0, 0, 0, 0]
    assert operators(twice) == operators(once)
    assert max_error(once, twice) == 0


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("efficientmod_xs", 64),
        ("efficientmod_s_conv_k3_5_7", 64),
        ("efficientmod_xxs_conv", 64),
        ("poolformer_s12", 64),
        ("mobilevit_xs", 64),
        ("mobilenetv2_100", 224),  # at 64 its last BatchNorms see four pixels an image, and magnify rounding
        ("timm:convnext_atto", 64),
    ],
)
def test_outputs_stay_equal(name: str, size: int) -> None:
    model = zoo(name, size)
    network, _ = rewritten(model, size=size)
    assert max_error(model, network, size) < TOLERANCE


def test_a_batch_of_several_images_stays_one() -> None:
    model = zoo("efficientmod_xxs")
    network, _ = apply(model, SIZE, 2)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, SIZE, SIZE, generator=generator)
    with torch.inference_mode():
        assert (model(x) - network(x)).abs().max() < TOLERANCE
