"""The tagger's encoder in ONNX Runtime: export, INT8, and a backend for `Tagger`.

The graph ends at the emissions; CRF decoding stays outside, in numpy, so every engine shares it.
Exporting needs torch, running does not: what is needed to load a tagger imports no torch.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from utils.characters import CharacterTokenizer
from utils.files import CheckpointError
from utils.tagger import Backend, Tagger

if TYPE_CHECKING:
    from utils.raner import RanerModel

WEIGHTS, CRF, TAGGER = "model.onnx", "crf.safetensors", "tagger.json"
_CRF_PARTS = ("start", "transitions", "end")


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter reports every optional package that is absent; none concerns this model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        level = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(level)


def export_onnx(model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path) -> Path:
    """Write a directory with `model.onnx` (float32, any batch and length) and all that a tagger needs.

    Inputs `input_ids`, `attention_mask`: int64 `(batch, length)`; output `emissions`: float32
    `(batch, length, tags)`.
    """
    import torch

    from utils.raner import save_description

    path = save_description(model.config, tokenizer, path)
    save_file(dict(zip(_CRF_PARTS, model.crf.scores(), strict=True)), path / CRF)
    settings = {"labels": model.labels, "limit": model.config.max_position_embeddings - 2}
    (path / TAGGER).write_text(json.dumps(settings, ensure_ascii=False), "utf-8")
    example = torch.zeros(2, 9, dtype=torch.int64), torch.ones(2, 9, dtype=torch.int64)
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with _quiet_exporter():
        torch.onnx.export(
            _emissions_only(model.eval()),
            example,
            path / WEIGHTS,
            input_names=["input_ids", "attention_mask"],
            output_names=["emissions"],
            dynamic_shapes={"input_ids": sizes, "attention_mask": sizes},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    return path


def _emissions_only(model: RanerModel):
    from torch import Tensor, nn

    class Emissions(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            return self.model(input_ids, attention_mask).logits

    return Emissions()


def quantize_onnx(source: str | Path, path: str | Path) -> Path:
    """Dynamic INT8 of an exported directory: matrices and character table in signed 8-bit integers.

    Signed weights per output channel: unsigned ones run slower on CPUs with VNNI, and one scale a
    channel costs nothing there.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    source, path = Path(source), Path(path)
    shutil.copytree(source, path, ignore=shutil.ignore_patterns(WEIGHTS), dirs_exist_ok=True)
    with _quiet_exporter():
        quantize_dynamic(source / WEIGHTS, path / WEIGHTS, weight_type=QuantType.QInt8, per_channel=True)
    return path


def open_session(model: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    """A CPU session with all graph optimisations.

    Args:
        threads: by default torch's number where torch is loaded, else `OMP_NUM_THREADS`, else all cores.

    Raises:
        CheckpointError: no such file, or not a graph that ONNX Runtime can run.
    """
    if not model.is_file():
        raise CheckpointError(f"{model}: no such ONNX file")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or _default_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exception classes share no public base
        raise CheckpointError(f"{model}: ONNX Runtime cannot load it ({str(error).splitlines()[0]})") from None


def _default_threads() -> int:
    """0 means all cores to ONNX Runtime."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else int(os.environ.get("OMP_NUM_THREADS", 0))


def onnx_backend(session: onnxruntime.InferenceSession) -> Backend:
    """Emissions by ONNX Runtime."""

    def emissions(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        return session.run(["emissions"], {"input_ids": input_ids, "attention_mask": attention_mask})[0]

    return emissions


def load_onnx_tagger(path: str | Path, threads: int | None = None) -> Tagger:
    """A tagger on a directory that `export_onnx` or `quantize_onnx` wrote.

    Raises:
        CheckpointError: a file is missing or broken, or the graph has other inputs or outputs.
    """
    path = Path(path)
    session = open_session(path / WEIGHTS, threads)
    names = {node.name for node in [*session.get_inputs(), *session.get_outputs()]}
    if names != {"input_ids", "attention_mask", "emissions"}:
        raise CheckpointError(f"{path / WEIGHTS}: not an export of this course (it has {', '.join(sorted(names))})")
    try:
        settings, scores = json.loads((path / TAGGER).read_text("utf-8")), load_file(path / CRF)
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a whole export ({error})") from None
    crf = tuple(scores[part] for part in _CRF_PARTS)
    tokenizer = CharacterTokenizer.from_directory(path)
    return Tagger(onnx_backend(session), tokenizer, settings["labels"], crf, settings["limit"])
