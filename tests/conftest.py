"""Shared by all tests: no network, and where the test models and the research corpora are."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests" / "data"


@pytest.fixture
def tiny_published() -> Path:
    """A small random RaNER in the published layout, with ModelScope's own answers beside it."""
    return TINY / "raner_tiny_published"


@pytest.fixture
def tiny_head() -> Path:
    """The same weights in the `head.*` layout of newer ModelScope versions."""
    return TINY / "raner_tiny_head"


@pytest.fixture
def corpora() -> Path:
    """The research-only corpora, which are never part of the repository."""
    path = Path(os.environ.get("NER_CORPORA", ROOT.parent / "shared" / "corpora"))
    if not path.is_dir():
        pytest.skip(f"research corpora are not at {path}; set NER_CORPORA to their directory")
    return path
