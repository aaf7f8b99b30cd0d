"""Notebook 07 asks: an attention mask, who has how many threads, what padding wastes."""

import numpy as np

from utils.course.teaching import Checker, number

PAD, CLS, SEP = 0, 101, 102

PADDED = np.array([[CLS, 1266, 776, SEP, PAD, PAD, PAD], [CLS, 3173, 1290, 4852, 776, 1277, SEP]])
"""`(batch, length)`: a text of two characters and one of five, padded to the longer one."""


def padded_mask(answer: object) -> str | None:
    """The attention mask of `PADDED`, `(batch, length)` int64."""
    right = (PADDED != PAD).astype(np.int64)
    mine = np.asarray(answer)
    if mine.shape != right.shape:
        return f"one number for each position is expected, {right.shape}; yours has {mine.shape}"
    known = (
        (np.ones_like(right), "then padding takes part: every softmax gives it weight, and the short text changes"),
        (1 - right, "the other way round: 1 is what may be looked at"),
        (
            right * ~np.isin(PADDED, (CLS, SEP)),
            "[CLS] and [SEP] take part, the model was trained with them; padding does not",
        ),
    )
    if not np.array_equal(mine, right):
        hint = next((hint for wrong, hint in known if np.array_equal(mine, wrong)), None)
        return hint or "1 where a position holds anything but [PAD], 0 where it holds [PAD]"
    return None if mine.dtype == np.int64 else f"the right positions; the graph wants int64, this is {mine.dtype}"


TORCH_BEFORE, TORCH_AFTER, CORES = 4, 1, 8


def who_has_how_many(answer: object) -> str | None:
    """`[torch's, the session's]` threads after the three lines of the exercise."""
    mine = list(answer) if isinstance(answer, list | tuple) else []
    hints = {
        (TORCH_AFTER, TORCH_AFTER): "nobody told the session: its threads were made when it was opened",
        (TORCH_BEFORE, TORCH_BEFORE): "torch listens at once; the session is the one that does not",
        (TORCH_BEFORE, TORCH_AFTER): "the other way round: torch comes first in the answer",
        (TORCH_AFTER, CORES): "bare ONNX Runtime takes all cores; this session was told torch's number of that moment",
        (CORES, CORES): "neither takes all cores here: torch was told a number twice",
    }
    if mine == [TORCH_AFTER, TORCH_BEFORE]:
        return None
    return hints.get(tuple(mine), "two numbers are expected: torch's threads, then the session's")


SENTENCE_LENGTHS = (8, 12, 40, 44)
"""Characters of four sentences that make one batch."""


def wasted_on_padding() -> Checker:
    """Percent of the batch's positions that are padding, [CLS] and [SEP] counted as work."""
    longest, characters, count = max(SENTENCE_LENGTHS), sum(SENTENCE_LENGTHS), len(SENTENCE_LENGTHS)
    positions = count * (longest + 2)
    padding = count * longest - characters
    return number(
        100 * padding / positions,
        {
            padding: "that is how many positions; how many percent of all?",
            padding / positions: "right size, but asked for in percent",
            100 * padding / (count * longest): "every sentence has a [CLS] and a [SEP], too",
            100 * padding / (positions - padding): "that is padding over real positions; over all of them is asked",
            100 * (positions - padding) / positions: "that is the part that is not padding",
        },
        tolerance=0.005,
    )
