import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from filelock import FileLock

from effmod_bench.errors import ExitCode
from models.training.data import Images, read_images
from tests.effmod_bench.support import EFFMOD, Run
from tests.images import NETWORK, write_images

FEW = ("--batch-size", "8", "--at-once", "4", "--epochs", "2", "--image-size", "32", "--workers", "0", "--lr", "0.01")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with images and a network; sums of one thread, as the process has that is killed."""
    write_images(tmp_path / "images")
    (tmp_path / "net.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "last.pth", weights_only=True)
    return {f"{entry}.{name}": x for entry in ("state_dict", "state_dict_ema") for name, x in content[entry].items()}


def test_a_network_of_ones_own_is_trained(quickly: Run, tmp_path: Path) -> None:
    done = quickly("train", "net.py:net", "--data", "images", "--output", "run", *FEW)
    assert (done.returncode, done.stdout) == (0, "run/best.pth\n"), done.stderr
    assert "the recipe 'efficientmod', 2 epochs of 3 steps of 8 images on cpu" in done.stderr
    assert "'effmod export net.py:net --checkpoint run/best.pth --image-size 32'" in done.stderr
    kept = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert kept == [".lock", "best.pth", "last.pth", "log.csv", "log.png"]
    log = pd.read_csv(tmp_path / "run" / "log.csv")
    assert list(log.epoch) == [1, 2]
    assert list(log.images) == [24, 24]
    assert log.top1.between(0, 100).all()
    assert (tmp_path / "run" / "log.png").read_bytes().startswith(b"\x89PNG")


def test_what_it_would_do_is_said_with_sources_and_nothing_is_kept(quickly: Run, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    told = ("train", "net.py:net", "--data", "images", "--output-format", "csv", "--dry-run", *FEW)
    done = quickly(*told)
    assert done.returncode == 0, done.stderr
    rows = {line.split(",")[0]: line for line in done.stdout.splitlines()}
    assert rows["optimizer.lr"] == "optimizer.lr,0.01,'--lr"  # no formula, for those who open it as a sheet
    assert rows["mixing.cutmix_alpha"] == "mixing.cutmix_alpha,1,train.py: --cutmix"
    assert rows["averaging.use_warmup"].startswith("averaging.use_warmup,yes,6 steps are few for 0.9998")
    table = " ".join(quickly(*told[:4], "--dry-run", *FEW).stdout.split())
    assert (
        "2 epochs of 3 steps of 8 images, 24 images of 3 classes at 32x32, 4 at once in 2 parts; on cpu about" in table
    )
    assert sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts) == before


def test_a_run_that_is_killed_goes_on_to_the_same_weights(quickly: Run, tmp_path: Path) -> None:
    told = ("train", "net.py:net", "--data", "images", *FEW, "--epochs", "6")
    process = subprocess.Popen(
        [EFFMOD, *told, "--output", "killed", "--quiet"], env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    while process.poll() is None and not (tmp_path / "killed" / "log.csv").exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    begun = len(pd.read_csv(tmp_path / "killed" / "log.csv"))
    assert quickly(*told, "--output", "killed").returncode == ExitCode.USAGE  # it holds a run already
    resumed = quickly(*told, "--output", "killed", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "epoch 1:" not in resumed.stderr
    assert begun >= 1
    assert quickly(*told, "--output", "whole", "--resume").returncode == 0  # with nothing to resume, from the first
    theirs = _weights(tmp_path / "whole")
    assert all(torch.equal(x, theirs[name]) for name, x in _weights(tmp_path / "killed").items())


def test_it_starts_from_a_checkpoint_of_other_classes_where_that_is_wanted(quickly: Run, tmp_path: Path) -> None:
    assert quickly("train", "net.py:net", "--data", "images", "--output", "a", *FEW).returncode == 0
    write_images(tmp_path / "two", classes=("x", "y"))
    told = ("train", "net.py:net", "--data", "two", "--checkpoint", "a/best.pth", "--output", "b", *FEW)
    refused = quickly(*told)
    assert refused.returncode == ExitCode.USAGE
    assert "a/best.pth tells 3 classes apart, and the images are of 2; --new-classifier starts from" in refused.stderr
    done = quickly(*told, "--new-classifier")
    assert done.returncode == 0, done.stderr
    write_images(tmp_path / "three", classes=("x", "y", "z"))
    renamed = quickly("train", "net.py:net", "--data", "three", "--checkpoint", "a/best.pth", "--output", "c", *FEW)
    assert renamed.returncode == ExitCode.USAGE
    assert "three has a class 'x', where it has '1'" in renamed.stderr
    taught = quickly("train", "net.py:net", "--data", "three", "--teacher", "net.py:net=a/best.pth", *FEW)
    assert taught.returncode == ExitCode.USAGE
    assert "a/best.pth was trained on others; a teacher of other classes teaches the wrong ones" in taught.stderr


def test_it_learns_from_a_teacher(quickly: Run, tmp_path: Path) -> None:
    assert quickly("train", "net.py:net", "--data", "images", "--output", "ln", *FEW).returncode == 0
    told = ("train", "net.py:net", "--data", "images", "--output", "taught", "--teacher")
    done = quickly(*told, "net.py:net=ln/best.pth", *FEW)
    assert done.returncode == 0, done.stderr
    assert "learns from net.py:net" in done.stderr
    for teacher, said in (((), "none"), (("--teacher", "net.py:net=taught/best.pth"), "")):
        again = quickly(*told[:-1], *FEW, "--resume", *teacher)
        assert again.returncode == ExitCode.USAGE
        assert "taught/last.pth is of another run: teacher" in again.stderr
        assert said in again.stderr
    assert not torch.equal(
        _weights(tmp_path / "ln")["state_dict.head.weight"], _weights(tmp_path / "taught")["state_dict.head.weight"]
    )


def test_a_teacher_that_knows_images_of_another_size_gets_a_warning(quickly: Run) -> None:
    few = (*FEW, "--epochs", "1")
    assert quickly("train", "net.py:net", "--data", "images", "--output", "ln", *few).returncode == 0
    told = ("train", "net.py:net", "--data", "images", "--teacher", "net.py:net=ln/best.pth", *few, "--dry-run")
    other = quickly(*told, "--image-size", "48")
    assert other.returncode == 0, other.stderr
    assert (
        "the teacher ln/best.pth was trained on images of 32x32, and is shown ones of 48x48, of which it may know less"
        "; --image-size 32 gives both" in other.stderr
    )
    assert "the teacher ln/best.pth was trained" not in quickly(*told).stderr


OTHERS = """
from torch import nn
def ten():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10))
def sized():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3))
"""


@pytest.mark.parametrize(
    ("told", "code", "said"),
    [
        (("--teacher", "efficientmod_xxs"), 2, "a teacher has learned something: give its weights, --teacher effic"),
        (
            ("--teacher", "others.py:ten"),
            2,
            "others.py:ten tells 10 classes apart, and the images are of 3",
        ),
        (("--teacher", "others.py:sized"), 2, "does not run on images of 32x32"),
        (("--num-classes", "5"), 2, "--num-classes 5: images has folders of 3 classes"),
        (("--checkpoint", "none.pth"), 2, "cannot read checkpoint none.pth"),
        (("--recipe", "none.toml"), 2, "cannot read the recipe none.toml"),
        (("--new-classifier",), 2, "--new-classifier goes with --checkpoint"),
        (("--batch-size", "50"), 2, "24 images are fewer than the 50 of one step; give a smaller --batch-size"),
        (("--device", "tpu"), 2, "no device 'tpu' to train on; there are cpu, cuda, cuda:N and mps"),
        (("--data", "nothing"), 2, "nothing/train does not hold a folder of images for each class: No such file"),
        (("--lr", "1e30"), 1, "since step"),
        (("--lr", "1e38"), 1, "of epoch 1 is larger than a number can be; no epoch was kept"),
        (("--lr", "inf"), 2, "optimizer.lr is above 0, and finite, not inf"),
    ],
)
def test_what_cannot_be_done_is_said(quickly: Run, tmp_path: Path, told: tuple[str, ...], code: int, said: str) -> None:
    (tmp_path / "others.py").write_text(OTHERS)
    done = quickly("train", "net.py:net", "--data", "images", "--output", "run", *FEW, *told)
    assert done.returncode == code, done.stderr
    assert said in done.stderr.replace("\n", " ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about a machine without a GPU")
def test_a_gpu_that_is_not_there_is_no_cpu(quickly: Run) -> None:
    done = quickly("train", "net.py:net", "--data", "images", *FEW, "--device", "cuda")
    assert done.returncode == ExitCode.UNAVAILABLE
    assert "this PyTorch finds no GPU" in done.stderr


def test_an_image_that_cannot_be_read_is_named_or_left_out_and_counted(quickly: Run, tmp_path: Path) -> None:
    (tmp_path / "images" / "train" / "2" / "3.png").write_bytes(b"no image")
    told = ("train", "net.py:net", "--data", "images", "--output", "run", *FEW)
    refused = quickly(*told)
    assert refused.returncode == ExitCode.USAGE
    assert "cannot read the image images/train/2/3.png" in refused.stderr
    done = quickly(*told, "--skip-corrupt")
    assert done.returncode == 0
    assert "images/train 1 cannot be read, and were skipped: 2/3.png" in done.stderr


def test_no_image_to_validate_on_is_no_accuracy(quickly: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "images" / "val").rglob("*.png"):
        path.write_bytes(b"no image")
    done = quickly("train", "net.py:net", "--data", "images", "--output", "run", *FEW, "--skip-corrupt")
    assert done.returncode == ExitCode.USAGE
    assert "of the 12 images to validate on none can be read" in done.stderr
    assert not (tmp_path / "run" / "best.pth").exists()


def test_without_space_it_ends_as_a_store_does(quickly: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("models.training.checkpoints.os.fsync", full)
    done = quickly("train", "net.py:net", "--data", "images", "--output", "run", *FEW)
    assert done.returncode == ExitCode.STORE
    assert "cannot write run/best.pth: No space left on device" in done.stderr


def test_two_do_not_train_into_one_folder(quickly: Run, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / ".lock"):
        done = quickly("train", "net.py:net", "--data", "images", "--output", "run", *FEW)
    assert done.returncode == ExitCode.USAGE
    assert "another process trains into run" in done.stderr


def test_a_run_that_another_process_left_meanwhile_stays(
    quickly: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = tmp_path / "run" / "last.pth"

    def read(folder: Path) -> Images:
        last.parent.mkdir()
        last.write_bytes(b"theirs")
        return read_images(folder)

    monkeypatch.setattr("effmod_bench.runs.train.read_images", read)
    done = quickly("train", "net.py:net", "--data", "images", "--output", "run", *FEW)
    assert done.returncode == ExitCode.USAGE
    assert "run holds a run already" in done.stderr
    assert last.read_bytes() == b"theirs"
