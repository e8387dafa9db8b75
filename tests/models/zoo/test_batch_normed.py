import copy

import pytest
import torch
from torch import Tensor, nn

from models import BatchNormError
from models.efficientmod import EfficientMod
from models.efficientmod_conv import ConvEfficientMod, Norm
from models.zoo.batch_normed import batch_normed, layers_of, merge, norms_taken_out
from models.zoo.weights import fill_parameters

SIZE = 32


def small(**kwargs: object) -> EfficientMod:
    config = {"dims": (8, 16), "depths": (1, 1), "attention_depths": (0, 1), "num_classes": 5} | kwargs
    network = EfficientMod(**config)  # type: ignore[arg-type]
    fill_parameters(network)
    return network


def images(count: int = 4) -> Tensor:
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def test_layer_norms_go_and_each_layer_but_the_classifier_gets_a_batch_norm() -> None:
    network = small()
    normed = batch_normed(network, SIZE)
    assert norms_taken_out(normed) == sum(isinstance(m, nn.LayerNorm) for m in network.modules()) == 7
    layers = layers_of(normed, SIZE)
    assert [layer.name for layer in layers if layer.norm is None] == ["head"] == [layers[-1].name]
    assert layers[-1].is_classifier
    assert len(layers) == 17
    assert norms_taken_out(network) == 0  # it is a copy


def test_weights_of_the_network_fit_the_layers_by_their_names() -> None:
    network = small()
    normed = batch_normed(network, SIZE)
    left = normed.load_state_dict(network.state_dict(), strict=False)
    assert all(".norm_behind." in name for name in left.missing_keys)
    assert {name.split(".")[-2] for name in left.unexpected_keys} == {"norm", "norm1", "norm2"}


def test_a_batch_norm_normalizes_each_channel_of_a_layer_in_training() -> None:
    normed = batch_normed(small(), SIZE).train()
    found: dict[str, Tensor] = {}
    for layer in layers_of(normed, SIZE):
        layer.module.register_forward_hook(lambda _m, _x, y, name=layer.name: found.update({name: y}))
    with torch.no_grad():
        normed(images())
    conv, linear = found["patch_embed.proj"], found["layers.0.blocks.0.mlp.fc1"]
    for channels in (conv.movedim(1, -1).flatten(0, -2), linear.flatten(0, -2)):
        assert channels.mean(0).abs().max() < 1e-5
        assert (channels.var(0, correction=0) - 1).abs().max() < 1e-2


def test_merged_it_gives_what_it_gave_without_any_norm() -> None:
    normed = batch_normed(small(), SIZE).train()
    with torch.no_grad():
        for _ in range(20):
            normed(images())
        before = normed.eval()(images())
        after = merge(copy.deepcopy(normed))
        assert (after(images()) - before).abs().max() < 1e-4 * before.abs().max()
    assert not [m for m in after.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert {type(layer.module) for layer in layers_of(after, SIZE)} == {nn.Linear, nn.Conv2d}


def test_layers_that_have_a_batch_norm_get_no_second_one() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.Flatten(), nn.LayerNorm(3600))
    first, second = layers_of(normed := batch_normed(network, SIZE), SIZE)
    assert first.norm is normed.get_submodule("1")
    assert not hasattr(first.module, "norm_behind")
    assert second.norm is second.module.norm_behind


def test_the_papers_batch_norm_network_has_its_norms_behind_the_same_layers() -> None:
    forms = [ConvEfficientMod(dims=(8, 16), depths=(1, 1), norm=norm) for norm in Norm]
    layers = [layers_of(forms[1], SIZE), layers_of(batch_normed(forms[0], SIZE), SIZE)]
    assert [each.norm is None for each in layers[0]] == [each.norm is None for each in layers[1]]


def test_a_network_without_layer_norms_is_refused() -> None:
    with pytest.raises(BatchNormError, match="ConvEfficientMod has no LayerNorm"):
        batch_normed(ConvEfficientMod(dims=(8, 16), depths=(1, 1), norm=Norm.BATCH), SIZE)


def test_a_layer_norm_that_does_more_is_refused() -> None:
    class Activated(nn.LayerNorm):
        def __init__(self) -> None:
            super().__init__(30)
            self.act = nn.GELU()

    with pytest.raises(BatchNormError, match="1 is a LayerNorm that does more than normalize"):
        batch_normed(nn.Sequential(nn.Conv2d(3, 4, 3), Activated()), SIZE)


def test_a_network_that_does_not_run_is_refused() -> None:
    with pytest.raises(BatchNormError, match="Sequential does not run on images of 32x32: RuntimeError"):
        batch_normed(nn.Sequential(nn.Conv2d(4, 4, 3), nn.LayerNorm(30)), SIZE)
