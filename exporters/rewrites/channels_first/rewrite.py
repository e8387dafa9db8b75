"""Bring a network channels-first: permute + Linear becomes a 1x1 convolution, and no transpose is left.

Given:   Y[n, h, w, :] = W X[n, h, w, :] + b          a Linear on each pixel of a channels-last map
Result:  Y' = conv1x1(X', W[:, :, None, None], b)     the same numbers held as (N, C, H, W)

The graph is written anew, with each tensor held channels-first wherever its reader allows (`layout.py` keeps the
account of what lies where):
- a Linear on a map or on tokens becomes a 1x1 convolution; tokens (N, L, C) are held as (N, C, H, W) where they come
  from a map, else as (N, C, 1, L). A Linear on plain features (N, C) stays.
- LayerNorm over the channels is one operator (`channel_norm.py`).
- attention is two products on (N, heads, d, L): s = q^T k, y^T = v s^T. Transposed is only what the product itself
  reads transposed. Its 1 / sqrt(d) goes into the rows of the convolution that make q.
- permutes and reshapes of the network vanish; a convolution, pooling or anything else that `operators.py` does not
  know gets its tensor as the network had it, and where that costs a permute, the report says so.

Then what scales or shifts channels moves into the convolutions: LayerScale, and the affine of LayerNorms (`folds.py`).
"""

from exporters.rewrites.base import Equivalence, RewriteReport
from exporters.rewrites.channels_first.folds import fold_layer_scale, fold_norm_affine
from exporters.rewrites.channels_first.operators import HANDLERS
from exporters.rewrites.channels_first.writer import Writer
from exporters.rewrites.graph import Network, finish, infer_shapes

NAME = "channels_first"
EQUIVALENCE = Equivalence.EXACT


def rewrite(network: Network) -> RewriteReport:
    writer = Writer(network, HANDLERS)
    written = writer.write()
    network.graph = written.graph
    network._parameters.clear()
    network._parameters.update(written._parameters)
    finish(network)
    infer_shapes(network)
    fold_layer_scale(network)
    skipped = [*writer.skipped, *fold_norm_affine(network)]
    finish(network)  # the folds change no shape
    return RewriteReport(name=NAME, equivalence=EQUIVALENCE, count=writer.count, skipped=tuple(skipped))
