"""Versions of one tagger side by side: the same article, the same turn-taking, one ledger row each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from utils.benchmark import machine, measure_latency, peak_memory, pinned_threads
from utils.evaluation import Evaluation
from utils.ledger import make_row
from utils.onnx_runtime import load_onnx_tagger
from utils.quantization import load_quantized_tagger
from utils.raner import RanerModel, load_tagger
from utils.run import Run
from utils.tagger import Tagger

LOADERS = {
    "torch-fp32": load_tagger,
    "torch-int8": load_quantized_tagger,
    "onnx-fp32": load_onnx_tagger,
    "onnx-int8": load_onnx_tagger,
}


@dataclass(frozen=True)
class Variant:
    """A saved tagger: which stage it is, how it runs, and the float model whose shapes it has."""

    stage: str
    backend: str
    path: Path
    model: RanerModel
    evaluation: Evaluation | None = None

    def load(self) -> Tagger:
        return LOADERS[self.backend](self.path)


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
    for variant, latency in zip(tqdm(variants, "memory", leave=False), latencies.values(), strict=True):
        loader = LOADERS[variant.backend]
        memory = peak_memory(f"{loader.__module__}:{loader.__name__}", variant.path, text, threads)
        rows.append(_row(variant, notebook, scale, latency, memory, here))
        run.ledger.append(rows[-1])
    return rows


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
