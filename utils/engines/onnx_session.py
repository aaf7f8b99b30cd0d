"""Running a graph in ONNX Runtime: threads, graph optimisation, and a backend for `Tagger`.

CRF decoding stays outside, in numpy, so every engine shares it. Loading a tagger imports neither torch nor
onnx: a process that serves one does not pay for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime

from utils.engines.byte_products import adds_exactly
from utils.engines.onnx_files import GRAPH_FILE, copy_surroundings, tagger_around
from utils.engines.subnormals import flushed
from utils.files import CheckpointError, refuse_pointer
from utils.measure.latency import THREADS
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


def optimize_onnx(source: str | Path, path: str | Path) -> Path:
    """Let ONNX Runtime fuse what it can, and write the graph that it would run.

    A session does the same every time it loads; written down it can be counted and loads faster.
    The level is "extended": the next one arranges tensors for one machine's caches only.
    """
    source, path = Path(source), copy_surroundings(source, path)
    options = session_options(threads=1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path / GRAPH_FILE)
    _session(source / GRAPH_FILE, options, ["CPUExecutionProvider"])
    return path


@contextmanager
def optimized_graph(source: str | Path) -> Iterator[Path]:
    """The optimised graph of a directory, for as long as the context lasts."""
    with TemporaryDirectory() as place:
        yield optimize_onnx(source, Path(place) / "optimized") / GRAPH_FILE


def open_session(model: Path, threads: int = THREADS, profile: Path | None = None) -> onnxruntime.InferenceSession:
    """A session with all graph optimisations but `SLOW_FUSIONS`, on the best provider that is there.

    Args:
        threads: of one operator; they are made now, and `utils.measure.latency.pinned_threads` does not reach them.
        profile: how the path of the file begins to which `end_profiling` writes all events; None: there are none.

    Raises:
        CheckpointError: no such file, a Git LFS pointer, or not a graph that ONNX Runtime can run.
    """
    if not model.is_file():
        raise CheckpointError(f"{model}: no such ONNX file")
    refuse_pointer(model)
    options = session_options(threads)
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    return _session(model, options, providers())


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Workers that rest between calls: by default they go on spinning for tens of ms, on others' cores.

    Where products of bytes may overflow, the precision entry makes ONNX Runtime take another way, which
    is slower. The file stays one for all CPUs. The entry about denormals is for the workers; the thread that
    asks computes as well, and has `flushed` for it.
    """
    options = onnxruntime.SessionOptions()
    if not adds_exactly():
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.log_severity_level = 3
    return options


def _session(
    model: Path, options: onnxruntime.SessionOptions, providers: Sequence[str]
) -> onnxruntime.InferenceSession:
    """A process's first session would leave its entry about denormals to the thread that makes it; `flushed` takes it
    back."""
    try:
        with flushed():
            return onnxruntime.InferenceSession(
                model, options, providers=list(providers), disabled_optimizers=list(SLOW_FUSIONS)
            )
    except Exception as error:  # onnxruntime's exception classes share no public base
        raise CheckpointError(f"{model}: ONNX Runtime cannot load it ({str(error).splitlines()[0]})") from None


def providers() -> list[str]:
    """Those of `PROVIDERS` that the installed onnxruntime has, best first; the first one is what runs."""
    present = onnxruntime.get_available_providers()
    return [provider for provider in PROVIDERS if provider in present]


def onnx_backend(session: onnxruntime.InferenceSession) -> Backend:
    """Emissions `(batch, length, tags)` by a session of a graph that `utils.engines.onnx_export` wrote."""

    def emissions(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        return session.run(["emissions"], {"input_ids": input_ids, "attention_mask": attention_mask})[0]

    return emissions


def load_onnx_tagger(path: str | Path, threads: int = THREADS) -> Tagger:
    """A tagger on a directory that a function of this room wrote.

    Raises:
        CheckpointError: a file is missing or broken, or the graph has other inputs or outputs.
    """
    path = Path(path)
    session = open_session(path / GRAPH_FILE, threads)
    names = {node.name for node in [*session.get_inputs(), *session.get_outputs()]}
    if names != {"input_ids", "attention_mask", "emissions"}:
        raise CheckpointError(f"{path / GRAPH_FILE}: not an export of this course (it has {', '.join(sorted(names))})")
    return tagger_around(flushed()(onnx_backend(session)), path)


def load_by_default(path: str | Path, threads: int = THREADS) -> Tagger:
    """ONNX Runtime as it comes, with `SLOW_FUSIONS`, workers that go on spinning and subnormal numbers: what tutorials
    measure."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(Path(path) / GRAPH_FILE, options, providers=["CPUExecutionProvider"])
    return tagger_around(onnx_backend(session), Path(path))


def load_onnx_sentence_tagger(path: str | Path, threads: int = THREADS) -> Tagger:
    """`load_onnx_tagger`, with the sentences of a text read apart, packed into few rows."""
    return packed(load_onnx_tagger(path, threads))
