"""The rule of `golden/README.md`: the reference logits, and how to make the weights and the image behind them."""

import zlib
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

FOLDER = Path(__file__).parent / "golden"


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """One file: what the reference implementation of a network has and computes."""

    model: str
    params: int
    state_dict: dict[str, tuple[int, ...]]
    image_size: int = 224
    logits: tuple[float, ...] = ()
    logits_224: tuple[float, ...] = ()
    logits_256: tuple[float, ...] = ()

    @property
    def expected(self) -> dict[int, Tensor]:
        """The first logits, or all of them, by the side of the image."""
        stored = {self.image_size: self.logits} if self.logits else {224: self.logits_224, 256: self.logits_256}
        return {size: torch.tensor(logits, dtype=torch.float64) for size, logits in stored.items() if logits}

    def tolerance(self, logits: Tensor) -> float:
        """What float64 may differ by: the files are rounded, to six decimals or to nine significant digits."""
        return 1e-7 * logits.abs().max().item() if self.logits else 1e-6


def read_golden(path: Path) -> Golden:
    return msgspec.json.decode(path.read_bytes(), type=Golden)


def image(size: int) -> Tensor:
    """The image of `size` pixels a side, (1, 3, size, size) in float32."""
    x = np.random.default_rng(0).standard_normal((1, 3, size, size))
    return torch.from_numpy(x.astype(np.float32))


def fill(model: nn.Module) -> None:
    """Give every entry of the state dict the value that its name and shape determine."""
    model.load_state_dict({name: _value(name, tensor) for name, tensor in model.state_dict().items()})


def _value(name: str, like: Tensor) -> Tensor:
    if not like.is_floating_point():
        return torch.zeros_like(like)
    shape = tuple(like.shape)
    n = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if len(shape) > 1:
        n = n / np.sqrt(np.prod(shape[1:]))
    elif name.endswith("running_var"):
        n = 0.5 + np.abs(n)
    elif name.endswith(("weight", "gamma", "gamma_1")):
        n = 1 + 0.1 * n
    else:
        n = 0.1 * n
    return torch.from_numpy(n.astype(np.float32))
