"""Two models of different shape, equally fast: how much may a deep one keep to be as quick as a shallow one?

Arithmetic first: `left_of_work` spends a number of multiplications on heads and neurons. But time is
not work: twelve thin layers have twelve layer normalisations, whatever was cut out of them. So
`match_time` measures, corrects the number of multiplications, and measures again.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from transformers import BertConfig

from utils.compress.pruning.cost import cost_of_shares
from utils.measure.latency import Rounds
from utils.measure.verdict import Estimate, times_as_fast
from utils.model.pruned_shape import Size, size_of
from utils.model.raner import RanerModel
from utils.studies.sweep import latency_sweep
from utils.tagger.tokenizer import CharacterTokenizer

TOLERANCE = 0.02
"""Two times that differ by less than this share count as equal: about what a quiet machine can tell apart."""


class Probe(NamedTuple):
    """One try: the multiply-adds of a model, and how many times as long as the reference it takes."""

    work: float
    ratio: float


def left_of_work(model: RanerModel, config: BertConfig, work: float, split: float, length: int) -> Size:
    """How many heads and neurons of `model` may stay, so that the cut model costs `work`.

    Work is linear in both (`predict_cost`): first as many whole heads as `split` of it pays for, then
    neurons for the rest, so the answer is right to one neuron.

    Args:
        config: the scale whose multiplications count, the model's own or its twin's.
        work: multiply-adds of one text, classifier included.
        split: share of the encoder's work that goes to heads, 0 to 1.
        length: positions of the text, as in `predict_cost`.

    Raises:
        ValueError: so little is left of no model, or the model has too few heads or neurons.
    """
    bare = cost_of_shares(config, length, heads=0, neurons=0).multiply_adds
    head_work, neuron_work = (
        (cost_of_shares(config, length, **others).multiply_adds - bare) / parts
        for others, parts in zip(({"neurons": 0}, {"heads": 0}), size_of(model), strict=True)
    )
    heads = int(split * (work - bare) / head_work)
    found = Size(heads, round((work - bare - heads * head_work) / neuron_work))
    if min(found) < 0 or any(want > have for want, have in zip(found, size_of(model), strict=True)):
        raise ValueError(f"{work:,.0f} multiply-adds, {split:.0%} for heads, would leave {found} of {size_of(model)}")
    return found


def times_as_long(
    model: RanerModel, reference: RanerModel, tokenizer: CharacterTokenizer, text: str, rounds: Rounds
) -> Estimate:
    """How many times as long as `reference` the model takes, text to entities, the two taking turns."""
    latencies = latency_sweep({0: model, 1: reference}, tokenizer, text, rounds)
    return times_as_fast(baseline=latencies[0], latency=latencies[1])


def match_time(ratio_of: Callable[[float], float], whole: Probe, work: float, tries: int) -> list[Probe]:
    """Look for the work whose time is the reference's; every try in order, at most `tries`.

    Time is taken for a straight line through the last try and the uncut model, which is far away, so
    that the noise of a measurement hardly turns the line. No step more than halves or doubles the work, none
    leads beyond the uncut model, and a model that takes too long only shrinks, one that is too quick only grows,
    whatever line a noisy or a coarse clock draws. A work that would be tried a second time ends the search.

    Args:
        ratio_of: work -> time as a multiple of the reference's, measured.
        whole: the uncut model.
        work: the first guess, in multiply-adds, at most the uncut model's.
    """
    probes = [Probe(work, ratio_of(work))]
    while len(probes) < tries and abs(probes[-1].ratio - 1) > TOLERANCE:
        work = _next_work(probes[-1], whole)
        if work == probes[-1].work:
            break
        probes.append(Probe(work, ratio_of(work)))
    return probes


def _next_work(last: Probe, whole: Probe) -> float:
    """Where the line through two probes meets the reference's time; the farthest step, where it does not rise."""
    rise, distance = whole.ratio - last.ratio, whole.work - last.work
    step = (1 - last.ratio) * distance / rise if rise > 0 and distance > 0 else math.copysign(math.inf, 1 - last.ratio)
    return min(max(last.work + step, last.work / 2), 2 * last.work, whole.work)
