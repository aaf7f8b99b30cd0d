"""Versions of one tagger side by side: the same article, in turns, one ledger row each."""

import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm.auto import tqdm

from utils.compress.quantization.saved import WEIGHTS, engine_of, load_quantized_tagger
from utils.engines.onnx_files import GRAPH_FILE
from utils.engines.onnx_session import load_onnx_tagger, providers
from utils.engines.openvino import OPENVINO_FILE, load_openvino_tagger
from utils.measure.evaluation import Evaluation
from utils.measure.latency import THREADS, Latency, Rounds, measure_taggers, pinned_threads
from utils.measure.ledger import Measured, make_row
from utils.measure.machine import machine
from utils.measure.memory import BenchmarkError, Memory, peak_memory
from utils.measure.row import base_name
from utils.measure.run import Run
from utils.model.raner import RanerModel
from utils.model.torch_tagger import load_bf16_tagger, load_tagger
from utils.tagger.batching import Reading
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

SAVED_AS = {GRAPH_FILE: load_onnx_tagger, OPENVINO_FILE: load_openvino_tagger, WEIGHTS: load_quantized_tagger}
"""What a directory of another kind than float32 holds, and how it is loaded."""


@dataclass(frozen=True)
class Variant:
    """A saved tagger: which stage it is, how it runs, and the float model whose shapes it has.

    Args:
        loader: the backend's own in `LOADERS`, unless another one is named: a function of a module, because a
            fresh process has to find it again.
        reading: how it is meant to read; None: as its loader makes it.
        steps: of the optimizer in its last training; 0 for weights that no training touched.
        seed: of that training; None: the run's.
        batch_size: the one that it is meant to be scored at; None: as `evaluation` was.
        baseline: a stage and its evaluation, with which F1 is compared.
    """

    stage: str
    backend: str
    path: Path
    model: RanerModel
    evaluation: Evaluation | None = None
    loader: Callable[[Path], Tagger] | None = None
    reading: Reading | None = None
    steps: int | None = None
    seed: int | None = None
    batch_size: int | None = None
    baseline: tuple[str, Evaluation] | None = None

    def __post_init__(self):
        object.__setattr__(self, "loader", self.loader or LOADERS[self.backend])

    def load(self) -> Tagger:
        return self.loader(self.path)

    def check(self, tagger: Tagger) -> None:
        """See that its tagger reads as it is meant to, and that it was scored so.

        Raises:
            ValueError: one of the two is otherwise.
        """
        scored = self.evaluation
        readings = {self.reading, tagger.reading, scored.reading if scored else None} - {None}
        batch_sizes = {self.batch_size, scored.batch_size if scored else None} - {None}
        for found in (readings, batch_sizes):
            if len(found) > 1:
                either = " and ".join(sorted(map(str, found)))
                raise ValueError(f"{self.stage}/{self.backend}: what is scored must be what is timed, not {either}")


def load_saved_tagger(source: str | Path) -> Tagger:
    """A tagger from any directory that the course writes, or from whatever else `load_tagger` can load.

    Args:
        source: a directory in float32, in INT8 of torch, of ONNX Runtime or of OpenVINO, one of the files in
            `SAVED_AS`, or a hub id.

    Raises:
        CheckpointError: as the loader of its kind raises it.
    """
    path = Path(source)
    if path.name in SAVED_AS and path.is_file():
        path = path.parent
    file = next((name for name in SAVED_AS if (path / name).is_file()), None)
    return SAVED_AS[file](path) if file else load_tagger(source)


def measure_variants(
    run: Run,
    variants: Sequence[Variant],
    notebook: str,
    scale: str,
    repeats: int = 9,
    times: Sequence[Latency] | None = None,
) -> list[dict]:
    """Time, memory and bytes of each variant on the run's article, written to its ledger.

    Latency is text to entities, the variants taking turns in this process, in one session whose base is the
    first of them; peak memory is that of a fresh process a variant.

    Args:
        times: theirs, of a session that is over; None: of `repeats` rounds, made now.

    Returns:
        The new rows, in the order of `variants`.

    Raises:
        BenchmarkError: the memory of some could not be measured. All rows are in the ledger then, theirs without it.
        ValueError: no variant; or one was scored otherwise than it reads, and nothing is measured.
    """
    text = run.article.text
    timed = _timed(variants, text, run.rounds(3 if run.quick else repeats), run.seed, times)
    rows, failed = [], []
    for variant, measured, memory in zip(variants, timed, memories(variants, text), strict=True):
        if isinstance(memory, BenchmarkError):
            failed.append(memory)
        else:
            measured = replace(measured, memory=memory)
        rows.append(make_row(variant.stage, notebook, scale, variant.backend, measured))
        run.ledger.append(rows[-1])
    if failed:
        raise BenchmarkError("; ".join(map(str, failed)))
    return rows


def _timed(
    variants: Sequence[Variant], text: str, rounds: Rounds, seed: int, times: Sequence[Latency] | None
) -> list[Measured]:
    """All that is known of each variant but its memory; the first one is the session's base."""
    with pinned_threads(THREADS):
        taggers = dict(enumerate(variant.load() for variant in variants))
        for variant, tagger in zip(variants, taggers.values(), strict=True):
            variant.check(tagger)
        latencies = measure_taggers(taggers, [text], rounds) if times is None else times
        here = machine()
    base = base_name(variants[0].stage, variants[0].backend, taggers[0].reading), latencies[0]
    return [
        Measured(
            variant.model,
            variant.evaluation,
            latencies[number],
            path=variant.path,
            machine=here | {"versions": here["versions"] | engine(variant.backend, variant.path)},
            base=base,
            baseline=variant.baseline,
            reading=taggers[number].reading,
            steps=variant.steps,
            seed=seed if variant.seed is None else variant.seed,
        )
        for number, variant in enumerate(variants)
    ]


def memories(variants: Sequence[Variant], text: str) -> Iterator[Memory | BenchmarkError]:
    """Peak memory of each variant in a process of its own, or why there is none, one after the other.

    Two are measured at a time, which costs time but no memory of either.
    """

    def measured(variant: Variant) -> Memory | BenchmarkError:
        try:
            return peak_memory(f"{variant.loader.__module__}:{variant.loader.__name__}", variant.path, text, THREADS)
        except BenchmarkError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        yield from tqdm(pool.map(measured, variants), "memory", len(variants), leave=False)


def engine(backend: str, path: Path) -> dict[str, str]:
    """What does a backend's arithmetic: torch's engine for integers, ONNX Runtime's provider, OpenVINO's version."""
    if backend == "torch-int8":
        return {"quantized engine": engine_of(path)}
    if backend.startswith("onnx"):
        return {"provider": providers()[0]}
    if backend.startswith("openvino"):
        return {"openvino": importlib.metadata.version("openvino")}
    return {}
