"""Memory against allocations of known size, in processes of their own; bytes against files of known length."""

import os
from pathlib import Path

import numpy as np
import pytest

from utils.measure import memory
from utils.measure.memory import MB, BenchmarkError, directory_bytes, peak_memory

LOADERS = '''
import os
import numpy
import torch

class Hungry:
    """Holds 200 MB for the time of one prediction."""
    def predict(self, texts):
        return [len(numpy.ones(200_000_000, numpy.uint8)) for _ in texts]

def hungry(path):
    print("a loader may talk")
    return Hungry()

def failing(path):
    print("a first line")
    raise RuntimeError(f"{path}, {torch.get_num_threads()} and {os.environ['OMP_NUM_THREADS']} threads")

def counting(path, threads):
    raise RuntimeError(f"{threads} threads of its own")

class Dying:
    def predict(self, texts):
        os._exit(len(texts[0]))

def dying(path):
    return Dying()

def hanging(path):
    import time
    time.sleep(600)
'''


@pytest.fixture
def loaders(tmp_path, monkeypatch):
    (tmp_path / "some_loaders.py").write_text(LOADERS, "utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))


def test_peak_sees_what_was_freed_again_and_nothing_of_the_parent(loaders):
    ballast = np.ones(1_000_000_000, np.uint8)
    found = peak_memory("some_loaders:hungry", "anywhere", "王伟在北京。", threads=1)
    assert 195 < found.peak - found.baseline < 300
    assert 50 < found.baseline < found.peak < ballast.nbytes / MB


def test_a_failing_process_names_its_reason(loaders):
    with pytest.raises(BenchmarkError, match=r"ended with 1: RuntimeError: 模型, 2 and 2 threads$"):
        peak_memory("some_loaders:failing", Path("模型"), "北京", threads=2)


def test_an_engine_with_threads_of_its_own_is_told_how_many(loaders):
    with pytest.raises(BenchmarkError, match="3 threads of its own"):
        peak_memory("some_loaders:counting", "anywhere", "北京", threads=3)


def test_a_process_that_dies_without_a_word_is_an_error(loaders):
    with pytest.raises(BenchmarkError, match="ended with 2: it wrote nothing"):
        peak_memory("some_loaders:dying", "anywhere", "北京", threads=1)


def test_a_process_that_hangs_is_ended(loaders, monkeypatch):
    monkeypatch.setattr(memory, "LONGEST", 5)
    with pytest.raises(BenchmarkError, match="hanging on anywhere: no answer after 5 s"):
        peak_memory("some_loaders:hanging", "anywhere", "北京", threads=1)


def test_directory_bytes_adds_up_all_files(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "deep" / "er" / "b").write_bytes(b"x" * 234)
    assert directory_bytes(tmp_path) == 1234
    assert directory_bytes(tmp_path / "a") == 1000


def test_what_is_not_there_weighs_not_zero_but_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing there"):
        directory_bytes(tmp_path / "absent")
