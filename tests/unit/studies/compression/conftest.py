"""One compression that went through, with a clock that counts multiplications, for all tests of the pieces."""

import pytest
from tiny_compression import save_all, steady, texts, tiny_work

from utils.studies.compression.plan import Target
from utils.studies.compression.stages import compress

TARGET = Target(speedup=1.6, lose=100)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return save_all(tmp_path_factory.mktemp("compressed"))


@pytest.fixture
def clock(monkeypatch):
    steady(monkeypatch)


@pytest.fixture(scope="session")
def whole(home, tmp_path_factory):
    """The work, and the trials of an uninterrupted compression."""
    work = tiny_work(tmp_path_factory.mktemp("whole"), home, TARGET, more=texts(6, seed=9))
    with pytest.MonkeyPatch.context() as patch:
        steady(patch)
        return work, compress(work)
