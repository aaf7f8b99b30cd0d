"""Which cut, in which engine, reaches the target? Looked up in tables, then made without training, and timed.

Heads and neurons are scored on training sentences, cuts are tried on dev, and test is not looked at.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm.auto import tqdm

from utils.compress.batches import make_batches
from utils.compress.importance.gradients import neuron_importance
from utils.compress.importance.registry import SCORES
from utils.compress.pruning.cost import cost_of_shares
from utils.compress.recipes import prune_to
from utils.measure.evaluation import evaluate
from utils.measure.latency import THREADS, Latency, measure_taggers, pinned_threads
from utils.measure.memory import MB, directory_bytes
from utils.measure.verdict import Estimate
from utils.model.pruned_shape import Size, pruning_map
from utils.model.raner import RanerModel, piece_limit
from utils.model.torch_tagger import torch_tagger
from utils.studies.compression.forms import ENGINES, READINGS
from utils.studies.compression.work import Work, accelerated
from utils.studies.cut_search import Candidate, best_within, candidates, cut_f1, size_left
from utils.studies.latency_table import LatencyTable, measure_tables
from utils.tagger.tagger import Tagger, by_sentence

SCORED_AT_ONCE = 8
"""Sentences of a batch that is scored: there is a gate for every neuron at every character."""

AIM, CLOSE = 1.02, 1.06
"""So much of what is asked for the next try is set to reach, and more at each further one; a cut that reaches up to
`CLOSE` of it is small enough."""


def scores(work: Work, name: str, model: RanerModel) -> tuple[Tensor, Tensor]:
    """Scores of the model's heads and neurons, kept under a name: Fisher, and the mean absolute gradient."""

    def build(path: Path) -> None:
        fast, limit = accelerated(model), piece_limit(model.config)
        batches = make_batches(work.scored, work.tokenizer, model.labels, SCORED_AT_ONCE, limit)
        heads, neurons = SCORES["Fisher"](fast, batches), neuron_importance(fast, batches)
        save_file({"heads": heads.contiguous(), "neurons": neurons.contiguous()}, path)

    found = load_file(work.artifact(f"{name}.safetensors", build))
    return found["heads"], found["neurons"]


def tables(work: Work, forms: Mapping[str, Path] | None = None) -> dict[str, LatencyTable]:
    """Times of a layer by engine, at the model's own size: of the engines that may be chosen, and of the original's.

    Args:
        forms: directories of the original by backend; None: they are made.
    """
    found = work.found("table", partial(_measured_tables, work, original_forms(work) if forms is None else forms))
    return {engine: LatencyTable(**_arrays(table)) for engine, table in found.items()}


def _arrays(table: dict) -> dict:
    return table | {
        "shares": tuple(table["shares"]),
        **{half: np.array(table[half]) for half in ("attention", "feed_forward")},
    }


def _measured_tables(work: Work, forms: Mapping[str, Path]) -> dict[str, dict]:
    engines = list(dict.fromkeys([*READINGS, *work.recipe.engines]))
    unpruned = {engine: ENGINES[engine].load(forms[ENGINES[engine].backend]) for engine in engines}
    backends = sorted({ENGINES[engine].backend for engine in engines})
    bar = tqdm(total=2 * len(work.recipe.shares), desc="exporting", leave=False)
    with TemporaryDirectory() as folder, bar:

        def build(probe: RanerModel, name: str) -> dict[str, Tagger]:
            work.write_forms(probe, work.tokenizer, backends, Path(folder, name))
            bar.update()
            return {engine: ENGINES[engine].load(Path(folder, name, ENGINES[engine].backend)) for engine in engines}

        text, rounds = work.run.article.text, work.run.rounds(work.recipe.table_rounds)
        found = measure_tables(work.model.config, build, unpruned, text, work.recipe.shares, rounds)
    halves = ("attention", "feed_forward")
    return {e: table._asdict() | {half: getattr(table, half).tolist() for half in halves} for e, table in found.items()}


class Known(NamedTuple):
    """What is known before anything is trained.

    `found` are all cuts in all engines, `cost` what the target limits of them (ms or MB, predicted), `limit` how
    much of that is allowed, `noise` the points of F1 by which two cuts may differ on dev by chance.
    """

    scores: tuple[Tensor, Tensor]
    found: list[Candidate]
    cost: Callable[[Candidate], float]
    limit: float
    noise: float


def search(work: Work, forms: Mapping[str, Path] | None = None) -> Known:
    """Try cuts on dev, without training, and combine them with the tables.

    Args:
        forms: directories of the original by backend; None: they are made.
    """
    paths = original_forms(work) if forms is None else forms
    scored, timed = scores(work, "scores", work.model), tables(work, paths)
    engines = work.recipe.engines
    tried = work.found("search", partial(_tried, work, scored, paths))
    model, kept = work.model, work.recipe.kept
    of_engines = {engine: timed[engine] for engine in engines}
    grid = np.array(tried["f1"])
    found = candidates(of_engines, tried["bits"], kept, grid, model.config.num_hidden_layers)
    return Known(scored, found, _cost(work, tried["bytes"]), _limit(work, timed), tried["noise"])


def original_forms(work: Work) -> dict[str, Path]:
    """Directories of the original, by backend, for every engine."""
    backends = {ENGINES[engine].backend for engine in [*READINGS, *work.recipe.engines]}
    return work.forms("original", work.model, work.tokenizer, sorted(backends))


def _tried(work: Work, scored: tuple[Tensor, Tensor], paths: Mapping[str, Path]) -> dict:
    """F1 of cuts, points that each engine loses on the uncut model, dev's noise, and bytes of a parameter."""
    sentences, seed = work.searched, work.run.seed
    f1 = cut_f1(accelerated(work.model), work.tokenizer, scored, sentences, work.recipe.kept)
    whole = evaluate(torch_tagger(work.model, work.tokenizer), sentences, seed)
    taggers = {engine: ENGINES[engine].load(paths[ENGINES[engine].backend]) for engine in work.recipe.engines}
    judged = {engine: evaluate(tagger, sentences, seed).scores.f1 for engine, tagger in taggers.items()}
    return {
        "f1": f1.tolist(),
        "bits": {engine: whole.scores.f1 - score for engine, score in judged.items()},
        "noise": (whole.f1_high - whole.f1_low) / 4,
        "bytes": {backend: directory_bytes(path) / work.model.num_parameters() for backend, path in paths.items()},
    }


def _cost(work: Work, bytes_of: Mapping[str, float]) -> Callable[[Candidate], float]:
    """What the target limits: predicted ms, or predicted MB; parameters are linear in heads and in neurons."""
    if work.target.megabytes is None:
        return lambda candidate: candidate.milliseconds
    config, (smaller, _) = work.model.config, work.in_vocabulary(work.model)
    tokens = smaller.config.vocab_size / config.vocab_size
    shares = ((0, 0), (1, 0), (0, 1))
    rest, heads, neurons = (cost_of_shares(config, 0, *share, tokens).parameters for share in shares)

    def megabytes(candidate: Candidate) -> float:
        parameters = rest + candidate.heads * (heads - rest) + candidate.neurons * (neurons - rest)
        return parameters * bytes_of[ENGINES[candidate.engine].backend] / MB

    return megabytes


def _limit(work: Work, timed: Mapping[str, LatencyTable]) -> float:
    """What the target allows, in the unit of `_cost`: of a speed-up, ms of the original by the same tables."""
    target = work.target
    if target.speedup is None:
        return target.megabytes if target.milliseconds is None else target.milliseconds
    whole = pruning_map(work.model.config)
    return min(timed[reading].milliseconds(whole) for reading in READINGS) / target.speedup


class Choice(NamedTuple):
    """A cut that is to be trained: its engine, the heads and neurons left, and the limit under which it was found."""

    engine: str
    heads: int
    neurons: int
    limit: float

    def same_cut(self, other: "Choice") -> bool:
        """The same, though perhaps found under another limit."""
        return self[:3] == other[:3]


def choose(work: Work, known: Known, name: str, limit: float) -> Choice:
    """The smallest cut that reaches what a limit asks for when it is timed untrained, or else the nearest.

    Args:
        name: under which the choice is kept.
        limit: `known.limit` asks for the target; a larger one for so much less, a smaller one for so much more.
    """
    return Choice(**work.found(f"{name}/choice", lambda: _fitted(work, known, limit)._asdict()))


def _fitted(work: Work, known: Known, limit: float) -> Choice:
    """Tables foretell, a model tells: what a cut takes corrects what is foretold of others in its engine."""
    goal, tried, correction = known.limit / limit, {}, dict.fromkeys(work.recipe.engines, 1.0)

    def cost(candidate: Candidate) -> float:
        return correction[candidate.engine] * known.cost(candidate)

    for _ in range(work.recipe.fits):
        best = best_within(known.found, limit, cost, known.noise) or min(known.found, key=cost)
        choice = Choice(best.engine, *size_left(work.model, best.heads, best.neurons), limit)
        if choice in tried:
            break
        tried[choice] = _timed(work, choice, known.scores).low
        if goal <= tried[choice] <= CLOSE * goal:
            break
        correction[best.engine] = AIM ** len(tried) * known.limit / tried[choice] / known.cost(best)
    fitting = [choice for choice, reached in tried.items() if reached >= goal]
    return min(fitting, key=tried.get) if fitting else max(tried, key=tried.get)


def _timed(work: Work, choice: Choice, scored: tuple[Tensor, Tensor]) -> Estimate:
    """How much of the target a cut reaches, made but not trained."""
    cut = prune_to(work.model, *scored, Size(choice.heads, choice.neurons))
    engine = ENGINES[choice.engine]
    with TemporaryDirectory() as folder:
        path = Path(folder, engine.backend)
        work.write_forms(*work.in_vocabulary(cut), [engine.backend], Path(folder))
        whole = torch_tagger(work.model, work.tokenizer)
        taggers = dict(zip(READINGS, (whole, by_sentence(whole)), strict=True)) | {"result": engine.load(path)}
        times, megabytes = in_turns(work, taggers), directory_bytes(path) / MB
    original = min((times[reading] for reading in READINGS), key=lambda latency: latency.p50)
    return work.target.reached(original, times["result"], megabytes)


def in_turns(work: Work, taggers: Mapping[str, Tagger]) -> dict[str, Latency]:
    """Times of the article, the taggers taking turns."""
    with pinned_threads(THREADS):
        return measure_taggers(taggers, [work.run.article.text], work.run.rounds(work.recipe.rounds))
