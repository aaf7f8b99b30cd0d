"""Cuts with a name: what goes, how much F1 it may cost after recovery, and the verdict on whether it did."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from utils.compress.checks import check_count, check_share
from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.compress.pruning.select import select_globally
from utils.measure.evaluation import Evaluation
from utils.measure.verdict import Estimate, Verdict, f1_difference, verdict
from utils.model.pruned_shape import Size, size_of
from utils.model.raner import RanerModel
from utils.text.entities import Sentence


class Cut(NamedTuple):
    """Shares of all heads and of all neurons that go (0 to 1), and the points of F1 that may be lost after recovery."""

    heads: float
    neurons: float
    allowed: float


CUTS = {
    "heads-20": Cut(0.20, 0.0, 0.3),
    "heads-50": Cut(0.50, 0.0, 0.5),
    "heads-50-ffn-50": Cut(0.50, 0.50, 0.8),
    "heads-50-ffn-67": Cut(0.50, 0.67, 1.0),
}

STRONGEST = "heads-50-ffn-67"

COMPRESSED = {"compressed": Cut(0.5, 0.67, 1.0), "compressed-more": Cut(0.55, 0.7, 2.0)}
"""Notebook 08's own versions. Dev chose the cuts: `python -m utils.studies.own_versions`."""


def left_after(model: RanerModel, cut: Cut) -> Size:
    """How many of the model's heads and neurons a cut leaves.

    Raises:
        ValueError: a share of the cut is not from 0 to 1.
    """
    check_share("heads", cut.heads)
    check_share("neurons", cut.neurons)
    before = size_of(model)
    return Size(round((1 - cut.heads) * before.heads), round((1 - cut.neurons) * before.neurons))


def at_random(scores: Tensor, seed: int) -> Tensor:
    """Scores of the same shape that know nothing, the control of every choice; NaN where `scores` is NaN."""
    noise = torch.rand(scores.shape, generator=torch.Generator().manual_seed(seed))
    return noise.where(~scores.isnan(), scores)


def prune_to(model: RanerModel, head_scores: Tensor, neuron_scores: Tensor, target: Size) -> RanerModel:
    """A new model with the `target` numbers of heads and neurons, the lowest scores of the whole network gone.

    Args:
        head_scores: `(layers, heads)`, NaN where a head is already gone.
        neuron_scores: `(layers, neurons)`, likewise.

    Raises:
        ValueError: the model has fewer heads or neurons than `target`, or `target` is below 0.
    """
    check_count("heads", target.heads)
    check_count("neurons", target.neurons)
    surplus = Size(*(have - want for have, want in zip(size_of(model), target, strict=True)))
    if min(surplus) < 0:
        raise ValueError(f"{target} cannot be left of {size_of(model)}")
    fewer = prune_heads(model, select_globally(head_scores, surplus.heads))
    return prune_neurons(fewer, select_globally(neuron_scores, surplus.neurons))


class BarResult(NamedTuple):
    """One bar, tried: F1 of the recovered model minus the fair baseline's, and how many points may be lost."""

    estimate: Estimate
    allowed: float

    @property
    def verdict(self) -> Verdict:
        """Is at most `allowed` lost?"""
        return verdict(self.estimate, -self.allowed)


def judge(cut: Cut, sentences: Sequence[Sentence], baseline: Evaluation, recovered: Evaluation, seed: int) -> BarResult:
    """Hold a recovered model against the fair baseline on the same sentences.

    Args:
        baseline: of the unpruned model *with the same training*: what that gave is not the cut's doing.
    """
    return BarResult(f1_difference(sentences, baseline.predictions, recovered.predictions, seed), cut.allowed)
