"""Checkers of notebook 06 against answers known to be right, and against the mistakes that they name."""

import numpy as np
import pytest
import torch

from utils.compress.quantization.integers import dequantize_tensor, quantize_tensor
from utils.compress.quantization.storage import storage_plan
from utils.course.exercises import nb06 as exercises
from utils.course.exercises.nb06 import LAYER
from utils.model.anatomy import published_config
from utils.model.raner import RanerModel


def test_zero_point():
    quantized = quantize_tensor(torch.tensor([exercises.LOWEST, exercises.HIGHEST]), symmetric=False)
    checker = exercises.zero_point()
    assert checker(int(quantized.zero_point)) is None and checker(25) is None
    assert "symmetric" in checker(0) and "middle" in checker(128) and "signed" in checker(-103)
    assert "scale" in checker(0.02) and "above it" in checker(-25) and "*highest*" in checker(230)
    seven_bits = quantize_tensor(torch.tensor([exercises.LOWEST, exercises.HIGHEST]), bits=7, symmetric=False)
    assert "seven bits" in checker(int(seven_bits.zero_point))


def test_channel_scales():
    matrix = torch.tensor(exercises.MATRIX, dtype=torch.float32)
    right = quantize_tensor(matrix, axis=0)
    checker = exercises.channel_scales
    assert checker(right.scale) is None and checker([1 / 127, 4 / 127]) is None
    assert "*input*" in checker(quantize_tensor(matrix, axis=1).scale)
    assert "whole matrix" in checker(quantize_tensor(matrix).scale) and "twice" in checker([4 / 127.5] * 2)
    assert "absolute" in checker([0.4 / 127, 4 / 127]) and "affine" in checker([1.4 / 255, 4.5 / 255])
    assert "*both* signs" in checker([1 / 255, 4 / 255]) and "distance" in checker([1, 4])
    assert "not 128" in checker([1 / 128, 4 / 128]) and "round" in checker([0.008, 0.031])
    assert all("other way" in checker([steps, steps / 4]) for steps in (127, 127.5))
    assert "other row" in checker([4 / 127, 1 / 127])
    assert "list of numbers" in checker("a") and "2 scales" in checker([1, 2, 3]) and "2 scales" in checker([9, 9])
    assert dequantize_tensor(right).shape == matrix.shape


def test_forgotten_table():
    with torch.device("meta"):
        model = RanerModel(published_config())
    plan = storage_plan(model, embeddings=False)
    checker, table = exercises.forgotten_table(plan), 4 * 21128 * 768
    numbers = sum(parameter.numel() for parameter in model.parameters())
    matrices = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    file = matrices + 4 * (numbers - matrices)
    assert checker(100 * table / file) is None
    assert "before" in checker(100 * table / (4 * numbers)) and "percent" in checker(table / file)
    assert "MB" in checker(table / 1e6) and "four bytes" in checker(25 * table / file)
    assert "position" in checker(100 * 4 * (21128 + 512 + 2 + 2) * 768 / file)
    assert "alone" in checker(100 * 4 * (numbers - matrices) / file)
    assert "whole file" in checker(100 * table / (4 * (numbers - matrices)))


X, WEIGHT, BIAS = LAYER
W_SCALE = np.abs(WEIGHT).max(axis=1, keepdims=True) / 127
W = np.round(WEIGHT / W_SCALE).astype(np.int8)
X_SCALE = (X.max() - X.min()) / 255
ZERO = int(np.round(-X.min() / X_SCALE))
Q = np.clip(np.round(X / X_SCALE) + ZERO, 0, 255).astype(np.uint8)
SCALES = X_SCALE * W_SCALE.T


def exact():
    """Sum by sum, in Python's integers, which have no end."""
    sums = [[sum((int(q) - ZERO) * int(w) for q, w in zip(x, row, strict=True)) for row in W] for x in Q]
    return SCALES * np.array(sums) + BIAS


def as_in_the_notebook():
    return SCALES * (Q.astype(np.int32) @ W.T.astype(np.int32) - ZERO * W.sum(axis=1, dtype=np.int32)) + BIAS


def by_utils():
    x, weight, bias = (torch.from_numpy(part).float() for part in LAYER)
    q, w = quantize_tensor(x, symmetric=False), quantize_tensor(weight, axis=0)
    return q.scale * w.scale.T * ((q.integers - q.zero_point) @ w.integers.T) + bias


@pytest.mark.parametrize("right", [exact, as_in_the_notebook, by_utils])
def test_a_layer_in_integers(right):
    assert exercises.int8_linear(right()) is None


def one_scale():
    scale = np.abs(WEIGHT).max() / 127
    return X_SCALE * scale * ((Q.astype(int) - ZERO) @ np.round(WEIGHT / scale).T) + BIAS


def towards_zero():
    w, q = (WEIGHT / W_SCALE).astype(np.int32), np.clip((X / X_SCALE).astype(np.int32) + ZERO, 0, 255)
    return SCALES * ((q - ZERO) @ w.T) + BIAS


def signed_ends():
    q = np.clip(np.round(X / X_SCALE) + ZERO, -128, 127)
    return SCALES * ((q - ZERO) @ W.T) + BIAS


def of_bytes():
    sums = Q.astype(np.int8) @ W.T
    return SCALES * (sums.astype(int) - ZERO * W.sum(axis=1, dtype=int)) + BIAS


def of_two_bytes():
    return SCALES * ((Q @ W.T).astype(int) - ZERO * W.sum(axis=1, dtype=int)) + BIAS


def wrapped_zero():
    return SCALES * ((Q - np.uint8(ZERO)).astype(int) @ W.T.astype(int)) + BIAS


def rounded_bias():
    step = np.abs(BIAS).max() / 127
    return exact() - BIAS + step * np.round(BIAS / step)


def symmetric_inputs():
    scale = np.abs(X).max() / 127
    return scale * W_SCALE.T * (np.round(X / scale) @ W.T) + BIAS


WRONG = {
    "nothing was rounded": lambda: X @ WEIGHT.T + BIAS,
    "one scale": one_scale,
    "zero point was forgotten": lambda: SCALES * (Q.astype(int) @ W.T.astype(int)) + BIAS,
    "towards zero": towards_zero,
    "-128 and 127": signed_ends,
    "too few bits": of_bytes,
    "wrapped around": of_two_bytes,
    "unsigned bytes": wrapped_zero,
    "rounded to eight bits": rounded_bias,
    "added to the integers": lambda: (exact() - BIAS) + SCALES * BIAS,
    "is missing": lambda: exact() - BIAS,
    "symmetric grid": symmetric_inputs,
    "shape (4, 3)": lambda: exact().T,
    "array of numbers": lambda: "an INT8 layer",
    "differs from the sum": lambda: exact() + 1,
}


def rounded_after_adding(zero):
    q = np.round((X - X.min()) / X_SCALE)
    return SCALES * (q @ W.T - zero * W.sum(axis=1, dtype=int)) + BIAS


def cut_off_after_adding():
    zero = -X.min() / X_SCALE
    q = (np.round(X / X_SCALE) + zero).astype(np.int32)
    return SCALES * (q @ W.T - zero * W.sum(axis=1, dtype=int)) + BIAS


def in_int8():
    q = Q.astype(np.int8).astype(np.int32)
    return SCALES * (q @ W.T - ZERO * W.sum(axis=1, dtype=int)) + BIAS


def corrected(by):
    return SCALES * (Q.astype(int) @ W.T + by) + BIAS


def on_a_grid(scale, zero, highest=255, x=X):
    q = np.clip(np.round(x / scale) + zero, 0, highest)
    return scale * W_SCALE.T * ((q - zero) @ W.T) + BIAS


def a_grid_a_row():
    return np.concatenate([on_a_grid(np.ptp(x) / 255, np.round(-x.min() / np.ptp(x) * 255), x=x) for x in X])


SUMS = W.sum(axis=1, dtype=int)
FINER, HIGH = (X.max() - X.min()) / 256, X.max() / 255
WRONG_TOO = [
    ("added after the rounding", lambda: rounded_after_adding(ZERO)),
    ("0 has to lie on the grid", lambda: rounded_after_adding(-X.min() / X_SCALE)),
    ("is an integer itself", cut_off_after_adding),
    ("put into int8", in_int8),
    ("was added to the sums", lambda: corrected(ZERO * SUMS)),
    ("a sum of its own", lambda: corrected(-ZERO * SUMS.sum())),
    ("a grid for each row", a_grid_a_row),
    ("256 steps", lambda: on_a_grid(FINER, np.round(-X.min() / FINER))),
    ("256 steps", lambda: on_a_grid(FINER, np.round(-X.min() / FINER), highest=256)),
    ("began at 0", lambda: on_a_grid(HIGH, 0)),
    ("began at 0", lambda: on_a_grid(HIGH, np.round(-X.min() / HIGH))),
]


@pytest.mark.parametrize(("hint", "wrong"), WRONG_TOO)
def test_a_mistake_of_the_grid_or_of_the_correction_has_its_hint(hint, wrong):
    assert hint in exercises.int8_linear(wrong())


@pytest.mark.parametrize("hint", WRONG)
def test_each_mistake_of_a_layer_in_integers_has_its_hint(hint):
    assert hint in exercises.int8_linear(WRONG[hint]())


def test_every_mistake_of_the_layer_is_told_from_every_other():
    known = [(hint, wrong()) for hint, wrongs in exercises.MISTAKES.items() for wrong in wrongs]
    assert all(exercises.int8_linear(answer) == hint for hint, answer in known)


def test_the_layer_in_integers_is_as_near_as_its_roundings_allow():
    bound = np.abs(X).sum(1)[:, None] * W_SCALE.T / 2 + np.abs(W_SCALE * W).sum(1) * X_SCALE / 2
    assert (np.abs(exact() - (X @ WEIGHT.T + BIAS)) <= bound * 1.01).all()
