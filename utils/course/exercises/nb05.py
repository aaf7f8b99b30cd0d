"""Notebook 05 asks: the scale of a head that is left, a distillation loss by hand, which epoch to keep."""

import numpy as np
from scipy.special import softmax
from scipy.stats import entropy

from utils.course.teaching import Checker, number

OUT = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, -1.0], [1.0, 0.0]])
"""`(characters, features)`: what the one head that is left adds to each character."""

TARGET = np.array([[3.0, 1.0], [2.0, 1.0], [1.0, -2.0], [0.0, 1.0]])
"""`(characters, features)`: what all heads added before the cut."""


def head_scale() -> Checker:
    """The scale s of `OUT` that minimises || TARGET - s OUT ||^2."""
    both, own, theirs = (OUT * TARGET).sum(), (OUT * OUT).sum(), (TARGET * TARGET).sum()
    return number(
        both / own,
        {
            1: "a scale of 1 is what the cut left; a smaller error is possible",
            both / theirs: "that fits OUT by TARGET: divide by the square of what is *scaled*",
            np.sqrt(theirs / own): "that makes both equally long; least squares asks how far they point the same way",
            TARGET.sum() / OUT.sum(): "the sums agree then, not the single numbers; square the error first",
            both: "right above the line; now divide by the square of what is scaled",
            own / both: "the other way round",
        },
    )


TEMPERATURE = 2.0

TEACHER = np.array([4.0, 3.0, -1.0])
"""`(tags,)`: the teacher's emissions for one character."""

STUDENT = np.array([1.0, 3.0, 0.5])
"""`(tags,)`: the student's."""


def soft_loss_by_hand() -> Checker:
    """T^2 KL(softmax(TEACHER / T) || softmax(STUDENT / T)) in nats, at `TEMPERATURE`."""
    t = TEMPERATURE
    teacher, student = softmax(TEACHER / t), softmax(STUDENT / t)
    divergence, cold = entropy(teacher, student), entropy(softmax(TEACHER), softmax(STUDENT))
    return number(
        t**2 * divergence,
        {
            divergence: "the divergence is right; the factor T^2 is missing, without which gradients shrink",
            t * divergence: "the factor is T squared",
            cold: "that is at temperature 1: divide the emissions by T before softmax",
            t**2 * cold: "the factor is there, but the emissions have to be divided by T before softmax",
            t**2 * cold / t: "you divided the probabilities; they no longer sum to 1. Divide the emissions",
            t**2 * entropy(student, teacher): "the other direction: the teacher's probabilities are the weights",
            t**2 * entropy(teacher, softmax(STUDENT)): "the student is divided by T as well",
            -(t**2)
            * (teacher * np.log(student)).sum(): "that is the cross-entropy; the teacher's own entropy goes off",
            t**2 * divergence / np.log(2): "in nats: the natural logarithm",
        },
    )


COLUMNS = ("epoch", "training loss", "F1 on dev", "F1 on test")

CURVE = (
    (1, 0.31, 61.0, 60.2),
    (2, 0.14, 70.3, 68.9),
    (3, 0.06, 74.6, 73.1),
    (4, 0.02, 73.8, 74.0),
    (5, 0.01, 73.1, 72.4),
)
"""A training that nobody made: rows of `COLUMNS`."""


def kept_epoch(answer: object) -> str | None:
    """Which epoch of `CURVE` to keep, and which F1 to report: `[epoch, F1]`."""
    epoch, _, on_dev, on_test = max(CURVE, key=lambda row: row[2])
    try:
        mine, f1 = answer
    except (TypeError, ValueError):
        return "two numbers are expected: the epoch, and the F1 to report"
    wrong_epochs = {
        CURVE[-1][0]: "the last epoch has the lowest loss on sentences it knows; which knows others best?",
        max(CURVE, key=lambda row: row[3])[0]: "chosen by looking at test: then nothing is left to measure with",
        epoch - 1: "epochs count from 1 here",
    }
    if mine != epoch:
        return wrong_epochs.get(mine, "the epoch that does best on sentences that are neither trained on nor reported")
    if f1 == on_dev:
        return "right epoch; but it was chosen because dev likes it. Report what had no say in the choice"
    return None if f1 == on_test else f"right epoch; which F1 of epoch {epoch} had no say in the choice?"
