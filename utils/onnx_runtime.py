"""The tagger's encoder in ONNX Runtime: export, graph optimisation, INT8, and a backend for `Tagger`.

The graph ends at the emissions; CRF decoding stays outside, in numpy, so every engine shares it.
Exporting needs torch, running does not: what is needed to load a tagger imports no torch.

A directory holds the graph and what a tagger needs beside it. `export_onnx` writes the first one;
`optimize_onnx`, `quantize_onnx` and `quantize_onnx_static` read one directory and write another.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from utils.characters import CharacterTokenizer
from utils.files import CheckpointError
from utils.packing import packed
from utils.tagger import Backend, Tagger

if TYPE_CHECKING:
    from torch import Tensor

    from utils.raner import RanerModel

OPERATOR = "operator"
"""Name of the way to export attention as one operator."""
WEIGHTS, CRF, TAGGER = "model.onnx", "crf.safetensors", "tagger.json"
_CRF_PARTS = ("start", "transitions", "end")

PROVIDERS = (
    "TensorrtExecutionProvider",
    "CUDAExecutionProvider",
    "OpenVINOExecutionProvider",
    "CPUExecutionProvider",
)
"""What may do the arithmetic, best first; which of them are there depends on the installed onnxruntime."""

SLOW_FUSIONS = ("SkipLayerNormFusion", "BiasGeluFusion")
"""Fusions that are left out: ONNX Runtime's CPU kernels for a sum with layer normalisation, and for a bias
with GELU, are slower than those of the two operators that each replaces. The bias would also be lost to
the integer product, which adds it for nothing."""

_PRODUCT = (
    b'\x08\x08:>\n\x18\n\x01A\n\x01B\x12\x01Y"\rMatMulInteger\x12\x01gZ\t\n\x01A\x12\x04\n\x02\x08\x02'
    b"Z\t\n\x01B\x12\x04\n\x02\x08\x03b\t\n\x01Y\x12\x04\n\x02\x08\x06B\x04\n\x00\x10\n"
)
"""A graph of one operator, int32 Y = uint8 A x int8 B, written down so that a tagger need not load onnx."""


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


def export_onnx(model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path, attention: str = OPERATOR) -> Path:
    """Write a directory with `model.onnx` (float32, any batch and length) and all that a tagger needs.

    Inputs `input_ids`, `attention_mask`: int64 `(batch, length)`; output `emissions`: float32
    `(batch, length, tags)`. The mask says more than torch's: positions of a row that hold the same
    number see each other and nothing else. 1 for characters and 0 for padding is the plain case; with
    1, 2, ... several texts share a row (`utils.packing`), each counting its positions from its start.

    Args:
        attention: `operator` writes one `Attention` operator a layer (opset 23), however many heads the
            layer has left; `eager` writes its products, sum and softmax one by one.
    """
    from transformers import AttentionInterface

    path = _save_surroundings(model, tokenizer, path)
    before = model.config._attn_implementation
    AttentionInterface.register(OPERATOR, _one_operator)
    model.set_attn_implementation(attention)
    try:
        with quiet():
            _export_graph(model.eval(), path / WEIGHTS)
    finally:
        model.set_attn_implementation(before)
    return path


def _one_operator(module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scaling: float, **_):
    """Attention of `(batch, heads, length, features)` as one ONNX operator: `(batch, length, heads, features)`."""
    import torch

    heads = query.shape[1]
    flat = [part.transpose(1, 2).flatten(2) for part in (query, key, value)]
    answer = torch.onnx.ops.attention(*flat, mask, q_num_heads=heads, kv_num_heads=heads, scale=scaling)[0]
    return answer.unflatten(2, (heads, -1)), None


def _save_surroundings(model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path) -> Path:
    """All but the graph: configuration, vocabulary, labels, CRF scores."""
    from utils.raner import save_description

    path = save_description(model.config, tokenizer, path)
    save_file(dict(zip(_CRF_PARTS, model.crf.scores(), strict=True)), path / CRF)
    settings = {"labels": model.labels, "limit": model.config.max_position_embeddings - 2}
    (path / TAGGER).write_text(json.dumps(settings, ensure_ascii=False), "utf-8")
    return path


def _export_graph(model: RanerModel, file: Path) -> None:
    import torch

    example = torch.zeros(2, 9, dtype=torch.int64), torch.ones(2, 9, dtype=torch.int64)
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        _emissions_only(model),
        example,
        input_names=["input_ids", "attention_mask"],
        output_names=["emissions"],
        dynamic_shapes={"input_ids": sizes, "attention_mask": sizes},
        opset_version=23,
        dynamo=True,
        verbose=False,
    )
    for node in program.model.graph:
        node.metadata_props.clear()  # stack traces: a tenth of a small file, and paths of this machine
    program.save(file, external_data=False)


def _emissions_only(model: RanerModel):
    import torch
    from torch import nn

    written_out = model.config._attn_implementation == "eager"
    lowest = torch.finfo(model.dtype).min

    class Emissions(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            same = attention_mask[:, :, None] == attention_mask[:, None, :]
            places = (same & torch.ones_like(same).tril(-1)).sum(-1)  # how many of the same text come before
            mask = torch.where(same, 0.0, lowest) if written_out else same
            hidden = self.model.bert(input_ids, attention_mask=mask[:, None], position_ids=places).last_hidden_state
            return self.model.classifier(hidden)

    return Emissions()


def optimize_onnx(source: str | Path, path: str | Path) -> Path:
    """Let ONNX Runtime fuse what it can, and write the graph that it would run.

    A session does the same every time it loads; written down it can be counted and loads faster.
    The level is "extended": the next one arranges tensors for one machine's caches only.
    """
    source, path = Path(source), _copy_surroundings(source, path)
    options = _options(threads=1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path / WEIGHTS)
    _session(source / WEIGHTS, options, ["CPUExecutionProvider"])
    return path


@contextmanager
def _optimized(source: str | Path) -> Iterator[Path]:
    """The optimised graph of a directory, for as long as the context lasts."""
    with TemporaryDirectory() as place:
        yield optimize_onnx(source, Path(place) / "optimized") / WEIGHTS


def _copy_surroundings(source: str | Path, path: str | Path) -> Path:
    shutil.copytree(source, path, ignore=shutil.ignore_patterns(WEIGHTS), dirs_exist_ok=True)
    return Path(path)


def operator_counts(path: str | Path) -> Counter[str]:
    """How often each operator stands in the graph of a directory."""
    import onnx

    graph = onnx.load(Path(path) / WEIGHTS, load_external_data=False).graph
    return Counter(node.op_type for node in graph.node)


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
    path = _copy_surroundings(source, path)
    operators = ["MatMul", "Gather"] if embeddings else ["MatMul"]
    with _optimized(source) as graph:
        _quantize_dynamically(graph, path / WEIGHTS, operators, signed, per_channel)
    return path


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
    path = _copy_surroundings(source, path)
    with _optimized(source) as graph:
        matrices = graph.with_name("matrices.onnx")
        _quantize_matrices(graph, matrices, _reader(CharacterTokenizer.from_directory(path), texts))
        _quantize_dynamically(matrices, path / WEIGHTS, ["Gather"])
    return path


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


def calibration_inputs(tokenizer: CharacterTokenizer, texts: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
    """One text a time, unpadded: padding would be counted among the values seen."""
    for text in texts:
        encoding = tokenizer.batch([text])
        yield {"input_ids": encoding.input_ids, "attention_mask": encoding.attention_mask}


def open_session(model: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    """A session with all graph optimisations but `SLOW_FUSIONS`, on the best provider that is there.

    Args:
        threads: by default torch's number where torch is loaded, else `OMP_NUM_THREADS`, else all cores.

    Raises:
        CheckpointError: no such file, or not a graph that ONNX Runtime can run.
    """
    if not model.is_file():
        raise CheckpointError(f"{model}: no such ONNX file")
    return _session(model, _options(threads or default_threads()), providers())


def _options(threads: int) -> onnxruntime.SessionOptions:
    """Workers that rest between calls: by default they go on spinning for tens of ms, on others' cores.

    Where products of bytes may overflow, the precision entry makes ONNX Runtime take another way, which
    is slower. The file stays one for all CPUs.
    """
    options = onnxruntime.SessionOptions()
    if not adds_exactly():
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    return options


@functools.cache
def adds_exactly() -> bool:
    """Whether products of unsigned and signed bytes are summed without overflow here, found by trying.

    CPUs with VNNI have an instruction for it. On older ones two products are added in 16 bits, which do
    not hold the largest. (ONNX Runtime's configuration key `session.x64quantprecision`.)
    """
    session = onnxruntime.InferenceSession(_PRODUCT, providers=["CPUExecutionProvider"])
    largest = {"A": np.full((2, 4), 255, np.uint8), "B": np.full((4, 16), 127, np.int8)}
    return bool((session.run(["Y"], largest)[0] == 4 * 255 * 127).all())


def _session(
    model: Path, options: onnxruntime.SessionOptions, providers: Sequence[str]
) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(
            model, options, providers=list(providers), disabled_optimizers=list(SLOW_FUSIONS)
        )
    except Exception as error:  # onnxruntime's exception classes share no public base
        raise CheckpointError(f"{model}: ONNX Runtime cannot load it ({str(error).splitlines()[0]})") from None


def providers(available: Sequence[str] | None = None) -> list[str]:
    """Those of `PROVIDERS` that are there, best first; the first one is what runs.

    Args:
        available: by default what the installed onnxruntime has.
    """
    present = onnxruntime.get_available_providers() if available is None else available
    return [provider for provider in PROVIDERS if provider in present]


def default_threads() -> int:
    """Torch's number where torch is loaded, else `OMP_NUM_THREADS`, else 0, which engines read as all cores."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else int(os.environ.get("OMP_NUM_THREADS", 0))


def onnx_backend(session: onnxruntime.InferenceSession) -> Backend:
    """Emissions by ONNX Runtime."""

    def emissions(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        return session.run(["emissions"], {"input_ids": input_ids, "attention_mask": attention_mask})[0]

    return emissions


def load_onnx_tagger(path: str | Path, threads: int | None = None) -> Tagger:
    """A tagger on a directory that a function of this room wrote.

    Raises:
        CheckpointError: a file is missing or broken, or the graph has other inputs or outputs.
    """
    path = Path(path)
    session = open_session(path / WEIGHTS, threads)
    names = {node.name for node in [*session.get_inputs(), *session.get_outputs()]}
    if names != {"input_ids", "attention_mask", "emissions"}:
        raise CheckpointError(f"{path / WEIGHTS}: not an export of this course (it has {', '.join(sorted(names))})")
    return tagger_around(onnx_backend(session), path)


def load_onnx_sentence_tagger(path: str | Path, threads: int | None = None) -> Tagger:
    """`load_onnx_tagger`, with the sentences of a text read apart, packed into few rows."""
    return packed(load_onnx_tagger(path, threads))


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
