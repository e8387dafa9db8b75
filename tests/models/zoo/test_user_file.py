"""Networks of the user's own files."""

import os
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import models
from models import ModelTargetError, UnknownModelError

NETWORK = """
    from torch import nn

    def flat(image_size=16):
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * image_size**2, 2))

    def small(channels=8):
        return nn.Sequential(nn.Conv2d(3, channels, 3, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def number():
        return 3

    def broken():
        raise RuntimeError("no luck")

    def leaves():
        raise SystemExit(0)

    not_a_function = 1

    ready = nn.ReLU()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text("\n".join(line[4:] for line in NETWORK.splitlines()))
    return path


class TestFileTargets:
    def test_a_function_of_a_file_builds_a_network(self, file: Path) -> None:
        model = models.create_model(f"{file}:small", channels=6)
        assert isinstance(model, nn.Sequential)
        assert sum(p.numel() for p in model.parameters()) == 6 * 3 * 9 + 6

    def test_its_row_is_counted(self, file: Path) -> None:
        row = models.find_model(f"{file}:small", image_size=65)
        assert (row.name, row.image_size, row.params) == (f"{file}:small", 65, 224)
        assert row.macs == 32 * 32 * 8 * 27 + 32 * 32 * 8
        assert models.family(row).title == f"{file}:small"

    def test_a_function_with_an_image_size_is_given_it(self, file: Path) -> None:
        assert models.find_model(f"{file}:flat").params == 2 * 3 * 16**2 + 2
        assert models.find_model(f"{file}:flat", image_size=8).params == 2 * 3 * 8**2 + 2

    def test_a_changed_file_is_read_again(self, file: Path) -> None:
        assert models.find_model(f"{file}:flat", image_size=8).image_size == 8
        file.write_text("from torch import nn\n\ndef flat():\n    return nn.ReLU()\n")
        assert isinstance(models.create_model(f"{file}:flat"), nn.ReLU)

    def test_its_folder_does_not_come_onto_the_path(self, file: Path) -> None:
        models.create_model(f"{file}:small")
        assert str(file.parent) not in sys.path

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("net.py", r"net\.py: name the function of it that builds the network, as in .*net\.py:FUNCTION"),
            ("net.py:ready", r"is a network, not a function .* 'def build\(\): return ready' .* name .*net\.py:build"),
            ("net.py:number", r"net\.py:number returned a int, not a torch\.nn\.Module"),
            ("net.py:broken", r"net\.py:broken failed at line 14: RuntimeError: no luck"),
            ("net.py:leaves", r"net\.py:leaves failed at line 17: it ended the program, by sys\.exit\(0\)"),
        ],
    )
    def test_what_is_wrong_with_a_target_is_said(self, file: Path, target: str, message: str) -> None:
        with pytest.raises(ModelTargetError, match=message):
            models.find_model(str(file.parent / target))

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("missing.py:net", r"there is no file .*missing\.py"),
            ("net.py:large", r"net\.py has no function 'large'; it has flat, small, number, broken, leaves"),
            ("net.py:not_a_function", r"net\.py has no function 'not_a_function'; it has flat"),
        ],
    )
    def test_a_name_of_nothing_is_unknown_as_one_of_the_zoo_would_be(
        self, file: Path, target: str, message: str
    ) -> None:
        with pytest.raises(UnknownModelError, match=message) as caught:
            models.find_model(str(file.parent / target))
        assert not isinstance(caught.value, ModelTargetError)

    def test_a_network_that_fails_at_this_size_says_so(self, file: Path) -> None:
        file.write_text("from torch import nn\n\ndef net():\n    return nn.Linear(3, 2)\n")
        with pytest.raises(ModelTargetError, match=r"net\.py:net does not run on images of 224x224: RuntimeError"):
            models.find_model(f"{file}:net")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("import nowhere", "failed at line 1: ModuleNotFoundError: .*; install it .*, or put it beside the file"),
            ("raise SystemExit('bye')", r"failed at line 1: it ended the program, by sys\.exit\('bye'\)"),
            ("raise GeneratorExit", "failed at line 1: GeneratorExit"),
            ("import os; os.chdir('/')", r"net\.py changed the working folder from .* to /, .* it was put back"),
            ("import torch; torch.relu = abs", r"net\.py replaced torch\.relu, which .* it was put back"),
            ("\ndef net(:\n", "cannot be imported, it failed: SyntaxError: "),
        ],
    )
    def test_a_file_that_cannot_be_imported_says_why(self, file: Path, content: str, message: str) -> None:
        file.write_text(content)
        with pytest.raises(ModelTargetError, match=message):
            models.create_model(f"{file}:net")
        assert Path.cwd() == file.parent

    def test_a_function_draws_the_same_weights_each_time_and_other_draws_are_not_disturbed(self, file: Path) -> None:
        drawn = torch.random.get_rng_state()
        first, second = (models.create_model(f"{file}:small").state_dict() for _ in range(2))
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert torch.equal(torch.random.get_rng_state(), drawn)

    def test_a_changed_module_beside_it_is_read_again(self, file: Path) -> None:
        beside = file.with_name("beside.py")
        for classes in (3, 40):  # as many letters are another size, if not another time
            beside.write_text(f"CLASSES = {classes}\n")
            os.utime(beside, ns=(classes, classes))
            file.write_text(
                "from torch import nn\n\ndef net():\n    import beside\n    return nn.Linear(2, beside.CLASSES)\n"
            )
            os.utime(file, ns=(1, 1))
            assert models.create_model(f"{file}:net").get_parameter("bias").shape == (classes,)
