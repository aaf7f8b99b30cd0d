"""The tagger's encoder in ONNX Runtime: export, graph optimisation, INT8, and a backend for `Tagger`.

The graph ends at the emissions; CRF decoding stays outside, in numpy, so every engine shares it.
Exporting needs torch, running does not: what is needed to load a tagger imports no torch.

A directory holds the graph and what a tagger needs beside it. `export_onnx` writes the first one;
`optimize_onnx`, `quantize_onnx` and `quantize_onnx_static` read one directory and write another.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime

from utils.engines.onnx_files import WEIGHTS, copy_surroundings, tagger_around
from utils.files import CheckpointError
from utils.tagger.batching import Backend
from utils.tagger.tagger import Tagger, packed

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


def optimize_onnx(source: str | Path, path: str | Path) -> Path:
    """Let ONNX Runtime fuse what it can, and write the graph that it would run.

    A session does the same every time it loads; written down it can be counted and loads faster.
    The level is "extended": the next one arranges tensors for one machine's caches only.
    """
    source, path = Path(source), copy_surroundings(source, path)
    options = _options(threads=1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path / WEIGHTS)
    _session(source / WEIGHTS, options, ["CPUExecutionProvider"])
    return path


@contextmanager
def optimized_graph(source: str | Path) -> Iterator[Path]:
    """The optimised graph of a directory, for as long as the context lasts."""
    with TemporaryDirectory() as place:
        yield optimize_onnx(source, Path(place) / "optimized") / WEIGHTS


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
