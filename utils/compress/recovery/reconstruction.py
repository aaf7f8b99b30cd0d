"""Reconstruction: the matrices behind the parts that are left, found anew by least squares. No training."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from utils.compress.batches import Batch
from utils.compress.recovery.sublayers import Sublayer, Trace, mended
from utils.model.raner import RanerModel

DAMPING = 1e-2
"""What holds a matrix near what it was, as a share of the mean square of its inputs' features."""


def reconstruct(pruned: RanerModel, original: RanerModel, batches: Sequence[Batch]) -> RanerModel:
    """A new model whose kept heads and neurons are mixed so as to do best what all of them did together.

    From the lowest layer up, attention before feed-forward, matrix W and bias b of the output minimise

        || y - (x + A W^T + b) ||^2 + `DAMPING` n m ||W - W_0||^2

    over all n real positions: y is what the original model hands to the sublayer's LayerNorm, x the pruned
    model's own residual stream, A `(positions, features)` what its kept parts have to say, m the mean square
    of A's entries, and W_0 the matrix that pruning left. So a sublayer also makes up for errors from below.
    `rescale_heads` has one number a part to do so, this a whole matrix. The model neither grows nor slows down.

    Args:
        original: on the same device as `pruned`.
        batches: some hundred sentences, a few times as many positions as a sublayer has features left;
            labels are not read.

    Raises:
        ValueError: no batches; the models differ in depth, width or vocabulary, or a map does not fit.

    Source: He, Zhang and Sun 2017, "Channel Pruning for Accelerating Very Deep Neural Networks", section 3.1, for
    convolutions; there without damping.
    """
    return mended(pruned, original, batches, _refit)


def _refit(sublayer: Sublayer, pairs: Iterator[tuple[Trace, Trace]]) -> None:
    """The normal equations for the change of matrix and bias, whose right side is what is missing without any."""
    gram, missing = 0.0, 0.0
    for ours, theirs in pairs:
        features = _with_ones(ours.features)
        gram = gram + features.T @ features
        missing = missing + features.T @ (theirs.sums - ours.sums).double()
    ridge = DAMPING * gram.diagonal()[:-1].mean() * torch.ones(len(gram), dtype=gram.dtype, device=gram.device)
    ridge[-1] = 0  # the bias goes where it likes
    change = torch.linalg.solve(gram + ridge.diag(), missing).to(sublayer.output.dense.weight)
    sublayer.output.dense.weight += change[:-1].T
    sublayer.output.dense.bias += change[-1]


def _with_ones(features: Tensor) -> Tensor:
    """The features in double precision, and a column for the bias."""
    return torch.nn.functional.pad(features.double(), (0, 1), value=1.0)
