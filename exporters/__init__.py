"""Network to artifact: a file that is proved to compute what its network computes.

Importing this package imports neither torch nor onnx nor coremltools.
"""

from exporters.artifact.accuracy import Accuracy, DataSet
from exporters.artifact.cache import CacheInfo, cache_info, clear_cache, find_by_hash, sweep_unfinished
from exporters.artifact.files import deliver, sweep_partial, writing
from exporters.artifact.hashes import package_sha256, sha256_of
from exporters.artifact.names import public_name
from exporters.artifact.sidecar import (
    FLOAT16_MAX,
    QUIET,
    UNSTEADY,
    ActivationRange,
    Artifact,
    Departure,
    Parity,
    Rounding,
    Subnormals,
    TensorSpec,
    read_sidecar,
    sidecar_path,
)
from exporters.artifact.versions import installed_versions
from exporters.config import (
    DEFAULT_OPSET,
    DEFAULT_PRECISION,
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
from exporters.errors import (
    ArtifactError,
    ExportError,
    FeedError,
    FormatUnavailableError,
    ImageFolderError,
    MachineMismatchError,
    NotRunError,
    OutputError,
    ParityError,
)
from exporters.formats import artifact_sha256
from exporters.making.create import PRETRAINED, RANDOM
from exporters.making.dense import cached_dense, is_dense_cached, obtain_dense
from exporters.making.file import Made, cached, is_cached, obtain, reference
from exporters.making.key import weights_identity
from exporters.making.network import (
    MadeNetwork,
    SavedNetwork,
    cached_network,
    is_network_cached,
    load_network,
    obtain_network,
    save_network,
)
from exporters.operators import count_operators

__all__ = [
    "DEFAULT_OPSET",
    "DEFAULT_PRECISION",
    "FLOAT16_MAX",
    "OLDEST_OPSET",
    "PRETRAINED",
    "QUIET",
    "RANDOM",
    "UNSTEADY",
    "Accuracy",
    "ActivationRange",
    "Artifact",
    "ArtifactError",
    "CacheInfo",
    "Compression",
    "ComputePrecision",
    "CoreMLConfig",
    "DataSet",
    "Departure",
    "DeploymentTarget",
    "ExportConfig",
    "ExportError",
    "FeedError",
    "Format",
    "FormatUnavailableError",
    "ImageFolderError",
    "InputKind",
    "MachineMismatchError",
    "Made",
    "MadeNetwork",
    "NotRunError",
    "OnnxConfig",
    "OutputError",
    "Parity",
    "ParityError",
    "Rounding",
    "SavedNetwork",
    "Subnormals",
    "TensorSpec",
    "artifact_sha256",
    "cache_info",
    "cached",
    "cached_dense",
    "cached_network",
    "clear_cache",
    "count_operators",
    "deliver",
    "find_by_hash",
    "installed_versions",
    "is_cached",
    "is_dense_cached",
    "is_network_cached",
    "load_network",
    "obtain",
    "obtain_dense",
    "obtain_network",
    "package_sha256",
    "public_name",
    "read_sidecar",
    "reference",
    "save_network",
    "sha256_of",
    "sidecar_path",
    "sweep_partial",
    "sweep_unfinished",
    "weights_identity",
    "writing",
]
