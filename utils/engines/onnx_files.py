"""TODO engines.onnx_files."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from utils.files import CheckpointError
from utils.tagger.batching import Backend
from utils.tagger.tagger import Tagger
from utils.tagger.tokenizer import CharacterTokenizer

if TYPE_CHECKING:
    from utils.model.raner import RanerModel

WEIGHTS, CRF, TAGGER = "model.onnx", "crf.safetensors", "tagger.json"


_CRF_PARTS = ("start", "transitions", "end")


@contextmanager
def quiet() -> Iterator[None]:
    """Exporter, optimiser and quantiser report every optional package that is absent; none concerns this model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        level = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(level)


def save_surroundings(model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path) -> Path:
    """All but the graph: configuration, vocabulary, labels, CRF scores."""
    from utils.model.checkpoint import save_description

    path = save_description(model.config, tokenizer, path)
    save_file(dict(zip(_CRF_PARTS, model.crf.scores(), strict=True)), path / CRF)
    settings = {"labels": model.labels, "limit": model.config.max_position_embeddings - 2}
    (path / TAGGER).write_text(json.dumps(settings, ensure_ascii=False), "utf-8")
    return path


def copy_surroundings(source: str | Path, path: str | Path) -> Path:
    shutil.copytree(source, path, ignore=shutil.ignore_patterns(WEIGHTS), dirs_exist_ok=True)
    return Path(path)


def operator_counts(path: str | Path) -> Counter[str]:
    """How often each operator stands in the graph of a directory."""
    import onnx

    graph = onnx.load(Path(path) / WEIGHTS, load_external_data=False).graph
    return Counter(node.op_type for node in graph.node)


def calibration_inputs(tokenizer: CharacterTokenizer, texts: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
    """One text a time, unpadded: padding would be counted among the values seen."""
    for text in texts:
        encoding = tokenizer.batch([text])
        yield {"input_ids": encoding.input_ids, "attention_mask": encoding.attention_mask}


def tagger_around(backend: Backend, path: Path) -> Tagger:
    """A tagger of this backend and what `export_onnx` wrote beside the graph.

    Raises:
        CheckpointError: one of those files is missing or broken.
    """
    try:
        settings, scores = json.loads((path / TAGGER).read_text("utf-8")), load_file(path / CRF)
        crf = tuple(scores[part] for part in _CRF_PARTS)
        tokenizer = CharacterTokenizer.from_directory(path)
        return Tagger(backend, tokenizer, settings["labels"], crf, settings["limit"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a whole export ({error})") from None
