"""TODO compress.recovery.rescaling."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils.compress.gates import check_map, observed
from utils.compress.recovery.distillation import check_vocabulary
from utils.compress.training import Batch
from utils.model.pruned_shape import kept_heads, kept_neurons
from utils.model.raner import RanerModel

SCALE_LIMIT = 10.0
"""Largest size of a scale that `rescale_heads` believes."""


class Block(NamedTuple):
    """Half a layer, attention or feed-forward: how it runs, the module that mixes its parts, how many they are."""

    run: Callable[[Tensor, Tensor], Tensor]
    output: nn.Module
    parts: int


@torch.no_grad()
def rescale_heads(
    pruned: RanerModel, original: RanerModel, batches: Sequence[Batch], damping: float = 1.0
) -> RanerModel:
    """A new model whose kept heads and neurons are scaled to stand in for those that went. No training.

    From the lowest layer up, attention before feed-forward, the scales s of the n kept parts minimise

        || y - (x + b + sum_h s_h out_h) ||^2 + damping ||s - 1||^2

    over all real positions: y is what the original model hands to the block's LayerNorm, x the
    pruned model's own residual stream, lower blocks already rescaled, out_h what part h adds. So a
    block also makes up for errors from below, and its error never grows. The scales go into the
    columns of the matrix that mixes the parts: the model neither grows nor slows down.

    A block of which a scale leaves [-10, 10] keeps scales of 1 (the paper stops at the first such).

    Args:
        batches: a few hundred sentences; labels are not read.
        damping: in squared units of the hidden state, summed over positions; the paper's is 1.

    Raises:
        ValueError: no batches; the models differ in depth, width or vocabulary, or a map does not fit.

    Source: Kwon et al. 2022, "A Fast Post-Training Pruning Framework for Transformers", section 4.3.
    """
    _check_rescaling(pruned, original, batches)
    rescaled = copy.deepcopy(pruned).eval()
    masks = [batch["attention_mask"] for batch in batches]
    ours, theirs = ([m.eval().bert.embeddings(b["input_ids"]) for b in batches] for m in (rescaled, original))
    for block, reference in zip(_blocks(rescaled), _blocks(original), strict=True):
        traces = [_trace(reference, *pair) for pair in zip(theirs, masks, strict=True)]
        theirs = [trace.out for trace in traces]
        if block.parts:
            pairs = zip((_trace(block, *pair) for pair in zip(ours, masks, strict=True)), traces, strict=True)
            _scale(block, _scales(block, pairs, damping))
        ours = [_trace(block, *pair).out for pair in zip(ours, masks, strict=True)]
    return rescaled


def _check_rescaling(pruned: RanerModel, original: RanerModel, batches: Sequence[Batch]) -> None:
    if not batches:
        raise ValueError("no batches: make some of a few hundred sentences with utils.compress.batches.make_batches")
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


def _blocks(model: RanerModel) -> Iterator[Block]:
    widths = zip(kept_heads(model.config), kept_neurons(model.config), strict=True)
    for layer, (heads, neurons) in zip(model.bert.encoder.layer, widths, strict=True):
        yield Block(lambda x, mask, layer=layer: layer.attention(x, mask)[0], layer.attention.output, len(heads))
        yield Block(lambda x, mask, layer=layer: layer.feed_forward_chunk(x), layer.output, len(neurons))


def _trace(block: Block, hidden: Tensor, mask: Tensor) -> Trace:
    seen, real = [], mask.bool()
    closed = torch.where(real[:, None, None], 0.0, torch.finfo(hidden.dtype).min)
    modules = [block.output.dense, block.output.LayerNorm]
    with observed(modules, lambda _, arguments, *__: seen.append(arguments[0][real])):
        out = block.run(hidden, closed)
    return Trace(*seen, out)


def _scales(block: Block, pairs: Iterator[tuple[Trace, Trace]], damping: float) -> Tensor:
    """Scales `(parts,)` by the normal equations for s - 1, whose right side is what is missing at scales of 1.

    With features a and matrix W, out_f = a_f W_:f: so <out_f, out_g> summed over positions is the
    Gram matrix of a times that of W, element by element. A head's row is the sum of its features'.
    """
    weight = block.output.dense.weight
    gram, missing = 0.0, 0.0
    for ours, theirs in pairs:
        gram = gram + (ours.features.T @ ours.features).double()
        missing = missing + (ours.features * ((theirs.sums - ours.sums) @ weight)).double().sum(0)
    size = weight.shape[1] // block.parts
    gram = (gram * (weight.T @ weight)).reshape(block.parts, size, block.parts, size).sum((1, 3))
    ridge = damping * torch.eye(block.parts, dtype=gram.dtype)
    scales = 1 + torch.linalg.solve(gram + ridge, missing.reshape(block.parts, size).sum(1))
    return scales if scales.abs().max() <= SCALE_LIMIT else torch.ones_like(scales)


def _scale(block: Block, scales: Tensor) -> None:
    weight = block.output.dense.weight
    weight *= scales.repeat_interleave(weight.shape[1] // block.parts).to(weight)
