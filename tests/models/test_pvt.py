import pytest
import torch

import models


def test_a_side_that_it_cannot_take_is_refused() -> None:
    with torch.device("meta"):
        model = models.create_model("pvt_tiny")
        with pytest.raises(ValueError, match="PVT takes images of 32x32 pixels or more, not 31x64"):
            model(torch.empty(1, 3, 31, 64))
