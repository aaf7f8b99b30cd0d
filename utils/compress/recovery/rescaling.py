"""Rescaling: the parts that are left, made louder or softer by least squares to stand in for those that went."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils.compress.batches import Batch, on_device
from utils.compress.checks import check_map, check_vocabulary
from utils.compress.gates import observed
from utils.model.modes import evaluating
from utils.model.pruned_shape import kept_heads, kept_neurons
from utils.model.raner import RanerModel

DAMPING = 1.0
"""What holds the scales near 1, in squared units of the hidden state, summed over positions; the paper's."""

SCALE_LIMIT = 10.0
"""Largest size of a scale that `rescale_heads` believes."""


class Sublayer(NamedTuple):
    """Half a layer, attention or feed-forward: how it runs, the module that mixes its parts, how many they are."""

    run: Callable[[Tensor, Tensor], Tensor]
    output: nn.Module
    parts: int


@torch.no_grad()
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
    _check_rescaling(pruned, original)
    rescaled = copy.deepcopy(pruned).eval()
    with evaluating(original.modules()):
        _rescale(rescaled, original, list(on_device(pruned, batches)))
    return rescaled


def _rescale(rescaled: RanerModel, original: RanerModel, batches: Sequence[Batch]) -> None:
    masks = [batch["attention_mask"] for batch in batches]
    ours, theirs = ([m.bert.embeddings(batch["input_ids"]) for batch in batches] for m in (rescaled, original))
    for sublayer, reference in zip(_sublayers(rescaled), _sublayers(original), strict=True):
        traces = [_trace(reference, *pair) for pair in zip(theirs, masks, strict=True)]
        theirs = [trace.out for trace in traces]
        if sublayer.parts:
            pairs = zip((_trace(sublayer, *pair) for pair in zip(ours, masks, strict=True)), traces, strict=True)
            _scale(sublayer, _scales(sublayer, pairs))
        ours = [_trace(sublayer, *pair).out for pair in zip(ours, masks, strict=True)]


def _check_rescaling(pruned: RanerModel, original: RanerModel) -> None:
    for name in ("num_hidden_layers", "hidden_size"):
        if getattr(pruned.config, name) != getattr(original.config, name):
            raise ValueError(f"the models differ in {name}: `original` is the model that `pruned` was cut from")
    check_vocabulary(pruned, original)
    check_map(pruned)


class Trace(NamedTuple):
    """Of one batch: the mixing matrix's input and the LayerNorm's, `(real positions, features)`, and the output."""

    features: Tensor
    sums: Tensor
    out: Tensor


def _sublayers(model: RanerModel) -> Iterator[Sublayer]:
    widths = zip(kept_heads(model.config), kept_neurons(model.config), strict=True)
    for layer, (heads, neurons) in zip(model.bert.encoder.layer, widths, strict=True):
        yield Sublayer(lambda x, mask, layer=layer: layer.attention(x, mask)[0], layer.attention.output, len(heads))
        yield Sublayer(lambda x, mask, layer=layer: layer.feed_forward_chunk(x), layer.output, len(neurons))


def _trace(sublayer: Sublayer, hidden: Tensor, mask: Tensor) -> Trace:
    inputs, real = [], mask.bool()
    closed = torch.where(real[:, None, None], 0.0, torch.finfo(hidden.dtype).min)
    modules = [sublayer.output.dense, sublayer.output.LayerNorm]
    with observed(modules, lambda _, arguments, *__: inputs.append(arguments[0][real])):
        out = sublayer.run(hidden, closed)
    return Trace(*inputs, out)


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
