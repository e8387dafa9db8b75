import pytest

from models import ModelSpec, Weights, WeightsSource
from models.zoo.spec import is_own


@pytest.mark.parametrize("field", ["image_size", "min_size", "size_multiple"])
def test_a_size_below_one_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} is at least 1, not 0"):
        ModelSpec(name="net", family="own", factory="timm:resnet18", params=1, macs=1, **{field: 0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "own"),
    [("resnet18", False), ("timm:resnet18", True), ("net.py:build", True), ("a/net.py:build", True), ("net.py", False)],
)
def test_targets_of_the_users_own_are_told_from_names_of_the_zoo(name: str, own: bool) -> None:
    assert is_own(name) == own


def test_weights_say_where_they_come_from() -> None:
    assert str(Weights(source=WeightsSource.RANDOM, seed=3)) == "random(seed 3)"
    assert str(Weights(source=WeightsSource.PRETRAINED, file="timm/a")) == "pretrained(timm/a)"
    assert str(Weights(source=WeightsSource.FUNCTION, sha256="0123")) == "the function's own"
    weights = Weights(source=WeightsSource.CHECKPOINT, file="x.pth", sha256="0123456789abcdef")
    assert str(weights) == "x.pth (sha256 0123456789ab)"
