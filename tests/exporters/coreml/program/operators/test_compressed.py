from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporters.coreml.program.program import load_program
from tests.exporters.coreml.program.support import Net, convert, no_warnings, numbers, run

pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")


COMPRESSIONS: dict[str, tuple[str, Callable[[Any], tuple[Any, Any]]]] = {
    "int8": ("iOS16", lambda o: (o.linear_quantize_weights, o.OpLinearQuantizerConfig(weight_threshold=0))),
    "uint8": (
        "iOS16",
        lambda o: (
            o.linear_quantize_weights,
            o.OpLinearQuantizerConfig(mode="linear", dtype="uint8", weight_threshold=0),
        ),
    ),
    "palette of 1 bit": (
        "iOS16",
        lambda o: (o.palettize_weights, o.OpPalettizerConfig(mode="uniform", nbits=1, weight_threshold=0)),
    ),
    "palette of 6 bits": (
        "iOS16",
        lambda o: (o.palettize_weights, o.OpPalettizerConfig(mode="uniform", nbits=6, weight_threshold=0)),
    ),
    "sparse": (
        "iOS16",
        lambda o: (o.prune_weights, o.OpThresholdPrunerConfig(threshold=0.2, weight_threshold=0)),
    ),
    "int4 by block": (
        "iOS18",
        lambda o: (
            o.linear_quantize_weights,
            o.OpLinearQuantizerConfig(
                mode="linear", dtype="int4", granularity="per_block", block_size=8, weight_threshold=0
            ),
        ),
    ),
    "uint4": (
        "iOS18",
        lambda o: (
            o.linear_quantize_weights,
            o.OpLinearQuantizerConfig(mode="linear", dtype="uint4", weight_threshold=0),
        ),
    ),
    "palettes of 3 bits by group": (
        "iOS18",
        lambda o: (
            o.palettize_weights,
            o.OpPalettizerConfig(
                mode="uniform", nbits=3, granularity="per_grouped_channel", group_size=4, weight_threshold=0
            ),
        ),
    ),
    "palette of 6 bits, iOS 18": (
        "iOS18",
        lambda o: (o.palettize_weights, o.OpPalettizerConfig(mode="uniform", nbits=6, weight_threshold=0)),
    ),
    "sparse, iOS 18": (
        "iOS18",
        lambda o: (o.prune_weights, o.OpThresholdPrunerConfig(threshold=0.2, weight_threshold=0)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_compressed_weights_are_what_coremltools_decompresses(name: str, tmp_path: Path) -> None:
    target, choose = COMPRESSIONS[name]
    with no_warnings():
        import coremltools.optimize.coreml as cto

        compress, settings = choose(cto)
        package = convert(Net().eval(), tmp_path / "n.mlpackage", size=16, target=target)
        compressed = compress(package, cto.OptimizationConfig(global_config=settings))
        compressed.save(str(tmp_path / "c.mlpackage"))
        cto.decompress_weights(compressed).save(str(tmp_path / "d.mlpackage"))
    program, plain = load_program(tmp_path / "c.mlpackage"), load_program(tmp_path / "d.mlpackage")
    assert any(kind.startswith("constexpr_") for kind in program.operators())
    assert not any(kind.startswith("constexpr_") for kind in plain.operators())
    x = numbers(1, 3, 16, 16)
    np.testing.assert_allclose(run(program, x), run(plain, x), rtol=1e-5, atol=1e-5)
