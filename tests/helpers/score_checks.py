"""What the tests of scores share: sizes of the tiny models, and how near a score has to be to the truth."""

import torch

LAYERS, HEADS, HEAD_SIZE, NEURONS = 2, 4, 6, 20


def characters(rows) -> int:
    """Labelled ones, in all rows."""
    return sum(int((labels >= 0).sum()) for _, labels in rows)


def agree(score, truth) -> None:
    torch.testing.assert_close(score.double(), truth, rtol=1e-4, atol=1e-6)
