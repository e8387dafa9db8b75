import importlib.metadata

from exporters.artifact.versions import PROOF, installed_versions, versions_of_makers


def test_only_what_is_installed_is_listed() -> None:
    assert installed_versions(("numpy", "no-such-distribution")) == {"numpy": importlib.metadata.version("numpy")}


def test_a_proved_file_names_its_makers_and_what_proved_it_in_that_order() -> None:
    names = list(versions_of_makers("onnx", "numpy"))
    assert names[:3] == ["effmod-bench", "onnx", "numpy"]
    assert set(names) - {"effmod-bench", "onnx"} <= set(PROOF)
