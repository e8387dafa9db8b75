import shutil
from pathlib import Path

import pytest

from tests.exporters.coreml.program.support import Net, convert


@pytest.fixture(scope="session")
def net_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.mlpackage"
    convert(Net().eval(), path, size=16)
    return path


@pytest.fixture
def package(net_package: Path, tmp_path: Path) -> Path:
    """One of one's own, to damage."""
    return Path(shutil.copytree(net_package, tmp_path / "net.mlpackage"))
