"""Which head score is right? Each is asked three questions, and so is chance.

Does it rank the heads as the oracle does (`spearman`)? Would it take out the same ones (`overlap`)?
What is left of F1 when heads go in its order (`pruning_curves`)? The last question is the one that
counts, and its answer depends on the sentences asked: `standings` says how often another draw of
sentences would have put another score first.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata, spearmanr
from torch import Tensor
from tqdm.auto import tqdm

from utils.compress.pruning.remove import masked_heads
from utils.compress.pruning.select import select_globally
from utils.measure.bootstrap import RESAMPLES, percentile_interval, resampled_f1
from utils.measure.scores import Predictions, entity_scores
from utils.measure.verdict import Estimate
from utils.model.pruned_shape import Numbers
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Sentence


class Standing(NamedTuple):
    """A score's mean F1 along its pruning curve in points, the 95 % interval, and how often it is first (percent)."""

    name: str
    f1: float
    low: float
    high: float
    first: float


class Lead(NamedTuple):
    """How far one curve lies above another on average, in points of F1, with the 95 % interval."""

    f1: float
    low: float
    high: float


def spearman(a: Tensor, b: Tensor) -> float:
    """Rank correlation of two scores, -1 to 1; heads that are NaN in either do not count.

    Args:
        a, b: `(layers, heads)`.

    Source: Spearman 1904, "The Proof and Measurement of Association between Two Things".
    """
    present = ~(a.isnan() | b.isnan())
    return float(spearmanr(a[present], b[present]).statistic)


def spearman_gain(first: Tensor, second: Tensor, truth: Tensor, seed: int = 0) -> Estimate:
    """How much better the first score ranks as the truth does than the second one, with a 95 % interval.

    Heads are drawn with replacement, the same ones for all three.

    Args:
        first, second, truth: `(layers, heads)`; heads that are NaN in the truth do not count.
    """
    values = np.stack([grid[~truth.isnan()].numpy() for grid in (first, second, truth)])
    drawn = np.random.default_rng(seed).integers(values.shape[1], size=(RESAMPLES, values.shape[1]))
    gains = [_rank_gain(values[:, heads]) for heads in drawn]
    return Estimate(_rank_gain(values), *percentile_interval(np.array(gains)))


def _rank_gain(values: np.ndarray) -> float:
    first, second, truth = rankdata(values, axis=1)
    return float(np.corrcoef(first, truth)[0, 1] - np.corrcoef(second, truth)[0, 1])


def overlap(a: Tensor, b: Tensor, count: int) -> float:
    """Percent of the `count` lowest heads that two scores have in common.

    Scores that know nothing of each other share 100 * count / heads percent on average.

    Args:
        a, b: `(layers, heads)`.

    Raises:
        ValueError: there are fewer than `count` heads.
    """
    first, second = (_pairs(select_globally(scores, count)) for scores in (a, b))
    return 100 * len(first & second) / count


def _pairs(heads: Numbers) -> set[tuple[int, int]]:
    return {(layer, head) for layer, numbers in heads.items() for head in numbers}


def predictions_without(
    model: RanerModel, tokenizer: CharacterTokenizer, heads: Numbers, sentences: Sequence[Sentence]
) -> Predictions:
    """What the tagger answers with `heads` masked: the answers of the pruned model, without any surgery."""
    with masked_heads(model, heads):
        return torch_tagger(model, tokenizer).predict([sentence.text for sentence in sentences], batch_size=64)


def pruning_curves(
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    scores: Mapping[str, Tensor],
    counts: Sequence[int],
    sentences: Sequence[Sentence],
) -> dict[str, list[Predictions]]:
    """Predictions with the lowest 1, 2, ... heads of each score masked; nothing is trained in between.

    Args:
        scores: name -> `(layers, heads)`.
        counts: how many heads go at each point of the curve.

    Returns:
        Name -> one list of predictions for each of `counts`.
    """
    points = [(name, count) for name in scores for count in counts]
    curves: dict[str, list[Predictions]] = {name: [] for name in scores}
    for name, count in tqdm(points, desc="masking heads", unit="point"):
        heads = select_globally(scores[name], count)
        curves[name].append(predictions_without(model, tokenizer, heads, sentences))
    return curves


def curve_f1(sentences: Sequence[Sentence], curve: Sequence[Predictions]) -> list[float]:
    """F1 in points at each point of a curve."""
    return [entity_scores(sentences, predictions).f1 for predictions in curve]


def standings(
    sentences: Sequence[Sentence], curves: Mapping[str, Sequence[Predictions]], seed: int = 0
) -> list[Standing]:
    """The contenders by mean F1 along the curve, best first.

    Sentences are resampled, the same draws for every contender and every point. `first` is the
    percentage of draws in which a contender leads; those level with it share the draw.
    """
    means = np.stack([_mean_f1(sentences, curve, seed) for curve in curves.values()])
    leads = means == means.max(0)
    first = 100 * (leads / leads.sum(0)).mean(1)
    rows = [
        Standing(
            name, float(np.mean(curve_f1(sentences, curves[name]))), *percentile_interval(means[i]), float(first[i])
        )
        for i, name in enumerate(curves)
    ]
    return sorted(rows, key=lambda row: -row.f1)


def lead(sentences: Sequence[Sentence], a: Sequence[Predictions], b: Sequence[Predictions], seed: int = 0) -> Lead:
    """Mean F1 along curve a minus that along curve b, both on the same draws of sentences."""
    difference = np.mean(curve_f1(sentences, a)) - np.mean(curve_f1(sentences, b))
    return Lead(float(difference), *percentile_interval(_mean_f1(sentences, a, seed) - _mean_f1(sentences, b, seed)))


def _mean_f1(sentences: Sequence[Sentence], curve: Sequence[Predictions], seed: int) -> np.ndarray:
    """Mean over the points of a curve, in each draw of sentences: `(RESAMPLES,)`."""
    return resampled_f1(sentences, curve, seed).mean(0)
