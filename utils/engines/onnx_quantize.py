"""ONNX graphs in eight bits, by ONNX Runtime's quantiser: ranges of activations as they arrive, or fixed ahead.

Each function reads a float32 directory that `utils.engines.onnx_export` wrote, and writes another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.engines.onnx_files import GRAPH_FILE, calibration_inputs, copy_surroundings, mark_eight_bits, quiet
from utils.engines.onnx_session import optimized_graph
from utils.tagger.tokenizer import CharacterTokenizer


def quantize_onnx(
    source: str | Path, path: str | Path, signed: bool = True, per_channel: bool = True, embeddings: bool = True
) -> Path:
    """Dynamic INT8 of a float32 directory: weights in 8 bits, activations quantised as they arrive.

    The graph is optimised first: what is fused later would have to be fused around the integers.
    Attention's own products stay float32. They have no weights, and the quantiser would take opset
    23's `Attention` for an older operator of the same name and write a graph that cannot be loaded.

    Args:
        signed: signed weights; unsigned ones run slower on CPUs with VNNI.
        per_channel: one scale for each output feature instead of one a matrix.
        embeddings: the embedding tables too; they are looked up, not multiplied.
    """
    path = copy_surroundings(source, path)
    operators = ["MatMul", "Gather"] if embeddings else ["MatMul"]
    with optimized_graph(source) as graph:
        _quantize_dynamically(graph, path / GRAPH_FILE, operators, signed, per_channel)
    return mark_eight_bits(path)


def _quantize_dynamically(
    graph: Path, result: Path, operators: list[str], signed: bool = True, per_channel: bool = True
) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with quiet():
        quantize_dynamic(
            graph,
            result,
            op_types_to_quantize=operators,
            weight_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            per_channel=per_channel,
            extra_options=_unknown_is_float(),
        )


def _unknown_is_float() -> dict:
    """onnx cannot infer what fused operators return; without this the quantiser stops there."""
    from onnx import TensorProto

    return {"DefaultTensorType": TensorProto.FLOAT}


def quantize_onnx_static(source: str | Path, path: str | Path, texts: Sequence[str]) -> Path:
    """Static INT8 (QDQ) of a float32 directory: the ranges of activations are fixed ahead, on `texts`.

    A range spans all values seen (MinMax): histograms, which could cut off rare large ones, want all
    texts of one length, and padding would fill them with values that no text has. Tables have no
    activations to calibrate and go as in `quantize_onnx`: as QDQ they would be unpacked whole for
    every text.

    Args:
        texts: calibration texts, like those to come, without labels; each must fit the model.
    """
    path = copy_surroundings(source, path)
    with optimized_graph(source) as graph:
        matrices = graph.with_name("matrices.onnx")
        _quantize_matrices(graph, matrices, _reader(CharacterTokenizer.from_directory(path), texts))
        _quantize_dynamically(matrices, path / GRAPH_FILE, ["Gather"])
    return mark_eight_bits(path)


def _quantize_matrices(graph: Path, result: Path, reader) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with quiet():
        quantize_static(
            graph,
            result,
            reader,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options=_unknown_is_float(),
        )


def _reader(tokenizer: CharacterTokenizer, texts: Sequence[str]):
    """The texts as the quantiser asks for them: one input after the other, then None."""
    from onnxruntime.quantization import CalibrationDataReader

    class Texts(CalibrationDataReader):
        def __init__(self):
            self.inputs = calibration_inputs(tokenizer, texts)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.inputs, None)

    return Texts()
