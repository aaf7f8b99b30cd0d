"""Rescaling: the parts that are left, made louder or softer by least squares to stand in for those that went."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from utils.compress.batches import Batch
from utils.compress.recovery.sublayers import Sublayer, Trace, mended
from utils.model.raner import RanerModel

DAMPING = 1.0
"""What holds the scales near 1, in squared units of the hidden state, summed over positions; the paper's."""

SCALE_LIMIT = 10.0
"""Largest size of a scale that `rescale_heads` believes."""


def rescale_heads(pruned: RanerModel, original: RanerModel, batches: Sequence[Batch]) -> RanerModel:
    """A new model whose kept heads and neurons are scaled to stand in for those that went. No training.

    From the lowest layer up, attention before feed-forward, the scales s of the n kept parts minimise

        || y - (x + b + sum_h s_h out_h) ||^2 + `DAMPING` ||s - 1||^2

    over all real positions: y is what the original model hands to the sublayer's LayerNorm, x the
    pruned model's own residual stream, lower sublayers already rescaled, out_h what part h adds. So a
    sublayer also makes up for errors from below, and its error never grows. The scales go into the
    columns of the matrix that mixes the parts: the model neither grows nor slows down.

    A sublayer of which a scale leaves [-10, 10] keeps scales of 1 (the paper stops at the first such).

    Args:
        original: on the same device as `pruned`.
        batches: a few hundred sentences; labels are not read.

    Raises:
        ValueError: no batches; the models differ in depth, width or vocabulary, or a map does not fit.

    Source: Kwon et al. 2022, "A Fast Post-Training Pruning Framework for Transformers", section 4.3.
    """
    return mended(pruned, original, batches, lambda sublayer, pairs: _scale(sublayer, _scales(sublayer, pairs)))


def _scales(sublayer: Sublayer, pairs: Iterator[tuple[Trace, Trace]]) -> Tensor:
    """Scales `(parts,)` by the normal equations for s - 1, whose right side is what is missing at scales of 1.

    With features a and matrix W, out_f = a_f W_:f: so <out_f, out_g> summed over positions is the
    Gram matrix of a times that of W, element by element. A head's row is the sum of its features'.
    """
    weight = sublayer.output.dense.weight
    gram, missing = 0.0, 0.0
    for ours, theirs in pairs:
        gram = gram + (ours.features.T @ ours.features).double()
        missing = missing + (ours.features * ((theirs.sums - ours.sums) @ weight)).double().sum(0)
    size = weight.shape[1] // sublayer.parts
    gram = (gram * (weight.T @ weight)).reshape(sublayer.parts, size, sublayer.parts, size).sum((1, 3))
    ridge = DAMPING * torch.eye(sublayer.parts, dtype=gram.dtype, device=gram.device)
    scales = 1 + torch.linalg.solve(gram + ridge, missing.reshape(sublayer.parts, size).sum(1))
    return scales if scales.abs().max() <= SCALE_LIMIT else torch.ones_like(scales)


def _scale(sublayer: Sublayer, scales: Tensor) -> None:
    weight = sublayer.output.dense.weight
    weight *= scales.repeat_interleave(weight.shape[1] // sublayer.parts).to(weight)
