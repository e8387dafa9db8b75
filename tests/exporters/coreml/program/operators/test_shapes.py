import torch

from exporters.coreml.program.operators.shapes import topk


def test_minus_one_is_all_of_an_axis() -> None:
    """As MIL has it since iOS 17; coremltools' own converter writes no such program."""
    x = torch.tensor([[1.0, 3.0, 2.0]])
    values, places = topk(x, k=torch.tensor(-1), axis=torch.tensor(1))
    assert values.tolist() == [[3.0, 2.0, 1.0]]
    assert places.tolist() == [[1, 2, 0]]
