"""What an export loads, in either format: importing this loads it, so that a process can be a copy of one that has it.

That is a fifth to a third of what the export of a small network takes: of lcnet_050, 1.5 to 3 s of 7 to 8 s of a core.
"""

import onnxruntime  # noqa: F401
import onnxscript.function_libs.torch_lib.ops  # noqa: F401
import timm  # noqa: F401
import torch.onnx  # noqa: F401

from exporters.coreml.tools import import_coremltools

import_coremltools()
