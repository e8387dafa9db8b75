from pathlib import Path

import pytest
import timm
import torch

from exporters.making.create import create
from models import CheckpointError, WeightsSource, find_model

NAME = "repghostnet_050"


def test_a_checkpoint_that_was_saved_after_its_branches_were_merged_is_taken(tmp_path: Path) -> None:
    torch.manual_seed(0)
    expected = timm.utils.reparameterize_model(timm.create_model(NAME).eval())
    torch.save(expected.state_dict(), tmp_path / "net.pth")
    network, weights = create(find_model(f"timm:{NAME}", image_size=32), 32, tmp_path / "net.pth")
    assert weights.source is WeightsSource.CHECKPOINT
    x = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), expected(x), rtol=1e-4, atol=1e-4)


def test_one_of_another_network_is_refused_as_one_of_the_network_with_branches_apart(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="is a checkpoint of another network"):
        create(find_model(f"timm:{NAME}", image_size=32), 32, tmp_path / "other.pth")
