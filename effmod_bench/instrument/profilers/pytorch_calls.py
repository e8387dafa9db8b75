"""Which operators a PyTorch network calls in an inference: of which module each is, and how much it has to do."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import msgspec
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from effmod_bench.instrument.process.messages import Seen
from results import Joined

Shape = tuple[int, ...]


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


# What a CPU runs attention with: torch itself counts only what a GPU does.
_ALSO_COUNTED = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention}


def calls_of(network: nn.Module, run: Callable[[], object]) -> tuple[Seen, ...]:
    """The operators that an inference calls, in their order, each with the module whose `forward` calls it.

    Args:
        run: an inference of the network.
    """
    inside: list[str] = []
    calls = _Calls(network, inside)
    with ExitStack() as hooks:
        for path, module in network.named_modules():
            before = module.register_forward_pre_hook(lambda *_, path=path: inside.append(path))
            after = module.register_forward_hook(lambda *_: _leave(inside), always_call=True)
            hooks.callback(before.remove)
            hooks.callback(after.remove)
        with calls:
            run()
    return _named(calls.found)


def _leave(inside: list[str]) -> None:
    inside.pop()


def _named(calls: Sequence[Seen]) -> tuple[Seen, ...]:
    """Each by its module and kind, the second of the same name with a number."""
    met: Counter[str] = Counter()
    named = []
    for call in calls:
        name = f"{call.module}.{call.kind}".removeprefix(".")
        number = met[name]
        met[name] += 1
        named.append(msgspec.structs.replace(call, name=f"{name}_{number}" if number else name))
    return tuple(named)


class _Calls(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what is called while it is entered.

    Attributes:
        found: without durations.
    """

    def __init__(self, network: nn.Module, inside: Sequence[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[Seen] = []
        self._inside = inside
        self._weights = {_place(each) for each in (*network.parameters(), *network.buffers())}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        with FlopCounterMode(display=False, custom_mapping=_ALSO_COUNTED) as flops:
            given = func(*args, **(kwargs or {}))
        inputs, outputs = list(_tensors((args, kwargs))), list(_tensors(given))
        data = [each for each in inputs if _place(each) not in self._weights]
        weights = [each for each in inputs if _place(each) in self._weights]
        # What gives a tensor another shape leaves it where it lies.
        is_view = not func._schema.is_mutable and {_place(each) for each in outputs} <= {
            _place(each) for each in inputs
        }
        kind = str(func.name()).removeprefix("aten::").partition(".")[0]
        self.found.append(
            Seen(
                name="",
                kind=kind,
                provider=(outputs or inputs)[0].device.type.upper() if outputs or inputs else "",
                input_shapes=tuple(tuple(each.shape) for each in data),
                output_shapes=tuple(tuple(each.shape) for each in outputs),
                input_bytes=0 if is_view else _bytes(data),
                output_bytes=0 if is_view else _bytes(outputs),
                durations_us=(),
                module=self._inside[-1] if self._inside else "",
                joined=Joined.CALL,
                macs=flops.get_total_flops() // 2,
                weight_bytes=0 if is_view else _bytes(weights),
                depthwise=kind.startswith("conv") and any(_is_depthwise(each) for each in weights),
            )
        )
        return given


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """All that are in lists, tuples and dicts, each once."""
    leaves = torch.utils._pytree.tree_leaves(value)
    yield from {id(leaf): leaf for leaf in leaves if isinstance(leaf, torch.Tensor)}.values()


def _place(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _bytes(tensors: Sequence[torch.Tensor]) -> int:
    return sum(each.numel() * each.element_size() for each in tensors)


def _is_depthwise(weight: torch.Tensor) -> bool:
    return weight.ndim > 2 and weight.shape[1] == 1 and weight.shape[0] > 1
