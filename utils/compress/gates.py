"""Gates on heads and neurons: factors in front of the matrix that mixes them back together.

A layer's attention adds W_O [c_1; ...; c_H] + b to the residual stream, its feed-forward network
W_2 [a_1; ...; a_F] + b. Multiplying part h of that input by a gate xi_h scales exactly what head
(or neuron) h contributes: 1 leaves it, 0 masks it, and the gradient with respect to xi_h says how
much the loss cares (Michel et al. 2019, section 2.3). One hook before the matrix serves all three.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import BertPreTrainedModel

from utils.model.pruned_shape import kept_heads, kept_neurons


class Sites(NamedTuple):
    """Where the heads (or the neurons) of each layer are mixed, and which of them are left.

    `projections[layer]` is the mixing matrix, `kept[layer]` the original numbers of the parts in
    its input, in order, and `width` how many parts each layer had before any pruning.
    """

    projections: list[nn.Module]
    kept: list[list[int]]
    width: int


def head_sites(model: BertPreTrainedModel) -> Sites:
    """Attention output projections of a BERT tagger."""
    projections = [layer.attention.output.dense for layer in model.bert.encoder.layer]
    return Sites(projections, kept_heads(model.config), model.config.num_attention_heads)


def neuron_sites(model: BertPreTrainedModel) -> Sites:
    """Feed-forward output projections of a BERT tagger."""
    projections = [layer.output.dense for layer in model.bert.encoder.layer]
    return Sites(projections, kept_neurons(model.config), model.config.intermediate_size)


@contextmanager
def gated(projections: Sequence[nn.Module], gates: Sequence[Tensor]) -> Iterator[None]:
    """Multiply the input of each projection, part by part, while the context lasts.

    Args:
        gates: for each projection a tensor `(parts,)` or `(batch, length, parts)`; a projection
            of input width w has parts of w / parts features each. No parts: left alone.
    """
    with _removed_on_exit(
        projection.register_forward_pre_hook(_multiply_by(gate))
        for projection, gate in zip(projections, gates, strict=True)
        if gate.shape[-1]
    ):
        yield


@contextmanager
def observed(modules: Sequence[nn.Module], hook: Callable[[int, tuple, dict, object], None]) -> Iterator[None]:
    """Call `hook(index, arguments, keywords, output)` after each run of a module, while the context lasts."""
    with _removed_on_exit(
        module.register_forward_hook(lambda _, *call, index=index: hook(index, *call), with_kwargs=True)
        for index, module in enumerate(modules)
    ):
        yield


@contextmanager
def _removed_on_exit(registering: Iterator[RemovableHandle]) -> Iterator[None]:
    """Hooks that go when the context ends, by an error in it or while it is entered too."""
    with ExitStack() as stack:
        for handle in registering:
            stack.callback(handle.remove)
        yield


def _multiply_by(gate: Tensor) -> Callable[[nn.Module, tuple[Tensor]], tuple[Tensor]]:
    def hook(_, inputs: tuple[Tensor]) -> tuple[Tensor]:
        parts = inputs[0].unflatten(-1, (gate.shape[-1], -1))
        return ((parts * gate.to(parts)[..., None]).flatten(-2),)

    return hook


def by_head(values: Sequence[Tensor], sites: Sites) -> Tensor:
    """Per-layer values `(..., parts left)` to `(..., layers, parts)`, NaN where a part is gone."""
    spread = values[0].new_full((*values[0].shape[:-1], len(values), sites.width), torch.nan)
    for layer, (value, numbers) in enumerate(zip(values, sites.kept, strict=True)):
        spread[..., layer, numbers] = value
    return spread
