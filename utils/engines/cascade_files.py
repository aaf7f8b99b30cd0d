"""A cascade as a directory: its two halves, each an ONNX directory, and the threshold between them."""

import json
import shutil
from pathlib import Path

from utils.engines.onnx_session import load_onnx_tagger
from utils.files import CheckpointError, read_settings, write_atomically
from utils.measure.latency import THREADS
from utils.tagger.cascade import Cascade
from utils.tagger.tagger import by_sentence

CASCADE_FILE, SMALL, LARGE = "cascade.json", "small", "large"


def save_cascade(small: str | Path, large: str | Path, threshold: float, path: str | Path) -> Path:
    """Copy two ONNX directories into a new one, the threshold last."""
    path = Path(path)
    for name, source in ((SMALL, small), (LARGE, large)):
        shutil.copytree(source, path / name)
    write_atomically(path / CASCADE_FILE, json.dumps({"threshold": threshold}))
    return path


def load_cascade(path: str | Path, threads: int = THREADS) -> Cascade:
    """The cascade that a directory holds; its halves read the sentences of a text apart.

    Raises:
        CheckpointError: there is none, or a file of it is missing or broken.
    """
    path = Path(path)
    threshold = (read_settings(path / CASCADE_FILE) or {}).get("threshold")
    if not isinstance(threshold, int | float):
        raise CheckpointError(f"{path / CASCADE_FILE}: not there, or without a threshold that is a number")
    small, large = (by_sentence(load_onnx_tagger(path / name, threads)) for name in (SMALL, LARGE))
    return Cascade(small, large, threshold)
