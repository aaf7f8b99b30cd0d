"""A directory for ONNX Runtime: the graph, and beside it what a tagger needs.

`model.onnx` ends at the emissions. Configuration, vocabulary, labels and CRF scores lie in files of their
own, so that text can be tokenised and decoded outside, in numpy, alike for every engine. Reading such a
directory needs neither torch nor onnx.
"""

from __future__ import annotations

import io
import json
import logging
import shutil
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from utils.files import CheckpointError
from utils.tagger.batching import Backend
from utils.tagger.tagger import Tagger
from utils.tagger.temperature import stored_temperature
from utils.tagger.tokenizer import CharacterTokenizer

if TYPE_CHECKING:
    from utils.model.crf import LinearChainCRF
    from utils.model.raner import RanerModel

GRAPH_FILE, CRF_FILE, TAGGER_FILE = "model.onnx", "crf.safetensors", "tagger.json"

_CRF_PARTS = ("start", "transitions", "end")

_QUIET = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """No warning, no log line below an error, nothing on stdout, as long as the block lasts.

    Exporters, optimisers and quantisers report every optional package that is absent and every step that they
    take. What is switched off is the process's own: other threads are quiet too meanwhile, and a second one that
    wants to be waits, so that each finds again what it found.
    """
    with _QUIET, warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        level = logging.root.manager.disable
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(level)


def save_surroundings(
    model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path, crf: LinearChainCRF | None = None
) -> Path:
    """Write all but the graph to a directory: configuration, vocabulary, labels, CRF scores.

    Args:
        crf: the field that decodes what the graph says; None: the model's own.
    """
    from utils.model.checkpoint import save_description

    path = save_description(model.config, tokenizer, path)
    save_file(dict(zip(_CRF_PARTS, (crf or model.crf).scores(), strict=True)), path / CRF_FILE)
    settings = {"labels": model.labels, "limit": model.config.max_position_embeddings - 2}
    (path / TAGGER_FILE).write_text(json.dumps(settings, ensure_ascii=False), "utf-8")
    return path


def copy_surroundings(source: str | Path, path: str | Path) -> Path:
    """Copy all but the graph from one directory to another."""
    shutil.copytree(source, path, ignore=shutil.ignore_patterns(GRAPH_FILE), dirs_exist_ok=True)
    return Path(path)


def mark_eight_bits(path: Path) -> Path:
    """Note beside a quantised graph that it is one, for the tagger that is made of it."""
    file = path / TAGGER_FILE
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"eight_bits": True}, ensure_ascii=False), "utf-8")
    return path


def operator_counts(path: str | Path) -> Counter[str]:
    """How often each operator stands in the graph of a directory."""
    import onnx

    graph = onnx.load(Path(path) / GRAPH_FILE, load_external_data=False).graph
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
        settings, scores = json.loads((path / TAGGER_FILE).read_text("utf-8")), load_file(path / CRF_FILE)
        crf = tuple(scores[part] for part in _CRF_PARTS)
        tokenizer = CharacterTokenizer.from_directory(path)
        known = {"eight_bits": settings.get("eight_bits", False), "temperature": stored_temperature(path)}
        return Tagger(backend, tokenizer, settings["labels"], crf, settings["limit"], **known)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a whole export ({error})") from None
