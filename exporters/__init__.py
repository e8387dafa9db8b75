"""Network to artifact: a file that is proved to compute what its network computes.

Importing this package imports neither torch nor onnx nor coremltools.
"""

from exporters.artifact import (
    Artifact,
    Parity,
    TensorSpec,
    artifact_sha256,
    package_sha256,
    read_sidecar,
    sha256_of,
    sidecar_path,
)
from exporters.cache import PRETRAINED, CacheInfo, Made, cache_info, clear_cache, deliver, is_cached, obtain, writing
from exporters.config import (
    DEFAULT_OPSET,
    OLDEST_OPSET,
    Compression,
    ComputePrecision,
    CoreMLConfig,
    DeploymentTarget,
    ExportConfig,
    Format,
    InputKind,
    OnnxConfig,
)
from exporters.errors import ArtifactError, ExportError, FormatUnavailableError, OutputError, ParityError
from exporters.network import MadeNetwork, SavedNetwork, is_network_cached, load_network, obtain_network, save_network

__all__ = [
    "DEFAULT_OPSET",
    "OLDEST_OPSET",
    "PRETRAINED",
    "Artifact",
    "ArtifactError",
    "CacheInfo",
    "Compression",
    "ComputePrecision",
    "CoreMLConfig",
    "DeploymentTarget",
    "ExportConfig",
    "ExportError",
    "Format",
    "FormatUnavailableError",
    "InputKind",
    "Made",
    "MadeNetwork",
    "OnnxConfig",
    "OutputError",
    "Parity",
    "ParityError",
    "SavedNetwork",
    "TensorSpec",
    "artifact_sha256",
    "cache_info",
    "clear_cache",
    "deliver",
    "is_cached",
    "is_network_cached",
    "load_network",
    "obtain",
    "obtain_network",
    "package_sha256",
    "read_sidecar",
    "save_network",
    "sha256_of",
    "sidecar_path",
    "writing",
]
