"""The halves of a model's layers one after another, each run beside its counterpart in the original.

What is done to one sees the lower ones as they have become, so it also makes up for errors from below.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils.compress.batches import Batch, on_device
from utils.compress.checks import check_map, check_vocabulary
from utils.compress.gates import observed
from utils.measure.progress import shown
from utils.model.modes import evaluating
from utils.model.pruned_shape import kept_heads, kept_neurons
from utils.model.raner import RanerModel


class Sublayer(NamedTuple):
    """Half a layer, attention or feed-forward: how it runs, the module that mixes its parts, how many they are."""

    run: Callable[[Tensor, Tensor], Tensor]
    output: nn.Module
    parts: int


class Trace(NamedTuple):
    """Of one batch: the mixing matrix's input and the LayerNorm's, `(real positions, features)`, and the output."""

    features: Tensor
    sums: Tensor
    out: Tensor


Mend = Callable[[Sublayer, Iterator[tuple[Trace, Trace]]], None]
"""Changes a sublayer that has parts left, after what it and the original's did with each batch."""


@torch.no_grad()
def mended(pruned: RanerModel, original: RanerModel, batches: Sequence[Batch], mend: Mend) -> RanerModel:
    """A copy of `pruned` whose sublayers are mended from the lowest up, attention before feed-forward.

    Raises:
        ValueError: no batches; the models differ in depth, width or vocabulary, or a map does not fit.
    """
    _check(pruned, original)
    model = copy.deepcopy(pruned).eval()
    with evaluating(original.modules()):
        _mend_upwards(model, original, list(on_device(pruned, batches)), mend)
    return model


def _check(pruned: RanerModel, original: RanerModel) -> None:
    for name in ("num_hidden_layers", "hidden_size"):
        if getattr(pruned.config, name) != getattr(original.config, name):
            raise ValueError(f"the models differ in {name}: `original` is the model that `pruned` was cut from")
    check_vocabulary(pruned, original)
    check_map(pruned)


def _mend_upwards(model: RanerModel, original: RanerModel, batches: Sequence[Batch], mend: Mend) -> None:
    masks = [batch["attention_mask"] for batch in batches]
    ours, theirs = ([m.bert.embeddings(batch["input_ids"]) for batch in batches] for m in (model, original))
    pairs = list(zip(_sublayers(model), _sublayers(original), strict=True))
    for sublayer, reference in shown(pairs, "mending"):
        traces = [_trace(reference, *pair) for pair in zip(theirs, masks, strict=True)]
        theirs = [trace.out for trace in traces]
        if sublayer.parts:
            before = (_trace(sublayer, *pair) for pair in zip(ours, masks, strict=True))
            mend(sublayer, zip(before, traces, strict=True))
        ours = [_trace(sublayer, *pair).out for pair in zip(ours, masks, strict=True)]


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
