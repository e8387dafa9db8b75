import pytest
import torch

import models


def test_a_side_that_it_cannot_take_is_refused() -> None:
    with torch.device("meta"):
        model = models.create_model("edgevit_xxs")
        with pytest.raises(ValueError, match="EdgeViT takes images whose sides are multiples of 32, not 48x64"):
            model(torch.empty(1, 3, 48, 64))
