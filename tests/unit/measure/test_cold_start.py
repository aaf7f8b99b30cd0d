"""A cold start against naps of known length, in processes of their own."""

import os

import pytest

from utils.measure.cold_start import CALLS, cold_start
from utils.measure.memory import BenchmarkError

LOADERS = '''
import time

time.sleep(0.3)

class Sleepy:
    """The first prediction takes half a second, each later one a twentieth."""
    nap = 0.5
    def predict(self, texts):
        time.sleep(self.nap)
        self.nap = 0.05

def sleepy(path):
    print("a loader may talk")
    time.sleep(0.2)
    return Sleepy()

def failing(path, threads):
    raise RuntimeError(f"{path}, {threads} threads")
'''


@pytest.fixture
def loaders(tmp_path, monkeypatch):
    (tmp_path / "sleepy_loaders.py").write_text(LOADERS, "utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))


def test_every_step_is_timed_apart(loaders):
    found = cold_start("sleepy_loaders:sleepy", "anywhere", "北京", threads=1)
    assert found.imports >= 300 and found.loading >= 200 and found.first >= 500
    assert len(found.later) == CALLS and min(found.later) >= 50
    assert found.first > 4 * min(found.later), "0.5 seconds and 0.05"
    assert max(found.later) < found.first < found.imports + found.loading + found.first


def test_a_failing_process_names_its_reason(loaders):
    with pytest.raises(BenchmarkError, match=r"ended with 1: RuntimeError: 模型, 3 threads$"):
        cold_start("sleepy_loaders:failing", "模型", "北京", threads=3)
