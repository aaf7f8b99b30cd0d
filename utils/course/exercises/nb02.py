"""Notebook 02 asks: a typical call, a bootstrap by hand, how wide a difference is that nobody paired, what it says."""

import numpy as np

from utils.course.teaching import Checker, number
from utils.measure.bootstrap import percentile_interval, resampled_counts
from utils.measure.scores import f1_of_counts
from utils.measure.verdict import Estimate, Verdict, equivalent

CALLS = (103.0, 98.0, 101.0, 912.0, 99.0, 100.0, 102.0)
"""Seven calls in ms; another program woke up during one of them."""


def typical_call() -> Checker:
    """The median of `CALLS`, ms."""
    return number(
        float(np.median(CALLS)),
        {
            float(np.mean(CALLS)): "that is the mean: one stalled call out of seven doubles it",
            min(CALLS): "that is the luckiest call; nobody gets it every time",
            CALLS[len(CALLS) // 2]: "that is the middle of the list as it came; sort it first",
        },
        tolerance=1e-3,
    )


def resampled_f1_by_hand(counts: np.ndarray) -> Checker:
    """Many bootstrap values of F1 in points.

    Args:
        counts: `(sentences, 3)`: correct, predicted and annotated entities of each sentence.
    """
    observed, spread = float(f1_of_counts(counts.sum(0))), _f1s(counts).std()

    def checker(answer: object) -> str | None:
        values = np.asarray(answer, float)
        if values.ndim != 1 or len(values) < FEWEST:
            return f"a thousand values of F1 are expected, one for each resample; shape {values.shape} came"
        if not np.isfinite(values).all():
            return "some are no numbers (0 / 0 in a sentence without names): sum the counts first, then take one F1"
        if values.std() < 1e-9 < spread:
            return "all values are the same: draw *with* replacement, or you only shuffle the sentences"
        if values.max() <= 1:
            return "F1 in points, 0 to 100, is asked for"
        if abs(values.mean() - observed) > NEAR * spread:
            return _mean_hint(values.mean(), NEAR * spread, counts)
        return _spread_hint(values.std() / spread)

    return checker


FEWEST = 500
"""Resamples whose mean and spread can be judged."""

NEAR = 0.25
"""Of the spread: so far the mean of many resamples may lie from the F1 of all sentences."""


def _mean_hint(mean: float, near: float, counts: np.ndarray) -> str:
    """Why the values of resamples lie around another number than the F1 of all sentences."""
    right, found, annotated = counts.sum(0)
    if abs(mean - 100 * right / max(found, 1)) < near:
        return "that is precision: F1 asks for what is annotated, too"
    if abs(mean - 100 * right / max(annotated, 1)) < near:
        return "that is recall: F1 asks for what is found, too"
    if abs(2 * mean - f1_of_counts(counts.sum(0))) < near:
        return "half of it: F1 has *twice* the rightly found ones above the line"
    return "off the mark: sum the counts of the drawn sentences first, then take one F1"


def _spread_hint(times: float) -> str | None:
    """What is wrong with values that scatter so many `times` as far as those of resamples."""
    if times > 1.18:
        return "they scatter too far: draw as many sentences as there are, the same ones for all three counts"
    if times < 0.85:
        return "they scatter too little: draw as many sentences as there are, no more"
    return None


def unpaired_width(a: np.ndarray, b: np.ndarray) -> Checker:
    """Width in points of the 95 % interval of a difference of F1 when each system gets its own resample.

    Args:
        a, b: `(sentences, 3)` counts of the two systems, as for `resampled_f1`.
    """
    of_a, of_b, together = _f1s(a, seed=1), _f1s(b, seed=2), _f1s(b, seed=1)
    return number(
        _width(of_b - of_a),
        {
            _width(together - of_a): "that is the paired one: both got the same sentences",
            _width(of_a) + _width(of_b): "widths of independent parts do not add up; their squares do",
            _width(of_a): "that is the interval of one system, not of the difference",
            _width(of_b): "that is the interval of one system, not of the difference",
        },
        tolerance=0.14,
    )


DIFFERENCES = {"a": (-0.4, 0.3), "b": (-3.0, 2.5), "c": (0.2, 0.7), "d": (-2.4, -1.3)}
"""Intervals of four differences of F1, in points."""

MARGIN = 1.0
"""Points that would make no difference to the user."""

ANSWERS = ("equivalent", "different", "cannot tell")


def same_or_not(answer: object) -> str | None:
    """What each of `DIFFERENCES` says about a margin of `MARGIN`: name -> one of `ANSWERS`."""
    if not isinstance(answer, dict) or set(answer) != set(DIFFERENCES):
        return f"a dict is expected, with an answer for each of {', '.join(DIFFERENCES)}"
    if strange := [said for said in answer.values() if said not in ANSWERS]:
        return f"{strange[0]!r} is none of the answers: {', '.join(ANSWERS)}"
    return next((_hint(name, said) for name, said in answer.items() if said != _said_of(name)), None)


def _said_of(name: str) -> str:
    found = equivalent(Estimate(0, *DIFFERENCES[name]), -MARGIN, MARGIN)
    return {Verdict.YES: "equivalent", Verdict.NO: "different"}.get(found, "cannot tell")


def _hint(name: str, said: str) -> str:
    low, high = DIFFERENCES[name]
    if low <= 0 <= high and said == "equivalent":
        return f"{name}: it holds zero, but also a loss of {-low:g}: so few sentences cannot say that nothing is lost"
    if low <= 0 <= high and said == "cannot tell":
        return f"{name}: that it holds zero is not the question; does it hold anything beyond the margin?"
    if low > 0 and said == "different":
        return f"{name}: surely more than zero, and surely less than the margin: too little to matter"
    if high < -MARGIN or low > MARGIN:
        return f"{name}: all of it lies beyond the margin of {MARGIN:g}"
    if low < -MARGIN or high > MARGIN:
        return f"{name}: a part of it lies beyond the margin of {MARGIN:g}, and a part does not"
    return f"{name}: look at both ends, and where -{MARGIN:g} and +{MARGIN:g} lie"


def _f1s(counts: np.ndarray, seed: int = 0) -> np.ndarray:
    """F1 in points on draws of the sentences."""
    return f1_of_counts(resampled_counts(counts, seed))


def _width(values: np.ndarray) -> float:
    return float(np.ptp(percentile_interval(values)))
