"""The same encoder in OpenVINO, quantised by NNCF: the engine that ONNX Runtime is compared with.

Both are imported where they are used: a process that serves another engine does not load them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import local
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from utils.engines.onnx_files import (
    GRAPH_FILE,
    calibration_inputs,
    copy_surroundings,
    mark_eight_bits,
    quiet,
    tagger_around,
)
from utils.files import CheckpointError
from utils.measure.latency import THREADS
from utils.tagger.batching import Backend
from utils.tagger.tagger import Tagger, packed
from utils.tagger.tokenizer import CharacterTokenizer

if TYPE_CHECKING:
    import openvino

OPENVINO_FILE, OPENVINO_WEIGHTS = "model.xml", "model.bin"

TELEMETRY = "openvino_telemetry"
"""With this package OpenVINO and NNCF tell their makers over the network how they are used, unless one declines."""


def _openvino() -> ModuleType:
    """The library. A course that needs no network declines for its learners: as if `TELEMETRY` were not installed."""
    sys.modules.setdefault(TELEMETRY, None)
    import openvino

    return openvino


def export_openvino(source: str | Path, path: str | Path) -> Path:
    """Translate the float32 graph of an ONNX directory; weights stay float32.

    Raises:
        CheckpointError: OpenVINO cannot read the graph.
    """
    return _save(_read(Path(source) / GRAPH_FILE), source, path)


def quantize_openvino(source: str | Path, path: str | Path, texts: Sequence[str]) -> Path:
    """Static INT8 by NNCF's recipe for transformers, activations calibrated on `texts`.

    Args:
        source: an ONNX directory in float32.
        texts: calibration texts, without labels; all of them are used.
    """
    _openvino()
    import nncf

    inputs = list(calibration_inputs(CharacterTokenizer.from_directory(source), texts))
    with quiet(), _no_bars():
        model = nncf.quantize(
            _read(Path(source) / GRAPH_FILE),
            nncf.Dataset(inputs),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(inputs),
        )
    return mark_eight_bits(_save(model, source, path))


@contextmanager
def _no_bars() -> Iterator[None]:
    """NNCF draws its progress with rich, which in a notebook does so past stdout, and leaves it there."""
    import rich

    console = rich.get_console()
    drawn, console.is_jupyter = console.is_jupyter, False
    try:
        yield
    finally:
        console.is_jupyter = drawn


def _read(file: Path) -> openvino.Model:
    try:
        return _openvino().Core().read_model(file)
    except RuntimeError as error:
        raise CheckpointError(f"{file}: OpenVINO cannot read it ({str(error).splitlines()[0]})") from None


def _save(model: openvino.Model, source: str | Path, path: str | Path) -> Path:
    """The graph, next to a copy of what a tagger needs."""
    path = copy_surroundings(source, path)
    _openvino().save_model(model, path / OPENVINO_FILE, compress_to_fp16=False)
    return path


def load_openvino_tagger(path: str | Path, threads: int = THREADS, at_once: int = 1) -> Tagger:
    """A tagger on a directory that this module wrote, on the CPU.

    Left alone, OpenVINO computes a float32 graph in bfloat16 where the CPU can, without a word. What
    is called float32 here is told to be float32; an INT8 graph may choose.

    Args:
        threads: of one inference.
        at_once: inferences that may run at the same time, each asked for by a thread of the caller's.

    Raises:
        CheckpointError: a file is missing or broken.
    """
    path = Path(path)
    model = _read(path / OPENVINO_FILE)
    quantized = any(operator.get_type_name() == "FakeQuantize" for operator in model.get_ops())
    settings = {"INFERENCE_NUM_THREADS": threads * at_once, "NUM_STREAMS": at_once, "PERFORMANCE_HINT": "LATENCY"}
    precision = {} if quantized else {"INFERENCE_PRECISION_HINT": "f32"}
    return tagger_around(_backend(_openvino().compile_model(model, "CPU", settings | precision)), path)


def load_openvino_sentence_tagger(path: str | Path, threads: int = THREADS) -> Tagger:
    """`load_openvino_tagger`, with the sentences of a text read apart, packed into few rows."""
    return packed(load_openvino_tagger(path, threads))


def _backend(compiled: openvino.CompiledModel) -> Backend:
    own = local()  # a request is busy until it has answered

    def emissions(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        answer = own.request.infer({"input_ids": input_ids, "attention_mask": attention_mask})
        return np.array(answer["emissions"])

    return emissions
