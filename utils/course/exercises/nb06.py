"""Notebook 06 asks: a zero point, scales of channels, and what a recipe for linear layers forgets."""

from collections.abc import Sequence

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
    )
    known = next((hint for wrong, hint in hints if _close(mine, wrong)), None)
    return known or f"{len(MATRIX)} scales are expected, one for each row"


def _close(scales: np.ndarray, largest: np.ndarray) -> bool:
    """Whether these are the scales of grids that reach to the `largest` values."""
    return scales.shape == largest.shape and any(np.allclose(scales, largest / n, rtol=2e-3) for n in (127, 127.5))


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
