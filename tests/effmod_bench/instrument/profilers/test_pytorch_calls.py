import torch
from torch import nn
from torch.nn import functional

from effmod_bench.instrument.profilers.pytorch_calls import calls_of


class Known(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mix = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.head = nn.Sequential(nn.Linear(8, 10), nn.GELU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.mix(self.stem(x)).flatten(2).transpose(1, 2)  # (1, 16, 8)
        x = x + functional.scaled_dot_product_attention(x[None], x[None], x[None])[0]
        y: torch.Tensor = self.head(x.contiguous())
        return y


@torch.inference_mode()
def test_each_call_has_its_module_its_work_and_what_it_moves() -> None:
    model, x = Known().eval(), torch.zeros(1, 3, 4, 4)
    calls = {call.name: call for call in calls_of(model, lambda: model(x))}
    assert {"stem.conv2d", "mix.conv2d", "head.0.linear", "head.1.gelu", "add"} <= set(calls)
    stem, mix, linear = calls["stem.conv2d"], calls["mix.conv2d"], calls["head.0.linear"]
    assert (stem.macs, mix.macs, linear.macs) == (16 * 8 * 3, 16 * 8 * 9, 16 * 8 * 10)
    assert (stem.depthwise, mix.depthwise) == (False, True)
    assert calls["scaled_dot_product_attention"].macs == 2 * 16 * 16 * 8
    assert (stem.input_bytes, stem.output_bytes, stem.weight_bytes) == (4 * 48, 4 * 128, 4 * (24 + 8))
    # A view moves nothing; what is added is read and written.
    assert calls["transpose"].input_bytes + calls["transpose"].output_bytes == 0
    assert calls["add"].input_bytes + calls["add"].output_bytes == 3 * 4 * 128


@torch.inference_mode()
def test_the_hooks_are_gone_afterwards() -> None:
    model, x = Known().eval(), torch.zeros(1, 3, 4, 4)
    names = [[call.name for call in calls_of(model, lambda: model(x))] for _ in range(2)]
    assert names[0] == names[1]
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
