import pytest
import torch

import models


@pytest.fixture(scope="module")
def trained() -> torch.nn.Module:
    model = models.create_model("efficientmod_xxs")
    models.fill(model, image_size=64, seed=1)
    return model
