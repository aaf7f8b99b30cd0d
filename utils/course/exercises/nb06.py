"""Notebook 06 asks: a zero point, scales of channels, a layer in integers, and what a recipe for them forgets."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from utils.compress.quantization.storage import CHARACTERS, Stored
from utils.course.teaching import Checker, number

LOWEST, HIGHEST = -0.5, 4.6
"""Range of an activation that is to be stored as integers 0 ... 255."""


def zero_point() -> Checker:
    """The integer that stands for 0 when 0 ... 255 spans `LOWEST` ... `HIGHEST`."""
    scale = (HIGHEST - LOWEST) / 255
    return number(
        round(-LOWEST / scale),
        {
            0: "that is a symmetric grid; then a half of the integers would stand for values that never come",
            128: "that is the middle of the integers; the middle of *this* range is not 0",
            scale: "that is the scale, the distance of two points; which integer lies on 0?",
            LOWEST / scale: "right size; but the lowest value is the integer 0, so 0 lies above it",
            round(-LOWEST / scale) - 128: "that is for signed integers -128 ... 127; these begin at 0",
            round(HIGHEST / scale): "that is how far 0 lies from the *highest* integer",
            round(
                -LOWEST * 127 / (HIGHEST - LOWEST)
            ): "that is with seven bits, as in torch's kernels; here there are eight",
            round(255 * -LOWEST / HIGHEST): "the range is the distance from the lowest to the highest value",
        },
        tolerance=1e-3,
    )


MATRIX = np.array([[0.2, -1.0, 0.4], [4.0, 2.0, -0.5]])
"""`(outputs, inputs)`: weights of a linear layer."""


def channel_scales(answer: object) -> str | None:
    """Symmetric 8-bit scales of `MATRIX`, one a channel of its outputs; 127.5 and 127 steps are both in use."""
    try:
        mine = np.asarray(answer, float).ravel()
    except (TypeError, ValueError):
        return "a list of numbers is expected"
    rows = np.abs(MATRIX).max(1)
    if _close(mine, rows):
        return None
    hints = (
        (np.abs(MATRIX).max(0), "that is a scale for each *input*: it could not be taken out of the sum over inputs"),
        (np.abs(MATRIX).max(keepdims=True).ravel(), "that is one scale for the whole matrix"),
        (np.repeat(np.abs(MATRIX).max(), 2), "that is the scale of the whole matrix, twice: look at each row alone"),
        (MATRIX.max(1), "a negative weight may be the largest: take the absolute value first"),
        (np.ptp(MATRIX, 1) / 2, "that is an affine scale; a symmetric grid spans the largest absolute value both ways"),
        (127.5 * rows, "these are the largest weights; a scale is the distance of two grid points"),
        (rows / 2, "255 steps span *both* signs: -max to max"),
        (127 / 128 * rows, "the largest weight becomes 127 or 127.5 steps, not 128: 128 is no integer of the grid"),
        (127 * 127.5 / rows, "the other way round: a scale is the largest weight over the steps to it"),
        (rows[::-1], "the right scales, but each belongs to the other row"),
    )
    if known := next((hint for wrong, hint in hints if _close(mine, wrong)), None):
        return known
    if mine.shape == rows.shape and np.allclose(mine, rows / 127, rtol=0.1):
        return "near, but not near enough: do not round scales by hand"
    return f"{len(MATRIX)} scales are expected, one for each row: its largest absolute value over the steps to it"


def _close(scales: np.ndarray, largest: np.ndarray) -> bool:
    """Whether these are the scales of grids that reach to the `largest` values."""
    return scales.shape == largest.shape and any(np.allclose(scales, largest / n, rtol=2e-3) for n in (127, 127.5))


class Layer(NamedTuple):
    """Inputs `(rows, inputs)`, weights `(outputs, inputs)` and bias `(outputs,)` of a linear layer, float64."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray


def _layer() -> Layer:
    """Inputs mostly positive, as behind a GELU; a row of weights ten times as large as another; a bias of any size."""
    draw = np.random.default_rng(6)
    x = draw.uniform(-0.7, 4.3, (4, 48))
    weight = draw.normal(0.1, 0.3, (3, 48)) * np.array([[0.2], [1.0], [2.0]])
    return Layer(x, weight, np.array([0.37, -2.61, 4.43]))


LAYER = _layer()
"""The layer that "Build it" is tried on."""


class Grid(NamedTuple):
    """Inputs as integers, the distance of two points, and the integer that stands for 0."""

    integers: np.ndarray
    scale: float | np.ndarray
    zero: float | np.ndarray


Nearest = Callable[[np.ndarray], np.ndarray]
"""Floats to integers."""


def _affine(
    x: np.ndarray,
    *,
    nearest: Nearest = np.round,
    ends: tuple[int, int] = (0, 255),
    steps: int = 255,
    axis: int | None = None,
    lowest: float | None = None,
) -> Grid:
    """A grid from the lowest to the highest value, as asked for, or with a mistake: each argument makes one.

    Args:
        ends: between which integers are cut off.
        steps: from one end of the range to the other.
        axis: along which there is one grid.
        lowest: where the range begins.
    """
    first = x.min(axis, keepdims=True)
    scale = (x.max(axis, keepdims=True) - (first if lowest is None else lowest)) / steps
    zero = np.round(-first / scale)
    return Grid(np.clip(nearest(x / scale) + zero, *ends), scale, zero)


def _symmetric(x: np.ndarray, steps: int = 127, ends: tuple[int, int] = (-128, 127)) -> Grid:
    """A grid without zero point."""
    scale = np.abs(x).max() / steps
    return Grid(np.clip(np.round(x / scale), *ends), scale, 0)


def _between(
    x: np.ndarray, added: Callable[[np.ndarray, float], np.ndarray], off: Callable[[float], float] = float
) -> Grid:
    """A grid whose zero point is no integer: how it is added to the inputs in steps, and what is taken off for it."""
    scale = np.ptp(x) / 255
    zero = -x.min() / scale
    return Grid(added(x / scale, zero), scale, off(zero))


def _as_int8(x: np.ndarray) -> Grid:
    """Integers from 128 on begin again at -128."""
    grid = _affine(x)
    return grid._replace(integers=(grid.integers + 128) % 256 - 128)


def _unsigned(x: np.ndarray) -> Grid:
    """The zero point taken off unsigned bytes, which begin again at 255 below 0."""
    integers, scale, zero = _affine(x)
    return Grid((integers - zero) % 256, scale, 0)


def _in_integers(
    limit: float = 127,
    *,
    rows: bool = True,
    nearest: Nearest = np.round,
    grid: Callable[[np.ndarray], Grid] = _affine,
    correction: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda w, zero: zero * w.sum(1),
    held: type = np.int64,
    bias: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda bias, scale: bias,
) -> np.ndarray:
    """`LAYER` in integers, as asked for, or with a mistake: each argument makes one.

    Args:
        limit: scale of the weights: the largest over this.
        nearest: of the weights.
        grid: of the inputs.
        correction: integers of the weights and zero point to what is taken off the sums.
        held: what sums of products are held in.
        bias: bias and scale of the outputs to what is added.
    """
    x, weight, offset = LAYER
    w_scale = np.abs(weight).max(1 if rows else None, keepdims=True) / limit
    w = np.clip(nearest(weight / w_scale), -128, 127).astype(np.int64)
    q, x_scale, zero = grid(x)
    sums = (q.astype(np.int64) @ w.T).astype(held) - correction(w, zero)
    scale = x_scale * np.broadcast_to(w_scale, (len(w), 1)).T
    return scale * sums + bias(offset, scale)


def _with(**mistake: object) -> tuple[Callable[[], np.ndarray], ...]:
    """The layer with a mistake, the largest weight being 127 or 127.5 steps."""
    return tuple(partial(_in_integers, limit, **mistake) for limit in (127, 127.5))


MISTAKES: dict[str, tuple[Callable[[], np.ndarray], ...]] = {
    "nothing was rounded: that is the float layer": (lambda: LAYER.x @ LAYER.weight.T + LAYER.bias,),
    "that is one scale for the whole weight matrix: give each row (output) its own": _with(rows=False),
    "the zero point was forgotten: every input's integer is too large by it, so take zero_point times the sum of each "
    "row's integers off the sums": _with(correction=lambda w, zero: 0),
    "the zero point times the sum of a row's integers was added to the sums; it is too much in them: take it off": (
        _with(correction=lambda w, zero: -zero * w.sum(1))
    ),
    "zero_point times the sum of *all* weights' integers was taken off: each row has a sum of its own": (
        _with(correction=lambda w, zero: zero * w.sum())
    ),
    "the zero point is an integer itself, and is added after the rounding: 0 has to lie on the grid": (
        *_with(grid=partial(_between, added=lambda x, zero: np.round(x + zero), off=round)),
        *_with(grid=partial(_between, added=lambda x, zero: np.round(x + zero))),
        *_with(grid=partial(_between, added=lambda x, zero: np.trunc(np.round(x) + zero))),
    ),
    "integers were cut off towards zero; the nearest is wanted: np.round before astype": (
        *_with(nearest=np.trunc, grid=partial(_affine, nearest=np.trunc)),
        *_with(nearest=np.floor, grid=partial(_affine, nearest=np.floor)),
    ),
    "the inputs' integers were cut off at -128 and 127; with a zero point they go from 0 to 255": (
        _with(grid=partial(_affine, ends=(-128, 127)))
    ),
    "the inputs' integers were put into int8, where 128 to 255 become negative: uint8 holds them, or int32 at once": (
        _with(grid=_as_int8)
    ),
    "that is a grid for each row of inputs: one for all of them, from the lowest to the highest value": (
        _with(grid=partial(_affine, axis=1))
    ),
    "that is a grid of 256 steps; from 0 to 255 there are 255": (
        *_with(grid=partial(_affine, steps=256)),
        *_with(grid=partial(_affine, steps=256, ends=(0, 256))),
    ),
    "the range of the inputs began at 0: it begins at the lowest value, which is below": (
        *_with(grid=partial(_affine, lowest=0.0)),
        *_with(grid=partial(_symmetric, steps=255, ends=(0, 255))),
    ),
    "the sums were held in too few bits and wrapped around: turn both sides into int32 before the product": (
        *_with(held=np.int8),
        *_with(held=np.uint8),
        *_with(held=np.int16),
    ),
    "the zero point was taken off unsigned bytes, and below 0 they begin again at 255: turn them into int32 first": (
        _with(grid=_unsigned)
    ),
    "the bias was rounded to eight bits: it is added last, as the float it is": (
        lambda: _in_integers(bias=lambda b, _: np.round(b / (np.abs(b).max() / 127)) * np.abs(b).max() / 127),
    ),
    "the bias was added to the integers and scaled with them: add it after the scales": (
        lambda: _in_integers(bias=lambda b, scale: b * scale),
    ),
    "the bias is missing": (lambda: _in_integers(bias=lambda b, _: 0 * b),),
    "that is a symmetric grid for the inputs: lay 256 points from the lowest to the highest value": (
        lambda: _in_integers(grid=_symmetric),
        lambda: _in_integers(grid=partial(_symmetric, ends=(0, 255))),
    ),
}
"""Hint -> what the layer gives with that mistake."""


def int8_linear(answer: object) -> str | None:
    """`LAYER` in integers: symmetric weights by row, affine inputs, exact sums; 127 and 127.5 steps are both in use."""
    try:
        mine = np.asarray(answer, float)
    except (TypeError, ValueError):
        return "an array of numbers is expected"
    right = _in_integers()
    if mine.shape != right.shape:
        return f"shape {right.shape} is expected (rows, outputs), not {mine.shape}"
    if any(_same(mine, _in_integers(limit)) for limit in (127, 127.5)):
        return None
    known = (hint for hint, wrongs in MISTAKES.items() if any(_same(mine, wrong()) for wrong in wrongs))
    far = float(np.abs(mine - right).max())
    return next(known, f"it differs from the sum in exact integers by up to {far:.3g}: print both, step by step")


def _same(mine: np.ndarray, other: np.ndarray) -> bool:
    """Equal up to float32 arithmetic."""
    return np.allclose(mine, other, rtol=1e-5, atol=1e-4)


def forgotten_table(plan: Sequence[Stored]) -> Checker:
    """Percent of an INT8 file that is the character table, where the recipe named linear layers only.

    Args:
        plan: `storage_plan(model, embeddings=False)`.
    """
    table = next(stored.bytes for stored in plan if stored.name == f"{CHARACTERS}.weight")
    file, numbers = sum(stored.bytes for stored in plan), sum(stored.numbers for stored in plan)
    looked_up = sum(stored.bytes for stored in plan if "_embeddings." in stored.name)
    floats = sum(stored.bytes for stored in plan if stored.kind == "float32")
    return number(
        100 * table / file,
        {
            100 * table / (4 * numbers): "that is its share before: everything else has shrunk since, it has not",
            25 * table / file: "the table still takes four bytes a number",
            table / file: "right size, but asked for in percent",
            table / 1e6: "that is in MB; what share of the INT8 file is it?",
            100 * looked_up / file: "that is all embeddings; the position and type tables are not asked for",
            100 * floats / file: "that is everything in float32; asked for is the character table alone",
            100 * table / floats: "that is its share of what stayed float32; divide by the whole file",
        },
        tolerance=0.004,
    )
