import pytest
import torch
import torch.nn.functional as F

from models.training.recipe import Sourced
from models.training.tasks import classification, distillation
from models.zoo.spec import Preprocessing
from tests.images import Small

CPU = torch.device("cpu")


def test_a_teacher_has_nine_tenths_of_the_loss(small_recipe: Sourced) -> None:
    network, teacher, usual = Small(), Small(), Preprocessing()
    x, target = torch.randn(4, 3, 32, 32), F.one_hot(torch.tensor([0, 1, 2, 0]), 3).float()
    task = distillation(
        network, teacher, small_recipe.recipe, preprocessing=usual, teacher_preprocessing=usual, device=CPU
    )
    task.train()
    assert not teacher.training
    found = {name: value.detach() for name, value in task(x, target).items()}
    assert float(found["loss"]) == pytest.approx(0.1 * float(found["task_loss"]) + 0.9 * float(found["kd_loss"]))
    with torch.no_grad():
        expected = F.kl_div(
            found["output"].log_softmax(1), teacher(x).log_softmax(1), reduction="batchmean", log_target=True
        )
    assert float(found["kd_loss"]) == pytest.approx(float(expected))


def test_a_teacher_sees_images_as_it_was_trained_on_them(small_recipe: Sourced) -> None:
    seen: list[torch.Tensor] = []
    teacher = Small()
    teacher.register_forward_pre_hook(lambda _, told: seen.append(told[0]))
    theirs = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    pixels = torch.rand(2, 3, 32, 32)
    ours = Preprocessing()
    x = (pixels - torch.tensor(ours.mean).view(1, 3, 1, 1)) / torch.tensor(ours.std).view(1, 3, 1, 1)
    task = distillation(
        Small(), teacher, small_recipe.recipe, preprocessing=ours, teacher_preprocessing=theirs, device=CPU
    )
    task(x, torch.full((2, 3), 1 / 3))
    assert torch.allclose(seen[0], (pixels - 0.5) / 0.5, atol=1e-5)


def test_without_a_teacher_the_labels_are_all(small_recipe: Sourced) -> None:
    network = Small().eval()
    x, target = torch.randn(2, 3, 32, 32), torch.tensor([[0.9, 0.05, 0.05], [0.5, 0.5, 0.0]])
    loss = classification(network, small_recipe.recipe, device=CPU).eval()(x, target)["loss"]
    assert float(loss.detach()) == pytest.approx(float(-(target * network(x).detach().log_softmax(1)).sum(1).mean()))
