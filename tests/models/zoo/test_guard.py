import os
import random
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from models.zoo.guard import guarded, in_words


class RefusedError(Exception):
    """What the guard is told to raise."""


def run(code: Callable[[], object]) -> None:
    with guarded("it", RefusedError):
        code()


def test_a_change_of_the_working_folder_is_undone_and_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=rf"^it changed the working folder from {tmp_path} to /, and all paths"):
        run(lambda: os.chdir("/"))
    assert Path.cwd() == tmp_path


def test_what_was_replaced_is_undone_and_refused() -> None:
    names, relu = ("abs", "acos", "add", "all"), torch.relu
    with pytest.raises(RefusedError, match=r"replaced torch\.abs, torch\.acos, torch\.add and 1 more, which"):
        run(lambda: vars(torch).update(dict.fromkeys(names, relu)))
    assert all(getattr(torch, name) is not relu for name in names)


def test_it_is_undone_where_the_code_fails_too(tmp_path: Path) -> None:
    def code() -> None:
        os.chdir("/")
        torch.relu = torch.abs
        raise ZeroDivisionError

    relu = torch.relu
    with pytest.raises(ZeroDivisionError):
        run(code)
    assert (torch.relu, Path.cwd()) == (relu, tmp_path)


def test_settings_hold_for_as_long_as_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "yes")
    threads, handler = torch.get_num_threads(), signal.getsignal(signal.SIGTERM)
    path, hook, filters = list(sys.path), sys.excepthook, list(warnings.filters)
    with guarded("it", RefusedError):
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.set_num_threads(threads + 1)
        torch.set_grad_enabled(False)
        os.environ["OMP_NUM_THREADS"], os.environ["KEPT"] = "7", "no"
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.path.insert(0, "/nowhere")
        sys.excepthook = print
        warnings.simplefilter("ignore")
        assert torch.zeros(1).dtype is torch.float64
    assert (torch.get_default_dtype(), torch.get_default_device()) == (torch.float32, torch.device("cpu"))
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, True)
    assert os.environ["KEPT"] == "yes"
    assert os.environ.get("OMP_NUM_THREADS") != "7"
    assert signal.getsignal(signal.SIGTERM) is handler
    assert (sys.path, sys.excepthook, list(warnings.filters)) == (path, hook, filters)


def test_random_numbers_are_the_same_each_time_and_go_on_as_they_were_after() -> None:
    drawn = []
    for _ in range(2):
        with guarded("it", RefusedError):
            drawn.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
    assert drawn[0] == drawn[1]
    random.seed(5)
    expected = random.random()
    random.seed(5)
    with guarded("it", RefusedError):
        random.random()
    assert random.random() == expected


def test_an_end_of_the_program_is_told_from_an_error() -> None:
    assert in_words(SystemExit()) == "it ended the program, by sys.exit()"
    assert in_words(SystemExit(3)) == "it ended the program, by sys.exit(3)"
    assert in_words(ValueError("no")) == "ValueError: no"
