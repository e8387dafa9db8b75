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


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (
            "torch.jit.trace(nn.ReLU(), torch.ones(1))",
            r"^net\.py:net is TorchScript, .* return the network that it was",
        ),
        (
            "nn.Sequential(torch.ao.nn.quantized.Quantize(1, 0, torch.quint8))",
            r"^layer '0' of net\.py:net is quantized \(Quantize of torch\.ao\.nn\.quantized",
        ),
        ("nn.Conv2d(3, 4, 1).half()", r"of 8x8 of float32 \(it has weights of float16; return it with \.float\(\)\)"),
    ],
)
def test_one_whose_layers_cannot_be_read_is_refused_with_what_to_return(
    returned: str, said: str, tmp_path: Path
) -> None:
    head = "import warnings, torch\nfrom torch import nn\n"
    body = f"def net():\n    warnings.simplefilter('ignore')\n    return {returned}\n"
    (tmp_path / "net.py").write_text(head + body)
    with pytest.raises(ModelTargetError, match=said):
        find_model("net.py:net", image_size=8)


def test_a_sum_in_float32_that_could_be_quantized_is_none_that_is(tmp_path: Path) -> None:
    """As in torchvision's networks of `quantization`, which are float32 unless they are asked for otherwise."""
    net = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.sum = torch.ao.nn.quantized.FloatFunctional()
    def forward(self, x):
        return self.sum.add(x, x)
"""
    (tmp_path / "net.py").write_text(net)
    spec = find_model(f"{tmp_path / 'net.py'}:Net", image_size=8)
    assert own.build(spec.factory, 8).complexity.params == 0
