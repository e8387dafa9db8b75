import msgspec
import pytest

from results import ArtifactSource
from results.plots.families import family_of, is_efficientmod, is_own, size_of
from tests.fakes import timed_artifact


@pytest.mark.parametrize(
    ("names", "family", "sizes"),
    [
        (("efficientmod_xxs", "efficientmod_xs", "efficientmod_s"), "efficientmod", ("xxs", "xs", "s")),
        (("mobilenetv2_100", "mobilenetv2_140"), "mobilenetv2", ("100", "140")),
        (("efficientformerv2_s0", "efficientformerv2_s2"), "efficientformerv2", ("s0", "s2")),
        (("mbconv_hier_6m", "mbconv_hier_13m"), "mbconv_hier", ("6m", "13m")),
        (("mobileformer_508m",), "mobileformer", ("508m",)),
    ],
)
def test_the_sizes_of_a_family_are_joined(names: tuple[str, ...], family: str, sizes: tuple[str, ...]) -> None:
    assert {family_of(name) for name in names} == {family}
    assert tuple(map(size_of, names)) == sizes


@pytest.mark.parametrize(
    "name", ["efficientmod_s_conv", "efficientmod_s_conv_no_f", "efficientmod_s_conv_k3_5", "a.onnx", "mine.py:net"]
)
def test_another_design_is_a_family_of_its_own(name: str) -> None:
    assert family_of(name) == size_of(name) == name


def test_what_is_to_be_seen_first_is_known_by_its_name_or_its_source() -> None:
    file = msgspec.structs.replace(timed_artifact("a.onnx"), source=ArtifactSource.FILE)
    assert is_own("a.onnx", file)
    assert is_own("mine.py:net(width=48)", timed_artifact())
    assert is_own("timm:resnet10t", None)
    assert not is_own("edgevit_xs", timed_artifact("edgevit_xs"))
    assert is_efficientmod("efficientmod_iso(dim=64)")
    assert not is_efficientmod("efficientformer_l1")
