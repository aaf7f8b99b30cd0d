"""Checkers of notebook 05 against answers known to be right, and against the mistakes that they name."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from scipy.stats import entropy

from utils.compress.recovery.distillation import soft_loss
from utils.course.exercises import nb05


def test_head_scale():
    out, target = nb05.OUT, nb05.TARGET
    checker = nb05.head_scale()
    best = minimize_scalar(lambda s: ((target - s * out) ** 2).sum()).x
    assert checker(best) is None and checker(np.float32(best)) is None
    assert "possible" in checker(1.0) and "now divide" in checker((out * target).sum())
    assert "*scaled*" in checker((out * target).sum() / (target**2).sum())
    assert "equally long" in checker(np.linalg.norm(target) / np.linalg.norm(out))
    assert "sums agree" in checker(target.sum() / out.sum())
    assert "other way" in checker(1 / best)


def test_soft_loss_by_hand():
    teacher, student, t = nb05.TEACHER, nb05.STUDENT, nb05.TEMPERATURE
    checker = nb05.soft_loss_by_hand()
    right = soft_loss(*(torch.tensor(emissions)[None] for emissions in (student, teacher)), t).item()
    assert checker(right) is None
    assert "T^2 is missing" in checker(right / t**2) and "squared" in checker(right / t)
    cold = entropy(softmax(teacher), softmax(student))
    assert "temperature 1" in checker(cold) and "before softmax" in checker(t**2 * cold)
    halved = entropy_of_anything(softmax(teacher) / t, softmax(student) / t)
    assert "no longer sum" in checker(t**2 * halved)
    assert "direction" in checker(t**2 * entropy(softmax(student / t), softmax(teacher / t)))
    assert "as well" in checker(t**2 * entropy(softmax(teacher / t), softmax(student)))
    assert "cross-entropy" in checker(right + t**2 * entropy(softmax(teacher / t)))
    assert "natural" in checker(t**2 * entropy(softmax(teacher / t), softmax(student / t), base=2))


def entropy_of_anything(p, q):
    return (p * np.log(p / q)).sum()


def test_kept_epoch():
    epochs, losses, dev, test = map(list, zip(*nb05.CURVE, strict=True))
    best = int(np.argmax(dev))
    assert len({best, int(np.argmax(test)), len(epochs) - 1}) == 3 and losses == sorted(losses, reverse=True)
    assert nb05.kept_epoch([epochs[best], test[best]]) is None
    assert "lowest loss" in nb05.kept_epoch([epochs[-1], test[-1]])
    assert "looking at test" in nb05.kept_epoch([epochs[int(np.argmax(test))], max(test)])
    assert "from 1" in nb05.kept_epoch([best, test[best]])
    assert "neither" in nb05.kept_epoch([1, test[0]])
    assert "dev likes it" in nb05.kept_epoch((epochs[best], dev[best]))
    assert "right epoch" in nb05.kept_epoch((epochs[best], 0.0))
    assert "two numbers" in nb05.kept_epoch(3) == nb05.kept_epoch([3])
