from pathlib import Path

import numpy as np
import onnx
import pytest

from effmod_bench.fleet.parcel import parcel
from effmod_bench.targets.subjects import file_subject
from exporters.feeds.given import Given
from tests.fakes import write_onnx


@pytest.mark.parametrize("folder", ["nets", "link"])
def test_weights_in_another_file_and_what_is_fed_travel_under_names_of_one_folder(folder: str) -> None:
    Path("nets").mkdir()
    Path("link").symlink_to("nets")
    path = Path(folder) / "my net.onnx"
    network = onnx.load(write_onnx(Path("inside.onnx")))
    network.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((8, 8), np.float32), "unused"))
    onnx.save(network, path, save_as_external_data=True, location="its weights.bin", size_threshold=0)
    np.save("x.npy", np.ones((1, 3, 8, 8), np.float32))
    found = parcel(file_subject(path, {}, batch_size=1, given=Given(feed=("x=x.npy",))))
    assert set(found.paths) == {"my net.onnx", "its weights.bin", "fed/0-x.npy"}
    assert found.main == "my net.onnx"
    assert [found.paths[each.name].stat().st_size for each in found.files] == [each.size_bytes for each in found.files]
