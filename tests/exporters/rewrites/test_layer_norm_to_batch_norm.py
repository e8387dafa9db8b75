import torch

from exporters.rewrites import Equivalence
from models import create_model
from models.zoo.batch_normed import batch_normed, merge
from tests.exporters.rewrites.support import SIZE, operators, rewritten, zoo

NAMES = ("layer_norm_to_batch_norm", "batch_norm", "channels_first")


def test_the_convolutional_network_becomes_the_papers_batch_norm_network() -> None:
    network, (report, *_) = rewritten(zoo("efficientmod_xxs_conv"), *NAMES)
    assert (report.count, report.equivalence) == (17, Equivalence.RETRAIN)
    own, _ = rewritten(zoo("efficientmod_xxs_conv_bn"), *NAMES[1:])
    assert operators(network) == operators(own)


def test_no_norm_is_left_of_a_network_with_attention() -> None:
    network, (report, *_) = rewritten(zoo("efficientmod_xxs"), *NAMES)
    found = operators(network)
    assert report.count == 23
    assert not [name for name in found if "norm" in name]
    assert found["conv2d"] == 76


def test_each_layer_gives_normalized_channels_and_the_output_depends_on_the_image() -> None:
    network, _ = rewritten(zoo("efficientmod_xxs"), NAMES[0])
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        first, second = (network(torch.randn(1, 3, SIZE, SIZE, generator=generator)) for _ in range(2))
    assert torch.isfinite(first).all()
    assert (first - second).abs().max() > 1e-2


def test_a_network_without_layer_norm_stays_as_it_is() -> None:
    network, (report,) = rewritten(zoo("efficientmod_xxs_conv_bn"), NAMES[0])
    assert report.count == 0
    assert operators(network)["batch_norm"] == 64


def test_the_network_that_is_trained_for_it_has_the_operators_that_it_makes() -> None:
    network = create_model("efficientmod_xxs", dims=(8, 16), depths=(1, 1), attention_depths=(1, 1)).eval()
    made, _ = rewritten(network, *NAMES)
    trained, (report, *_) = rewritten(merge(batch_normed(network, SIZE)), *NAMES)
    assert report.count == 0
    assert operators(trained) == operators(made)
