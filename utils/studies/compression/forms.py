"""A model as a directory for each backend, and the engines that a compressed model may run in, by name."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.saved import (
    load_quantized_sentence_tagger,
    load_quantized_tagger,
    save_quantized,
)
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_quantize import quantize_onnx
from utils.engines.onnx_session import load_onnx_sentence_tagger, load_onnx_tagger
from utils.engines.openvino import load_openvino_sentence_tagger, load_openvino_tagger, quantize_openvino
from utils.model.checkpoint import save_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import load_sentence_tagger, load_tagger
from utils.tagger.tagger import Tagger
from utils.tagger.tokenizer import CharacterTokenizer


class Engine(NamedTuple):
    """A backend of the ledger, and how a directory of it is loaded: to read texts whole, or by sentence."""

    backend: str
    load: Callable[[Path], Tagger]


FLOAT_GRAPH = "onnx-fp32"
"""Backend of the graph that is quantised; it is written wherever one of its INT8 forms is."""

ENGINES = {
    "torch": Engine("torch-fp32", load_tagger),
    "torch, sentences": Engine("torch-fp32", load_sentence_tagger),
    "torch INT8": Engine("torch-int8", load_quantized_tagger),
    "torch INT8, sentences": Engine("torch-int8", load_quantized_sentence_tagger),
    "ONNX, sentences": Engine(FLOAT_GRAPH, load_onnx_sentence_tagger),
    "ONNX INT8": Engine("onnx-int8", load_onnx_tagger),
    "ONNX INT8, sentences": Engine("onnx-int8", load_onnx_sentence_tagger),
    "OpenVINO INT8": Engine("openvino-int8", load_openvino_tagger),
    "OpenVINO INT8, sentences": Engine("openvino-int8", load_openvino_sentence_tagger),
}

READINGS = ("torch", "torch, sentences")
"""How the original reads: the faster of the two is what a speed-up is counted from."""


def is_by_sentence(engine: str) -> bool:
    """Whether an engine reads the sentences of a text apart."""
    return engine.endswith(", sentences")


def write_forms(
    model: RanerModel, tokenizer: CharacterTokenizer, backends: Collection[str], folder: Path, texts: Sequence[str]
) -> None:
    """Write the model for each of the backends, to a directory of its name in `folder`.

    Args:
        texts: for OpenVINO to see how far activations range.
    """
    if any(backend.startswith(("onnx", "openvino")) for backend in backends):
        export_onnx(model, tokenizer, folder / FLOAT_GRAPH)
    for backend in backends:
        path = folder / backend
        match backend:
            case "torch-fp32":
                save_raner(model, tokenizer, path)
            case "torch-int8":
                save_quantized(quantize(model), tokenizer, path)
            case "onnx-int8":
                quantize_onnx(folder / FLOAT_GRAPH, path)
            case "openvino-int8":
                quantize_openvino(folder / FLOAT_GRAPH, path, texts)
