"""Network to artifact: a file that is proved to compute what its network computes.

Importing this package imports neither torch nor onnx.
"""

from exporters.artifact import Artifact, Parity, TensorSpec, read_sidecar, sha256_of, sidecar_path
from exporters.cache import PRETRAINED, CacheInfo, Made, cache_info, clear_cache, deliver, is_cached, obtain, writing
from exporters.config import DEFAULT_OPSET, OLDEST_OPSET, Format, OnnxConfig
from exporters.errors import ArtifactError, ExportError, OutputError, ParityError

__all__ = [
    "DEFAULT_OPSET",
    "OLDEST_OPSET",
    "PRETRAINED",
    "Artifact",
    "ArtifactError",
    "CacheInfo",
    "ExportError",
    "Format",
    "Made",
    "OnnxConfig",
    "OutputError",
    "Parity",
    "ParityError",
    "TensorSpec",
    "cache_info",
    "clear_cache",
    "deliver",
    "is_cached",
    "obtain",
    "read_sidecar",
    "sha256_of",
    "sidecar_path",
    "writing",
]
