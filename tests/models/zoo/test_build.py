"""From names to networks, and what is refused on the way."""

import pytest

import models
from models import ImageSizeError, PluginError
from models.zoo.build import factory_function, image_size_parameter


def test_a_network_is_not_built_for_a_size_that_it_cannot_take() -> None:
    with pytest.raises(ImageSizeError, match="efficientformerv2_s0 takes square images"):
        models.create_model("efficientformerv2_s0", image_size=240)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="'deploy' is not a valid Form"):
        models.create_model("mobileone_s1", form="deploy")


def test_a_factory_is_found_by_its_module_and_its_name() -> None:
    from models.efficientmod import efficientmod_xxs

    assert factory_function("models.efficientmod:efficientmod_xxs") is efficientmod_xxs
    with pytest.raises(PluginError, match=r"models\.nowhere:net, which should build a network, cannot be imported"):
        factory_function("models.nowhere:net")


def test_a_function_tells_whether_it_takes_an_image_size() -> None:
    def sized(image_size: int = 64) -> None: ...

    def unsized() -> None: ...

    parameter = image_size_parameter(sized)
    assert parameter is not None
    assert parameter.default == 64
    assert image_size_parameter(unsized) is None
