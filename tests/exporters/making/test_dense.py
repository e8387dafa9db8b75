import numpy as np
import pytest
import torch

from exporters import cached_dense, is_dense_cached, load_network, obtain_dense
from models.dense.spec import find_dense
from models.zoo.images import natural_images


@torch.inference_mode()
def test_a_segmenter_is_written_once_and_built_again_by_its_name(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path_factory.mktemp("dense")))
    (spec,) = find_dense("semantic_fpn:resnet18")
    assert cached_dense(spec) is None
    made = obtain_dense(spec)
    assert is_dense_cached(spec)
    assert cached_dense(spec) == made
    network = made.network
    assert (network.model, network.input.shape, str(network.weights)) == (spec.name, (1, 3, 512, 512), "random(seed 0)")
    assert network.params == 15_426_774
    model = load_network(made.path)
    first, second = (model(torch.from_numpy(x[None])).numpy() for x in natural_images(2, (512, 512)))
    assert first.shape == (1, 150, 128, 128)
    assert np.isfinite(first).all()
    assert np.abs(first - second).max() > 0.1 * np.abs(first).max()
