"""Models that are hard to export, inputs with padding, and how far a graph is from torch."""

import numpy as np

from utils.compress.pruning.remove import prune_heads, prune_neurons, prune_vocabulary
from utils.engines.onnx_session import load_onnx_tagger
from utils.model.torch_tagger import torch_backend

WIDE = {"hidden_size": 48, "num_attention_heads": 12, "num_hidden_layers": 3}
"""Twelve heads a layer, of four features each."""


def uneven(model, tokenizer):
    """12, 5 and 0 heads."""
    return prune_heads(model, {1: [0, 2, 3, 7, 8, 9, 11], 2: list(range(12))}), tokenizer


def everything(model, tokenizer):
    """Fewer heads, then 17, 0 and 1 neurons, then 7 characters."""
    model, tokenizer = uneven(model, tokenizer)
    model = prune_neurons(model, {0: [0, 1, 7], 1: list(range(20)), 2: list(range(1, 20))})
    return prune_vocabulary(model, tokenizer, ["天地玄黄", "abc。"])


CUTS = {"12, 5 and 0 heads": uneven, "heads, neurons, characters": everything}


def inputs(vocabulary, batch, length):
    """Random ids, the last row padded to half."""
    ids = np.random.default_rng(length).integers(5, vocabulary, (batch, length))
    mask = np.ones_like(ids)
    mask[-1, length // 2 + 1 :] = 0
    return ids, mask


def furthest(path, model, batch, length):
    """Largest difference of emissions to torch's at the real positions."""
    ids, mask = inputs(model.config.vocab_size, batch, length)
    difference = load_onnx_tagger(path).backend(ids, mask) - torch_backend(model)(ids, mask)
    return np.abs(difference[mask.astype(bool)]).max()
