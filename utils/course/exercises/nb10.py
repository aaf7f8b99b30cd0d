"""Notebook 10 asks: a softened answer, how gradients shrink with temperature, which layers a student copies."""

from collections.abc import Iterable
from numbers import Real

import numpy as np
from scipy.special import softmax

from utils.compress.recovery.distillation import matching_layers
from utils.course.teaching import Checker, number

EMISSIONS = np.array([5.0, 3.0, -1.0])
"""`(tags,)`: what a teacher says about one character."""

TAGS = ("B-PER", "B-ORG", "O")

TEMPERATURE = 2.0


def softened() -> Checker:
    """Probability of the second of `TAGS` at `TEMPERATURE`."""
    t, second = TEMPERATURE, 1
    cold, soft = softmax(EMISSIONS), softmax(EMISSIONS / t)
    powers = cold ** (1 / t)
    return number(
        float(soft[second]),
        {
            cold[second]: "that is at temperature 1",
            cold[second] / t: "you divided the probability; then they no longer sum to 1. Divide the emissions",
            softmax(EMISSIONS * t)[second]: "multiplied by T: that makes a sure answer surer. Divide",
            np.exp(EMISSIONS / t)[second]: "above 1: divide by the sum over the three tags",
            (EMISSIONS / t)[second]: "that is the emission divided by T; softmax comes next",
            (EMISSIONS / EMISSIONS.sum())[second]: "softmax takes shares of exp(emission), not of the emission",
            powers[second]: "the root of the probability is right, but for the sum: divide by it",
            soft[0]: "that is the first tag",
            100 * soft[second]: "right size, but asked for as a share, 0 to 1",
        },
    )


HOT = 100.0


def shrinkage() -> Checker:
    """How many times as small the gradient of the bare KL divergence gets from T = `HOT` to twice that.

    For high T it is (z - v) / (n T^2) (Hinton, Vinyals and Dean 2015, equation 4).
    """
    return number(
        4,
        {
            2: "one T comes from the chain rule; a second one, because the softened answers come closer to each other",
            8: "one T too many: the chain rule gives one, answers that come closer give the other",
            0.25: "the other way round: how many times as *small*",
            1: "that is what it is with T squared in front; here it is left out",
            HOT**2: "that is how T squared grows from 1 to T; asked is from T to twice T",
        },
        tolerance=0.05,
    )


DEEP, SHALLOW = 12, 4


def copied_layers(answer: object) -> str | None:
    """Which of `DEEP` layers, from 0, a student of `SHALLOW` copies by relative depth."""
    right = matching_layers(SHALLOW, DEEP)
    if not _are_numbers(answer) or len(found := [float(n) for n in answer]) != SHALLOW:
        return f"a list of {SHALLOW} layer numbers is expected"
    step = DEEP // SHALLOW
    hints = {
        tuple(range(SHALLOW)): "the first ones: their outputs are meant for more layers, not for the classifier",
        tuple(range(DEEP - SHALLOW, DEEP)): "the last ones: none of them ever saw bare embeddings",
        tuple(
            range(0, DEEP, step)
        ): "the *first* of each group: the last of all, which the classifier reads, is left out",
        tuple(n + 1 for n in right): "right layers, counted from 1; count from 0",
        tuple(np.linspace(0, DEEP - 1, SHALLOW).round()): "first to last in even steps: but layer 1 of the student "
        "does the work of a whole group, and should end where the group ends",
    }
    if found == right:
        return None
    return hints.get(tuple(found), f"each stands for {step} layers of the teacher, and should end where those end")


def _are_numbers(answer: object) -> bool:
    return isinstance(answer, Iterable) and all(isinstance(n, Real) for n in answer)
