"""Versions of one tagger side by side: the same article, in turns, one ledger row each."""

import importlib.metadata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from utils.compress.quantization.saved import engine_of, load_quantized_tagger
from utils.engines.onnx_session import load_onnx_tagger, providers
from utils.engines.openvino import load_openvino_tagger
from utils.measure.evaluation import Evaluation
from utils.measure.latency import THREADS, measure_taggers, pinned_threads
from utils.measure.ledger import Measured, make_row
from utils.measure.machine import machine
from utils.measure.memory import Memory, peak_memory
from utils.measure.run import Run
from utils.model.raner import RanerModel
from utils.model.torch_tagger import load_bf16_tagger, load_tagger
from utils.tagger.tagger import Tagger

LOADERS = {
    "torch-fp32": load_tagger,
    "torch-bf16": load_bf16_tagger,
    "torch-int8": load_quantized_tagger,
    "onnx-fp32": load_onnx_tagger,
    "onnx-int8": load_onnx_tagger,
    "openvino-fp32": load_openvino_tagger,
    "openvino-int8": load_openvino_tagger,
}


@dataclass(frozen=True)
class Variant:
    """A saved tagger: which stage it is, how it runs, and the float model whose shapes it has.

    `loader` is the backend's own in `LOADERS`, unless another one is named: a function of a module, because
    a fresh process has to find it again.
    """

    stage: str
    backend: str
    path: Path
    model: RanerModel
    evaluation: Evaluation | None = None
    loader: Callable[[Path], Tagger] | None = None

    def __post_init__(self):
        object.__setattr__(self, "loader", self.loader or LOADERS[self.backend])

    def load(self) -> Tagger:
        return self.loader(self.path)


def measure_variants(run: Run, variants: Sequence[Variant], notebook: str, scale: str, repeats: int = 9) -> list[dict]:
    """Time, memory and bytes of each variant on the run's article, written to its ledger.

    Latency is text to entities, the variants taking turns in this process; peak memory is that of a
    fresh process a variant.

    Returns:
        The new rows, in the order of `variants`.
    """
    text = run.article.text
    with pinned_threads(THREADS):
        taggers = dict(enumerate(variant.load() for variant in variants))
        latencies = measure_taggers(taggers, [text], run.rounds(3 if run.quick else repeats))
        here = machine()
    del taggers
    rows = []
    for variant, latency, memory in zip(variants, latencies.values(), memories(variants, text), strict=True):
        there = here | {"versions": here["versions"] | engine(variant.backend, variant.path)}
        measured = Measured(variant.model, variant.evaluation, latency, memory, variant.path, there)
        rows.append(make_row(variant.stage, notebook, scale, variant.backend, measured))
        run.ledger.append(rows[-1])
    return rows


def memories(variants: Sequence[Variant], text: str) -> list[Memory]:
    """Peak memory of each variant in a process of its own; two at a time, which costs time but no memory of either."""

    def measured(variant: Variant) -> Memory:
        return peak_memory(f"{variant.loader.__module__}:{variant.loader.__name__}", variant.path, text, THREADS)

    with ThreadPoolExecutor(2) as pool:
        return list(tqdm(pool.map(measured, variants), "memory", len(variants), leave=False))


def engine(backend: str, path: Path) -> dict[str, str]:
    """What does a backend's arithmetic: torch's engine for integers, ONNX Runtime's provider, the peer's version."""
    if backend == "torch-int8":
        return {"quantized engine": engine_of(path)}
    if backend.startswith("onnx"):
        return {"provider": providers()[0]}
    if backend.startswith("openvino"):
        return {"openvino": importlib.metadata.version("openvino")}
    return {}
