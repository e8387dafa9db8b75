import argparse
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import models
from exporters.making.key import weights_identity
from models import CheckpointError, WeightsSource
from models.zoo.identity import identity_of
from tests.fakes import damaged


@pytest.fixture
def fresh() -> torch.nn.Module:
    return models.create_model("efficientmod_xxs")


def saved_by_timm(path: Path, model: torch.nn.Module) -> Path:
    """The layout of timm's CheckpointSaver, which the authors' released files have."""
    plain = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    content = {
        "epoch": 299,
        "arch": "efficientmod_xxs",
        "state_dict": plain,
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]},
        "version": 2,
        "args": argparse.Namespace(model="efficientmod_xxs", lr=1e-3, img_size=None),
        "state_dict_ema": model.state_dict(),
        "metric": 76.0,
    }
    torch.save(content, path)
    return path


def test_the_released_layout_loads(trained: torch.nn.Module, fresh: torch.nn.Module, tmp_path: Path) -> None:
    path = saved_by_timm(tmp_path / "model_best.pth.tar", trained)
    weights = models.load_checkpoint(fresh, path)
    assert weights.source is WeightsSource.CHECKPOINT
    assert (weights.file, weights.entry) == ("model_best.pth.tar", "state_dict_ema")
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), trained.parameters(), strict=True))
    assert models.load_checkpoint(fresh, path, use_ema=False).entry == "state_dict"
    assert not any(parameter.any() for parameter in fresh.parameters())


def test_a_bare_state_dict_and_a_wrapped_one_load(
    trained: torch.nn.Module, fresh: torch.nn.Module, tmp_path: Path
) -> None:
    torch.save({f"module.{name}": value for name, value in trained.state_dict().items()}, tmp_path / "bare.pth")
    assert models.load_checkpoint(fresh, tmp_path / "bare.pth").entry is None
    assert torch.equal(fresh.get_parameter("head.weight"), trained.get_parameter("head.weight"))


@pytest.mark.parametrize("prefix", ["_orig_mod.", "model.", "model._orig_mod.module."])
def test_what_a_wrapper_puts_before_each_name_is_taken_off(
    prefix: str, trained: torch.nn.Module, fresh: torch.nn.Module, tmp_path: Path
) -> None:
    torch.save({f"{prefix}{name}": value for name, value in trained.state_dict().items()}, tmp_path / "wrapped.pth")
    models.load_checkpoint(fresh, tmp_path / "wrapped.pth")
    assert torch.equal(fresh.get_parameter("head.weight"), trained.get_parameter("head.weight"))


def test_a_prefix_that_the_network_itself_has_stays(tmp_path: Path) -> None:
    trained, fresh = (torch.nn.ModuleDict({"model": torch.nn.Linear(2, 2)}) for _ in range(2))
    torch.save(trained.state_dict(), tmp_path / "own.pth")
    models.load_checkpoint(fresh, tmp_path / "own.pth")
    assert torch.equal(fresh.get_parameter("model.weight"), trained.get_parameter("model.weight"))


@pytest.mark.parametrize("classes", [10, 0])
def test_a_checkpoint_that_differs_in_its_classes_alone_says_how_to_use_it(
    classes: int, fresh: torch.nn.Module, tmp_path: Path
) -> None:
    own = models.create_model("efficientmod_xxs", num_classes=classes)
    torch.save(own.state_dict(), tmp_path / "own.pth")
    with pytest.raises(CheckpointError, match="fits EfficientMod but for its classifier: it has") as caught:
        models.load_checkpoint(fresh, tmp_path / "own.pth")
    text = str(caught.value)
    assert ("it has 10 classes, and the network 1000" if classes else "it has none") in text
    function = text[text.index("    def build") : text.index("and give net.py:build")]
    (tmp_path / "net.py").write_text(textwrap.dedent(function).replace("NAME", repr("efficientmod_xxs")))
    models.load_checkpoint(models.create_model(f"{tmp_path}/net.py:build"), tmp_path / "own.pth")


def test_a_checkpoint_of_other_names_shows_some_of_them(fresh: torch.nn.Module, tmp_path: Path) -> None:
    other = {f"net.{name}": value for name, value in fresh.state_dict().items()} | {"n": torch.zeros(1)}
    torch.save(other, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="another network") as caught:
        models.load_checkpoint(fresh, tmp_path / "x.pth")
    assert "patch_embed.proj.weight (32, 3, 7, 7): not in the file" in str(caught.value)
    assert "net.patch_embed.proj.weight (32, 3, 7, 7): not in the network" in str(caught.value)


def test_safetensors_load(trained: torch.nn.Module, fresh: torch.nn.Module, tmp_path: Path) -> None:
    safetensors.torch.save_file(trained.state_dict(), tmp_path / "x.safetensors")
    models.load_checkpoint(fresh, tmp_path / "x.safetensors")
    assert torch.equal(fresh.get_parameter("head.weight"), trained.get_parameter("head.weight"))
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        models.load_checkpoint(fresh, tmp_path / "bad.safetensors")


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_that_would_run_code_is_refused(fresh: torch.nn.Module, tmp_path: Path) -> None:
    torch.save({"state_dict": fresh.state_dict(), "hook": Evil(tmp_path / "ran")}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match=r"posix\.mkdir|nt\.mkdir") as caught:
        models.load_checkpoint(fresh, tmp_path / "evil.pth")
    assert "weights_only=False" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_tensors_of_an_absurd_size_are_refused(fresh: torch.nn.Module, tmp_path: Path) -> None:
    header = b'{"head.weight":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}'
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        models.load_checkpoint(fresh, tmp_path / "x.safetensors")
    huge = torch.zeros(1).expand(1 << 40)  # 4 bytes in the file
    torch.save(fresh.state_dict() | {"head.weight": huge}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"head\.weight .*\(1099511627776,\) in the file"):
        models.load_checkpoint(fresh, tmp_path / "x.pth")


def test_a_checkpoint_of_another_network_names_five_differences(fresh: torch.nn.Module, tmp_path: Path) -> None:
    torch.save(models.create_model("efficientmod_xs").state_dict(), tmp_path / "xs.pth")
    before = fresh.get_parameter("head.weight").clone()
    with pytest.raises(CheckpointError, match="another network") as caught:
        models.load_checkpoint(fresh, tmp_path / "xs.pth")
    lines = str(caught.value).splitlines()
    assert lines[1] == "  layers.0.blocks.1.mlp.fc1.weight (192, 32): (128, 32) in the file"
    assert len([line for line in lines if line.startswith("  ") and ":" in line]) == 5
    assert torch.equal(before, fresh.get_parameter("head.weight"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a PyTorch checkpoint"),
        (b"hello", "not a PyTorch checkpoint"),
        (b"version https://git-lfs", "is no checkpoint: it is Git LFS"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_checkpoint_says_so(
    content: bytes | None, said: str, fresh: torch.nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "x.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=said):
        models.load_checkpoint(fresh, path)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_torchscript_is_told_from_a_damaged_checkpoint(tmp_path: Path) -> None:
    network = torch.nn.Linear(2, 2)
    path = tmp_path / "x.pt"
    torch.jit.save(torch.jit.trace(network, torch.ones(1, 2)), path)  # type: ignore[no-untyped-call]
    with pytest.raises(CheckpointError, match=r"x\.pt is a TorchScript .*torch\.jit\.load\('.*x\.pt'\)\.state_dict"):
        models.load_checkpoint(network, path)
    assert identity_of(path) is None  # and torch's warning of it is not heard: here it would be an error


def test_a_pipe_is_no_checkpoint_and_is_not_waited_for(fresh: torch.nn.Module, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.pth")
    spec = models.find_model("efficientmod_xxs")
    said = r"cannot read checkpoint .*x\.pth: it is not a file"
    with pytest.raises(CheckpointError, match=said):
        models.load_checkpoint(fresh, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=said):
        weights_identity(spec, 224, tmp_path / "x.pth")


def test_a_checkpoint_that_is_cut_short_says_so(trained: torch.nn.Module, tmp_path: Path) -> None:
    path = saved_by_timm(tmp_path / "cut.pth.tar", trained)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match="cut short"):
        models.load_checkpoint(trained, path)


@pytest.mark.parametrize("kind", ["pth", "pth of torch before 1.6", "safetensors"])
def test_a_damaged_checkpoint_is_loaded_or_refused_and_nothing_else(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind.split()[0]}"
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(model.state_dict(), path)
    else:
        torch.save({"state_dict": model.state_dict(), "epoch": 3}, path, _use_new_zipfile_serialization=kind == "pth")
    loaded, refused = 0, 0
    for content in damaged(path.read_bytes(), 400):
        path.write_bytes(content)
        try:
            models.load_checkpoint(model, path)
            loaded += 1
        except CheckpointError:
            refused += 1
    assert (loaded > 10, refused > 100) == (True, True), (loaded, refused)


def test_a_file_without_weights_says_what_it_has(fresh: torch.nn.Module, tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(CheckpointError, match=r"holds no weights.*epoch"):
        models.load_checkpoint(fresh, tmp_path / "empty.pth")
    torch.save({}, tmp_path / "nothing.pth")
    with pytest.raises(CheckpointError, match="holds no weights: it is an empty dictionary"):
        models.load_checkpoint(fresh, tmp_path / "nothing.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds a list"):
        models.load_checkpoint(fresh, tmp_path / "list.pth")


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("sparse", lambda x: x.to_sparse(), r"weight in it is sparse \(sparse_coo\), where weights are dense"),
        ("meta", lambda x: x.to("meta"), "weight in it is on the device 'meta', and holds no values"),
        ("complex", lambda x: x.to(torch.complex64), "weight in it is complex64.*imaginary parts would be lost"),
        ("int8", lambda x: x.to(torch.int8), "weight in it is int8.*only with the scale"),
        ("list", lambda x: x.tolist(), "'weight' in it is no tensor, but a list"),
    ],
)
def test_values_that_loading_would_lose_are_refused_by_name(
    kind: str, change: Callable[[torch.Tensor], Any], said: str, tmp_path: Path
) -> None:
    trained, fresh = torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.Linear(2, 2))[0]
    before = fresh.state_dict()["weight"].clone()
    rest = {"bias": trained.bias.detach(), "more": torch.zeros(1)}
    torch.save({"weight": change(trained.weight.detach()), **rest}, tmp_path / f"{kind}.pth")
    with pytest.raises(CheckpointError, match=said):
        models.load_checkpoint(fresh, tmp_path / f"{kind}.pth")
    assert torch.equal(fresh.state_dict()["weight"], before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_another_floating_type_is_taken(dtype: torch.dtype, tmp_path: Path) -> None:
    trained, fresh = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    torch.save(trained.to(dtype).state_dict(), tmp_path / "other.pth")
    models.load_checkpoint(fresh, tmp_path / "other.pth")
    assert torch.equal(fresh.weight, trained.weight.float())
