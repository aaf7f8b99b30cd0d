"""Checkers of notebook 10 against answers known to be right, and against the mistakes that they name."""

import math

import numpy as np
import torch
from torch.nn.functional import kl_div, log_softmax

from utils.course.exercises import nb10


def test_softened():
    odds = [math.exp(z / nb10.TEMPERATURE) for z in nb10.EMISSIONS]
    cold_odds = [math.exp(z) for z in nb10.EMISSIONS]
    cold = cold_odds[1] / sum(cold_odds)
    checker = nb10.softened()
    right = odds[1] / sum(odds)
    assert checker(right) is None and checker(np.float32(right)) is None
    assert "temperature 1" in checker(cold) and "no longer sum" in checker(cold / 2)
    hot = [math.exp(z * nb10.TEMPERATURE) for z in nb10.EMISSIONS]
    assert "Divide" in checker(hot[1] / sum(hot))
    assert "divide by the sum" in checker(odds[1]) and "softmax comes next" in checker(1.5)
    assert "exp" in checker(3 / 7) and "root" in checker(cold**0.5)
    assert "first tag" in checker(odds[0] / sum(odds)) and "share" in checker(100 * right)


def gradient(temperature: float) -> float:
    """Largest slope of the bare divergence with respect to a student's emissions, by autograd."""
    teacher, student = torch.tensor([[5.0, 3.0, -1.0], [1.0, 2.0, 4.0]], dtype=torch.double)
    student.requires_grad_()
    ours, theirs = (log_softmax(emissions / temperature, -1) for emissions in (student, teacher))
    kl_div(ours, theirs, log_target=True, reduction="sum").backward()
    return float(student.grad.abs().max())


def test_shrinkage():
    right = gradient(nb10.HOT) / gradient(2 * nb10.HOT)
    checker = nb10.shrinkage()
    assert checker(right) is None and checker(4) is None
    assert "second one" in checker(2) and "too many" in checker(8)
    assert "*small*" in checker(1 / right) and "in front" in checker(1) and "twice T" in checker(10_000)


def test_copied_layers():
    checker = nb10.copied_layers
    groups = np.array_split(np.arange(nb10.DEEP), nb10.SHALLOW)
    assert checker([int(group[-1]) for group in groups]) is None
    assert checker(np.array([group[-1] for group in groups])) is None
    assert "left out" in checker([group[0] for group in groups])
    assert "from 0" in checker([group[-1] + 1 for group in groups])
    assert "more layers" in checker([0, 1, 2, 3]) and "bare embeddings" in checker([8, 9, 10, 11])
    assert "even steps" in checker([0, 4, 7, 11]) and "stands for" in checker([11, 8, 5, 2])
    for answer in ([2, 5, 8], 4, "abcd", ["a", 1, 2, 3]):
        assert "a list of 4" in checker(answer)
