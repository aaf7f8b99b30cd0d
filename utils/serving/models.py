"""Which tagger is served: any model directory of the course, an ONNX file, a cascade, or the embedded model in INT8."""

import hashlib
import multiprocessing
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from utils.engines.cascade_files import CASCADE_FILE, LARGE, SMALL, load_cascade
from utils.engines.onnx_files import GRAPH_FILE
from utils.engines.onnx_session import load_onnx_tagger
from utils.engines.openvino import OPENVINO_FILE, OPENVINO_WEIGHTS, load_openvino_tagger
from utils.files import DATA, ROOT, RUNS, CheckpointError, locked
from utils.measure.machine import installed_version
from utils.tagger.cascade import Cascade
from utils.tagger.tagger import Tagger

EMBEDDED = DATA / "models" / "mini-raner"
BUILT = RUNS / "serving"

LONGEST_BUILD = 600
"""Seconds that one process waits for another that builds the same model."""

TORCH_INT8_FILE, TORCH_FILE = "model.int8.pt", "model.safetensors"
"""Written down here too: the modules that write them load torch."""

EXPORTERS = tuple(
    ROOT / "utils" / f"{module}.py"
    for module in (
        "model/raner", "model/crf", "model/pruned_shape", "model/layouts", "model/checkpoint",
        "engines/onnx_export", "engines/onnx_files", "engines/onnx_session", "engines/onnx_quantize",
    )
)  # fmt: skip
"""The code that reads, exports and quantises a model."""

LIBRARIES = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")
"""The libraries that do it."""


def open_model(
    source: str | Path = "", threads: int = 1, at_once: int = 1
) -> tuple[str, Callable[[], Tagger | Cascade]]:
    """A name for answers and cache, and the function that loads the tagger.

    The name ends in the first characters of the weights' SHA-256, so two models never share one.

    Args:
        source: a model directory of ONNX Runtime, OpenVINO or torch, one of a cascade, an ONNX file, or a hub id; by
            default the embedded model in ONNX INT8, which is built at the first call.
        threads: that ONNX Runtime or OpenVINO computes one sentence with; torch goes by `OMP_NUM_THREADS`.
        at_once: threads that will ask the tagger.

    Raises:
        CheckpointError: an ONNX file that is not there or not of this course.
    """
    path = Path(source or default_model())
    if path.suffix == ".onnx":
        path = _folder(path)
    if (path / CASCADE_FILE).is_file():
        return _cascade_name(path), lambda: load_cascade(path, threads)
    if (path / GRAPH_FILE).is_file():
        return _name(path, GRAPH_FILE), lambda: load_onnx_tagger(path, threads)
    if (path / OPENVINO_FILE).is_file():
        return _name(path, OPENVINO_FILE, OPENVINO_WEIGHTS), lambda: load_openvino_tagger(path, threads, at_once)
    return _torch_name(path), lambda: _load_torch(source)


def _folder(file: Path) -> Path:
    if file.name != GRAPH_FILE or not file.is_file():
        raise CheckpointError(f"{file}: not there, or not the {GRAPH_FILE} of a directory that this course exported")
    return file.parent


def default_model() -> Path:
    """The embedded model in ONNX INT8, built once for each version of its weights and of what exports them."""
    path = BUILT / f"{EMBEDDED.name}-onnx-int8-{_digest(EMBEDDED / TORCH_FILE)}-{exporter()}"
    BUILT.mkdir(parents=True, exist_ok=True)
    with locked(BUILT, LONGEST_BUILD):  # all workers of gunicorn start at once
        if not path.exists():
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as builder:  # torch stays out of here
                builder.submit(build, EMBEDDED, path).result()
    return path


def exporter() -> str:
    """First characters of a digest of the export's code and of its libraries' versions: either may change the graph."""
    versions = " ".join(installed_version(library) for library in LIBRARIES)
    code = b"".join(file.read_bytes() for file in EXPORTERS)
    return hashlib.sha256(versions.encode() + code).hexdigest()[:8]


def build(source: Path, path: Path) -> None:
    """Export a model and quantise it; `path` appears when it is whole."""
    from utils.engines.onnx_export import export_onnx
    from utils.engines.onnx_quantize import quantize_onnx
    from utils.model.checkpoint import load_raner

    unfinished = path.with_name(f"{path.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    export_onnx(*load_raner(source), unfinished / "float")
    quantize_onnx(unfinished / "float", unfinished / "int8")
    (unfinished / "int8").rename(path)
    shutil.rmtree(unfinished)


def _load_torch(source: str | Path) -> Tagger:
    if (Path(source) / TORCH_INT8_FILE).is_file():
        from utils.compress.quantization.saved import load_quantized_tagger

        return load_quantized_tagger(source)
    from utils.model.torch_tagger import load_tagger

    return load_tagger(source)


def _torch_name(path: Path) -> str:
    files = (name for name in (TORCH_INT8_FILE, TORCH_FILE) if (path / name).is_file())
    file = next(files, None)
    return _name(path, file) if file else str(path)


def _cascade_name(folder: Path) -> str:
    """The digests of both graphs and of the threshold: each may change an answer."""
    return _name(folder, f"{SMALL}/{GRAPH_FILE}", f"{LARGE}/{GRAPH_FILE}", CASCADE_FILE)


def _name(folder: Path, *files: str) -> str:
    return f"{folder.resolve().name}@{'-'.join(_digest(folder / file) for file in files)}"


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as weights:
            return hashlib.file_digest(weights, "sha256").hexdigest()[:8]
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror})") from None
