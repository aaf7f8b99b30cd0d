"""Which cut, in which engine? Every combination tried on paper: time from a measured table, F1 from measured cuts.

Neither is the last word. Times are interpolated, and F1 is that of the cut model before any recovery,
which tells how much a cut destroys, not how much of it training brings back. What the search names
still has to be built, trained and measured.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from torch import Tensor
from tqdm.auto import tqdm

from utils.compress.recipes import prune_to
from utils.measure.scores import entity_scores
from utils.model.pruned_shape import Size, size_of
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.studies.latency_table import LatencyTable
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Sentence

STEPS = 24
"""Into so many equal steps the way from the deepest cut to none is divided, for heads and for neurons."""


class Candidate(NamedTuple):
    """An engine, the shares of heads and neurons left (0 to 1), predicted ms, and predicted F1 before recovery."""

    engine: str
    heads: float
    neurons: float
    milliseconds: float
    f1: float


def cut_f1(
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    scores: tuple[Tensor, Tensor],
    sentences: Sequence[Sentence],
    shares: Sequence[float],
) -> np.ndarray:
    """F1 in points with these shares of heads (rows) and neurons (columns) left, lowest scores gone, not retrained.

    Shares are of the unpruned network; a model that has fewer already stays as it is.

    Args:
        scores: `(layers, heads)` and `(layers, neurons)`.
    """
    texts = [sentence.text for sentence in sentences]
    grid = [(heads, neurons) for heads in shares for neurons in shares]
    found = []
    for heads, neurons in tqdm(grid, "cutting", leave=False):
        cut = prune_to(model, *scores, size_left(model, heads, neurons))
        found.append(entity_scores(sentences, torch_tagger(cut, tokenizer).predict(texts)).f1)
    return np.array(found).reshape(len(shares), len(shares))


def size_left(model: RanerModel, heads: float, neurons: float) -> Size:
    """What these shares (0 to 1) of the unpruned network are, or what the model has, where that is less."""
    config, have = model.config, size_of(model)
    share_of_heads = round(heads * config.num_hidden_layers * config.num_attention_heads)
    share_of_neurons = round(neurons * config.num_hidden_layers * config.intermediate_size)
    return Size(min(have.heads, share_of_heads), min(have.neurons, share_of_neurons))


def candidates(
    tables: Mapping[str, LatencyTable],
    bits_cost: Mapping[str, float],
    shares: Sequence[float],
    f1: np.ndarray,
    layers: int,
) -> list[Candidate]:
    """Every engine with every cut on a grid between the smallest of `shares` and 1.

    Args:
        bits_cost: engine -> points of F1 that it loses on the uncut model; taken as the same for every cut.
        f1: as `cut_f1` returns it, for `shares`.
    """
    steps = np.linspace(min(shares), 1, STEPS + 1)
    heads, neurons = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    kept = RegularGridInterpolator((shares, shares), f1)(np.stack([heads, neurons], axis=-1))
    return [
        Candidate(engine, *map(float, row))
        for engine, table in tables.items()
        for row in zip(heads, neurons, table.of_shares(heads, neurons, layers), kept - bits_cost[engine], strict=True)
    ]


def best_within(
    found: Iterable[Candidate],
    limit: float,
    cost: Callable[[Candidate], float] = attrgetter("milliseconds"),
    noise: float | None = None,
) -> Candidate | None:
    """The candidate with the highest F1 that costs no more, the faster one of two equals; None if all do.

    Args:
        cost: what is limited; by default the predicted ms.
        noise: points of F1 that the sentences of the search cannot tell apart: of all candidates so close to the
            best, the one with most left is taken. None: nothing but F1 counts.
    """
    allowed = [candidate for candidate in found if cost(candidate) <= limit]
    best = max((candidate.f1 for candidate in allowed), default=0.0)
    close = [candidate for candidate in allowed if candidate.f1 >= best - (noise or 0.0)]
    return max(close, key=lambda c: (noise is not None and c.heads + c.neurons, c.f1, -c.milliseconds), default=None)


def nearest(found: Iterable[Candidate], engine: str, heads: float, neurons: float) -> Candidate:
    """The candidate of an engine whose shares of heads and neurons come nearest to these.

    Raises:
        ValueError: no candidate runs in that engine.
    """
    found = list(found)
    own = [candidate for candidate in found if candidate.engine == engine]
    if not own:
        known = ", ".join(sorted({candidate.engine for candidate in found}))
        raise ValueError(f"no candidate runs in {engine!r}; there are: {known or 'none'}")
    return min(own, key=lambda c: abs(c.heads - heads) + abs(c.neurons - neurons))
