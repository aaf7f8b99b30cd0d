"""What is left of a pruned network: which heads, neurons and tokens, and layers of just that width.

`config.kept_heads`, `config.kept_neurons` and `config.kept_tokens` are the pruning map. They hold original
numbers, so a head keeps its name through any number of cuts; a config without them is of a whole model.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertPreTrainedModel


class NoHeads(nn.Module):
    """Self-attention of a layer that lost all its heads: nothing is read, nothing is passed on."""

    def forward(self, hidden_states: Tensor, *args, **kwargs) -> tuple[Tensor, None]:
        return hidden_states[..., :0], None


def head_size(config: BertConfig) -> int:
    """Features of one attention head; pruning does not change it."""
    return config.hidden_size // config.num_attention_heads


def kept_heads(config: BertConfig) -> list[list[int]]:
    """Original numbers of the heads left in each layer."""
    everything = list(range(config.num_attention_heads))
    return getattr(config, "kept_heads", None) or [everything] * config.num_hidden_layers


def kept_neurons(config: BertConfig) -> list[list[int]]:
    """Original numbers of the feed-forward neurons left in each layer."""
    everything = list(range(config.intermediate_size))
    return getattr(config, "kept_neurons", None) or [everything] * config.num_hidden_layers


def narrow(bert: BertModel, config: BertConfig) -> None:
    """Give each layer the widths that the pruning map in `config` says, with new, empty matrices."""
    for layer, heads, neurons in zip(bert.encoder.layer, kept_heads(config), kept_neurons(config), strict=True):
        if len(heads) < config.num_attention_heads:
            _narrow_attention(layer.attention, len(heads), config)
        if len(neurons) < config.intermediate_size:
            _narrow_feed_forward(layer, len(neurons), config.hidden_size)


def _narrow_attention(attention: nn.Module, heads: int, config: BertConfig) -> None:
    width = heads * head_size(config)
    attention.output.dense = nn.Linear(width, config.hidden_size) if width else BiasOnly(config.hidden_size)
    if not width:
        attention.self = NoHeads()
        return
    for name in ("query", "key", "value"):
        setattr(attention.self, name, nn.Linear(config.hidden_size, width))


def _narrow_feed_forward(layer: nn.Module, neurons: int, hidden_size: int) -> None:
    layer.intermediate.dense = nn.Linear(hidden_size, neurons) if neurons else NoNeurons()
    layer.output.dense = nn.Linear(neurons, hidden_size) if neurons else BiasOnly(hidden_size)


class NoNeurons(nn.Module):
    """First matrix of a feed-forward network that lost all its neurons."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        return hidden_states[..., :0]


class BiasOnly(nn.Module):
    """Output projection of which no input is left: its bias, at every position."""

    def __init__(self, hidden_size: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, nothing: Tensor) -> Tensor:
        return self.bias.expand(*nothing.shape[:-1], -1).clone()


Numbers = dict[int, list[int]]
"""Layer -> original numbers of heads or neurons in it."""


class PruningMap(NamedTuple):
    """What is left of a model, in original numbers: per layer, and of the vocabulary."""

    heads: list[list[int]]
    neurons: list[list[int]]
    tokens: list[int]


def pruning_map(config: BertConfig) -> PruningMap:
    """What is left of the model that `config` describes; all of it where nothing was pruned."""
    tokens = getattr(config, "kept_tokens", None) or list(range(config.vocab_size))
    return PruningMap(kept_heads(config), kept_neurons(config), tokens)


def drop(kept: list[list[int]], gone: Numbers, width: int) -> list[list[int]]:
    """`kept` without the numbers in `gone`; numbers that went earlier may be named again.

    Args:
        width: heads (or neurons) of an unpruned layer.

    Raises:
        ValueError: a layer or a number that the unpruned model does not have.
    """
    for layer, numbers in gone.items():
        if not 0 <= layer < len(kept) or not set(numbers) <= set(range(width)):
            raise ValueError(f"layer {layer}, {sorted(numbers)}: there are {len(kept)} layers of {width}, from 0")
    return [[n for n in numbers if n not in set(gone.get(layer, ()))] for layer, numbers in enumerate(kept)]


class Size(NamedTuple):
    """How many heads and how many feed-forward neurons a whole model has."""

    heads: int
    neurons: int


def size_of(model: BertPreTrainedModel) -> Size:
    """Heads and neurons left in all layers together."""
    return Size(sum(map(len, kept_heads(model.config))), sum(map(len, kept_neurons(model.config))))
