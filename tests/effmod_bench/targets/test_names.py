from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from effmod_bench.errors import TargetError
from effmod_bench.targets import names
from effmod_bench.targets.names import find_network, find_networks, is_file
from models import UnknownModelError


def test_names_patterns_and_repetitions_become_networks_once() -> None:
    found = find_networks(["efficientmod_s", "efficientmod_x?s", "efficientmod_s"])
    assert [spec.name for spec in found] == ["efficientmod_s", "efficientmod_xxs"]


def test_a_pattern_that_matches_nothing_says_so() -> None:
    with pytest.raises(UnknownModelError, match=r"no network matches 'nope\*'"):
        find_networks(["nope*"])


@pytest.mark.parametrize("find", [lambda name: find_networks([name]), find_network])
def test_a_detector_is_no_network_that_a_file_is_made_of(find: Callable[[str], object]) -> None:
    with pytest.raises(TargetError, match="'effmod bench semantic_fpn:pvt_tiny --runtime pytorch' times it"):
        find("semantic_fpn:pvt_tiny")


def test_a_function_in_a_folder_with_brackets_is_no_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_networks(["efficientmod_xxs"])[0]
    monkeypatch.setattr(names, "find_network", lambda target, **_: msgspec.structs.replace(found, name=target))
    assert [spec.name for spec in find_networks(["try[1]/net.py:net"])] == ["try[1]/net.py:net"]


def test_a_file_is_told_from_a_name(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("")
    assert is_file("missing.onnx")
    assert is_file(str(tmp_path / "model"))
    assert not is_file("efficientmod_xxs")
    (tmp_path / "net.py").write_text("")
    assert not is_file(f"{tmp_path}/net.py:build")


def test_a_network_of_ones_own_that_does_not_run_is_told_and_the_others_are_found(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from torch import nn\ndef bad():\n    return nn.Linear(1, 1)\n")
    failed: dict[str, Exception] = {}
    bad = f"{tmp_path}/net.py:bad"
    found = find_networks([bad, "efficientmod_xxs"], image_size=32, on_failure=failed.__setitem__)
    assert [spec.name for spec in found] == ["efficientmod_xxs"]
    assert [*failed] == [bad]
    assert "does not run on images of 32x32" in str(failed[bad])
