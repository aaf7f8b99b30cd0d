"""Yes, no, or cannot tell: the one answer to "is it at least so much?", given by an interval and never by a point.

*Yes* where the whole interval lies at or above the margin, *no* where all of it lies below, and *cannot tell*
in between: more sentences, or more turns, could tell. So a *yes* is wrong in at most 2.5 of 100 cases, even
where the truth lies exactly at the margin. This is a one-sided test of non-inferiority read off an interval
(Schuirmann 1987, "A comparison of the two one-sided tests procedure").
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np

from utils.measure.bootstrap import paired_bootstrap
from utils.measure.latency import Latency, ratios
from utils.measure.scores import Predictions
from utils.text.entities import Sentence


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"
    UNSURE = "cannot tell"

    @property
    def mark(self) -> str:
        return {"yes": "✓", "no": "✗", "cannot tell": "?"}[self]


class HasInterval(Protocol):
    low: float
    high: float


class Estimate(NamedTuple):
    """What was measured, and the interval that the truth lies in, as far as the sample can tell."""

    value: float
    low: float
    high: float


def verdict(estimate: HasInterval, margin: float) -> Verdict:
    """Is the truth at least `margin`? For "at most" turn the signs of both: a loss of at most 1.0 is a difference
    of at least -1.0.
    """
    if estimate.low >= margin:
        return Verdict.YES
    return Verdict.NO if estimate.high < margin else Verdict.UNSURE


def ahead(first: str, leads: Mapping[str, HasInterval]) -> str:
    """Who is first, in words: `first`, or "cannot tell" with the names that it does not surely lead.

    Args:
        leads: of `first` over each of the others, as differences.
    """
    level = [name for name, lead in leads.items() if verdict(lead, 0) is not Verdict.YES]
    return f"cannot tell: {' or '.join([first, *level])}" if level else first


def equivalent(estimate: HasInterval, low: float, high: float) -> Verdict:
    """Is the truth between `low` and `high`, near enough to no difference? Two verdicts that must both be a yes.

    An interval that holds "no difference" is not enough: the fewer sentences, the easier it does. So an experiment
    that saw little answers *cannot tell* here, and not *yes*. A difference of points is asked about -m and m,
    a ratio about 1 / (1 + m) and 1 + m.

    Source: Schuirmann 1987, as above.

    Raises:
        ValueError: `low` is not below `high`.
    """
    if low >= high:
        raise ValueError(f"nothing lies between {low} and {high}")
    if estimate.high < low or estimate.low > high:
        return Verdict.NO
    return Verdict.YES if low <= estimate.low and estimate.high <= high else Verdict.UNSURE


def f1_difference(sentences: Sequence[Sentence], a: Predictions, b: Predictions, seed: int = 0) -> Estimate:
    """`paired_bootstrap` as an estimate: F1 of b minus F1 of a in points, both on the same sentences.

    Raises:
        ValueError: there is no sentence.
    """
    return Estimate(*paired_bootstrap(sentences, a, b, seed))


def times_as_fast(baseline: Latency, latency: Latency) -> Estimate:
    """How many times as fast as the baseline: the median over the rounds of the two times' ratio.

    Raises:
        ValueError: the two do not come from one `measure_latency`.
    """
    return median_estimate(ratios(baseline, latency))


def median_estimate(samples: Sequence[float]) -> Estimate:
    """The median, and an interval from one of the sorted samples to another, which assumes nothing about their scatter.

    Five samples or fewer: from the least to the most.

    Source: Conover 1999, "Practical Nonparametric Statistics", section 3.2.
    """
    ordered = np.sort(samples)
    left_out = max(n for n in range(len(ordered)) if n == 0 or _at_most_heads(n, len(ordered)) <= 0.025)
    return Estimate(float(np.median(ordered)), float(ordered[left_out]), float(ordered[-1 - left_out]))


def _at_most_heads(heads: int, tosses: int) -> float:
    """Probability that a fair coin shows so many heads, or fewer."""
    return sum(math.comb(tosses, n) for n in range(heads + 1)) / 2**tosses
