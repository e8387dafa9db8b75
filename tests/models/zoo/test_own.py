from pathlib import Path

import pytest

from models import ModelTargetError, create_own, find_model
from models.zoo import own


def test_it_is_built_once_until_its_file_is_changed(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    count = (
        "calls = []\nfrom torch import nn\ndef net():\n    calls.append(1)\n    return nn.Conv2d(3, len(calls), 1)\n"
    )
    file.write_text(count)
    spec = find_model(f"{file}:net", image_size=8)
    first = own.build(spec.factory, 8)
    assert create_own(spec, image_size=8)[0] is first.model
    assert first.complexity.params == 4
    file.write_text(f"{count}# changed\n")
    assert own.build(spec.factory, 8).source_sha256 != first.source_sha256


def test_a_network_without_values_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from torch import nn\ndef net():\n    return nn.Conv2d(3, 4, 1, device='meta')\n")
    with pytest.raises(ModelTargetError, match=r"net\.py:net returned a network on the device 'meta', which holds no"):
        find_model("net.py:net")


def test_one_that_ends_the_program_when_it_runs_is_refused(tmp_path: Path) -> None:
    net = "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x):\n        raise SystemExit(1)\n"
    (tmp_path / "net.py").write_text(net)
    with pytest.raises(ModelTargetError, match=r"does not run on images of 8x8 at line 4: it ended the program"):
        find_model("net.py:Net", image_size=8)
