"""One pruning ratio after the other: what is left, what it costs, how right it is, how long it takes.

Nothing is retrained on the way. The curves show what the weights that stay know by themselves.
Every curve is a dict from the ratio, the share of the heads (or neurons) that went, 0 to 1, to what
was found there.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from torch import Tensor
from tqdm.auto import tqdm

from utils.compress.pruning.cost import Cost, predict_cost
from utils.compress.pruning.select import select_globally
from utils.measure.bootstrap import Difference, paired_bootstrap
from utils.measure.evaluation import Evaluation, evaluate
from utils.measure.latency import THREADS, Latency, Rounds, measure_taggers, pinned_threads
from utils.model.pruned_shape import Numbers, pruning_map
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Sentence


def prune_sweep(
    prune: Callable[[RanerModel, Numbers], RanerModel], model: RanerModel, scores: Tensor, ratios: Sequence[float]
) -> dict[float, RanerModel]:
    """For each ratio a new model without that share of its parts, lowest scores of the whole network first.

    Args:
        prune: `prune_heads` or `prune_neurons`.
        scores: `(layers, heads)` or `(layers, neurons)`.
    """
    return {ratio: prune(model, select_globally(scores, round(ratio * scores.numel()))) for ratio in ratios}


def f1_sweep(
    models: Mapping[float, RanerModel], tokenizer: CharacterTokenizer, sentences: Sequence[Sentence], seed: int
) -> dict[float, Evaluation]:
    """Each model's evaluation on the same sentences; `seed` draws the bootstrap samples."""
    bar = tqdm(models.items(), "evaluating", leave=False)
    return {ratio: evaluate(torch_tagger(model, tokenizer), sentences, seed) for ratio, model in bar}


def f1_losses(
    sentences: Sequence[Sentence], evaluations: Mapping[float | str, Evaluation], seed: int
) -> dict[float | str, Difference]:
    """F1 of each ratio (or name) minus F1 of the first one in points, paired on the same sentences."""
    start = next(iter(evaluations.values())).predictions
    return {ratio: paired_bootstrap(sentences, start, e.predictions, seed) for ratio, e in evaluations.items()}


def surely_within(differences: Mapping[float, Difference], margin: float) -> float:
    """The last ratio before the curve can no longer be trusted to lose less than `margin` points.

    Trusted means: the lower end of the 95 % interval lies above -margin. That is a stronger word
    than "no significant difference", which a small test set says of anything.

    Raises:
        ValueError: the first point breaks the margin already.
    """
    trusted = []
    for ratio, difference in differences.items():
        if difference.low <= -margin:
            break
        trusted.append(ratio)
    if not trusted:
        raise ValueError(f"no point loses surely less than {margin} points")
    return trusted[-1]


def bend(curve: Mapping[float, float]) -> float:
    """The ratio at which a curve lies farthest above the straight line between its two ends.

    Source: Satopää et al. 2011, "Finding a 'Kneedle' in a Haystack", section III, without the smoothing.
    """
    x, y = np.array(list(curve)), np.array(list(curve.values()))
    chord = np.interp(x, x[[0, -1]], y[[0, -1]])
    return float(x[np.argmax(y - chord)])


def latency_sweep(
    models: Mapping[float, RanerModel], tokenizer: CharacterTokenizer, text: str, rounds: Rounds
) -> dict[float, Latency]:
    """Text to entities, the models taking turns."""
    taggers = {ratio: torch_tagger(model, tokenizer) for ratio, model in models.items()}
    with pinned_threads(THREADS):
        return measure_taggers(taggers, [text], rounds)


def cost_sweep(models: Mapping[float, RanerModel], length: int) -> dict[float, Cost]:
    """What arithmetic says of each model; `length` as in `predict_cost`."""
    return {r: predict_cost(m.config, pruning_map(m.config), length) for r, m in models.items()}


def percent_of_first(curve: Mapping[float, float]) -> dict[float, float]:
    """A curve in percent of its first value."""
    start = next(iter(curve.values()))
    return {ratio: 100 * value / start for ratio, value in curve.items()}


def left_of_each(
    costs: Mapping[str, Mapping[float, Cost]], times: Mapping[str, Mapping[float, Latency]]
) -> dict[str, dict[str, dict[float, float]]]:
    """Panels for a figure of notebook 04: what is left of size, of work and of time, in percent of the unpruned model.

    Args:
        costs, times: scale -> ratio -> prediction, or measurement.
    """

    def panel(values: Mapping[str, Mapping[float, object]], key: str) -> dict[str, dict[float, float]]:
        return {
            scale: percent_of_first({ratio: getattr(value, key) for ratio, value in curve.items()})
            for scale, curve in values.items()
        }

    return {
        "parameters, counted (bytes: four each)": panel(costs, "parameters"),
        "multiplications, counted": panel(costs, "multiply_adds"),
        "time on the article, measured (median)": panel(times, "p50"),
    }
