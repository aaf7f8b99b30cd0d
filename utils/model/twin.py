"""The article-scale twin: the same function as a small model, at the size of BERT-base.

Every feature is repeated k times, and every matrix divides by k what it reads, so the sum over k
copies is the old value. LayerNorm sees k copies of the same numbers: same mean, same variance. The
twin therefore tags exactly as the small model does, and costs what the article's model costs. It
is redundant by construction, so no compression step may make use of the copies.

(Widening a network without changing its function: Chen et al. 2016, "Net2Net", section 2.3.)
"""

import copy
import re

import torch
from torch import Tensor, nn
from transformers import BertConfig

from utils.model.checkpoint import assemble
from utils.model.pruned_shape import kept_heads, kept_neurons
from utils.model.raner import RanerModel

ARTICLE_HIDDEN_SIZE, ARTICLE_VOCABULARY = 768, 21128
"""Width and vocabulary of the published RaNER, a BERT-base for Chinese."""


def article_twin(model: RanerModel) -> RanerModel:
    """The twin at RaNER's published size; a pruned vocabulary stays as small as it is.

    A model that is that wide already is its own twin, factor 1.

    Raises:
        ValueError: 768 is no multiple of the model's hidden size.
    """
    factor, rest = divmod(ARTICLE_HIDDEN_SIZE, model.config.hidden_size)
    if rest:
        raise ValueError(f"hidden size {model.config.hidden_size} does not divide {ARTICLE_HIDDEN_SIZE}")
    size = model.config.vocab_size
    return widen(model, factor, size if hasattr(model.config, "kept_tokens") else max(size, ARTICLE_VOCABULARY))


def widen(model: RanerModel, factor: int, vocabulary_size: int) -> RanerModel:
    """A model `factor` times as wide with the same emissions, head for head and layer for layer.

    Pruned models stay pruned: heads keep their numbers, neuron j becomes j, j + n, j + 2n, ...
    with n the unpruned width.

    Args:
        factor: 1 or more. The number of heads stays; each gets `factor` times as large.
        vocabulary_size: rows of the word embedding; those that no character uses are zero.

    Raises:
        ValueError: `factor` is below 1, or the vocabulary is larger than `vocabulary_size`.
    """
    if factor < 1 or vocabulary_size < model.config.vocab_size:
        raise ValueError(f"factor {factor} and vocabulary {vocabulary_size} would make the model smaller")
    kept = kept_heads(model.config)
    tensors = {}
    for name, tensor in model.state_dict().items():
        layer = re.match(r"bert\.encoder\.layer\.(\d+)\.", name)
        tensors[name] = _widened(name, tensor.detach(), factor, len(kept[int(layer[1])]) if layer else 1)
    words = "bert.embeddings.word_embeddings.weight"
    tensors[words] = nn.functional.pad(tensors[words], (0, 0, 0, vocabulary_size - model.config.vocab_size))
    return assemble(_wide_config(model.config, factor, vocabulary_size), tensors)


def _wide_config(config: BertConfig, factor: int, vocabulary_size: int) -> BertConfig:
    wide = copy.deepcopy(config)
    wide.hidden_size, wide.intermediate_size = factor * config.hidden_size, factor * config.intermediate_size
    wide.vocab_size = vocabulary_size
    if hasattr(config, "kept_neurons"):
        copies = range(0, wide.intermediate_size, config.intermediate_size)
        wide.kept_neurons = [[first + n for first in copies for n in kept] for kept in kept_neurons(config)]
    return wide


def _widened(name: str, tensor: Tensor, factor: int, heads: int) -> Tensor:
    """One parameter of the twin; `heads` is how many its layer has left."""
    if name.startswith("crf.") or name == "classifier.bias":
        return tensor.clone()
    made_by, read_by = heads if ".self." in name else 1, heads if ".attention.output.dense" in name else 1
    if tensor.dim() == 1:
        wide = _tile(tensor, 0, factor, made_by)
    elif "_embeddings." in name:
        wide = _tile(tensor, 1, factor)
    else:
        rows = tensor if name == "classifier.weight" else _tile(tensor, 0, factor, made_by)
        wide = _tile(rows, 1, factor, read_by) / factor
    return wide / factor**0.5 if ".query." in name else wide


def _tile(tensor: Tensor, axis: int, factor: int, groups: int = 1) -> Tensor:
    """Repeat an axis `factor` times inside each of `groups` equal parts of it (the heads)."""
    parts = tensor.unflatten(axis, (groups, -1))
    return torch.cat([parts] * factor, axis + 1).flatten(axis, axis + 1)
