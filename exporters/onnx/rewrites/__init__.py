"""Rewrites of a user's own ONNX file, by onnxscript's rules and onnxsim.

Importing this package imports neither onnx nor torch.
"""

NAMES = ("static_shapes", "gelu", "batch_norm", "matmul_to_conv", "simplify")
"""All of them, in the order in which they are applied: later ones need to know shapes, and permutations move past a
fused Gelu. Each is the module of this package that is named so."""
