"""Versions of one tagger side by side: the same article, the same turn-taking, one ledger row each."""

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
from utils.measure.latency import measure_latency, pinned_threads
from utils.measure.ledger import make_row
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

    `loader` is named where it is not the backend's own in `LOADERS`.
    """

    stage: str
    backend: str
    path: Path
    model: RanerModel
    evaluation: Evaluation | None = None
    loader: Callable[[Path], Tagger] | None = None

    @property
    def how(self) -> Callable[[Path], Tagger]:
        return self.loader or LOADERS[self.backend]

    def load(self) -> Tagger:
        return self.how(self.path)


def measure_variants(
    run: Run, variants: Sequence[Variant], notebook: str, scale: str, threads: int = 2, repeats: int = 9
) -> list[dict]:
    """Time, memory and bytes of each variant on the run's article, written to its ledger.

    Latency is text to entities, the variants taking turns in this process; peak memory is that of a
    fresh process a variant.

    Returns:
        The new rows, in the order of `variants`.
    """
    text = run.article.text
    with pinned_threads(threads):
        taggers = [variant.load() for variant in variants]
        calls = {str(i): (lambda tagger=tagger: tagger.predict([text])) for i, tagger in enumerate(taggers)}
        latencies = measure_latency(calls, 3 if run.quick else repeats)
        here = machine()
    del taggers, calls
    rows = []
    for variant, latency, memory in zip(variants, latencies.values(), memories(variants, text, threads), strict=True):
        versions = here["versions"] | engine(variant.backend, variant.path)
        rows.append(_row(variant, notebook, scale, latency, memory, here | {"versions": versions}))
        run.ledger.append(rows[-1])
    return rows


def memories(variants: Sequence[Variant], text: str, threads: int) -> list[Memory]:
    """Peak memory of each variant in a process of its own; two at a time, which costs time but no memory of either."""

    def measured(variant: Variant) -> Memory:
        return peak_memory(f"{variant.how.__module__}:{variant.how.__name__}", variant.path, text, threads)

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


def _row(variant: Variant, notebook: str, scale: str, latency, memory, here: dict) -> dict:
    return make_row(
        variant.stage,
        notebook,
        scale,
        variant.backend,
        model=variant.model,
        evaluation=variant.evaluation,
        latency=latency,
        memory=memory,
        path=variant.path,
        machine=here,
    )
