"""Exits of a network, trained on hidden states that were written down once.

The network is left alone: its own answer stays what it was, and a step is a linear layer and a CRF instead of twelve
layers forth and back. A joint loss of all exits (Li et al. 2021, "Accelerating BERT Inference for Sequence Labeling
via Early-Exit", section 4.3) makes better exits, for the price of a training of the whole network.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from utils.compress.batches import Batch, make_batches
from utils.model.exit_head import ExitHead, states_at
from utils.model.raner import RanerModel, piece_limit
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Sentence

RATE = 5e-3
"""Peak of the learning rate; it falls to 0 in a straight line. A linear layer bears more than a network."""


def trained_heads(
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    sentences: Sequence[Sentence],
    layers: Sequence[int],
    steps: int,
    seed: int,
) -> list[ExitHead]:
    """A head after each of these numbers of layers (ascending, from 1), trained for so many batches each.

    Raises:
        ValueError: a layer that the model does not have before its last.
    """
    if not all(1 <= layer < model.config.num_hidden_layers for layer in layers):
        raise ValueError(f"exits after layers {list(layers)}: the model has {model.config.num_hidden_layers}")
    batches = make_batches(sentences, tokenizer, model.labels, limit=piece_limit(model.config))
    read = tqdm(batches, "hidden states", leave=False)
    states = [[state.half() for state in states_at(model, batch, list(layers))] for batch in read]
    heads = [ExitHead(model, layer) for layer in layers]
    for number, head in enumerate(heads):
        _train(head, [of_batch[number] for of_batch in states], batches, _order(len(batches), steps, seed))
    return heads


def _order(batches: int, steps: int, seed: int) -> np.ndarray:
    """Which batch each step reads: all of them in random order, then all again."""
    draw = np.random.default_rng(seed)
    return np.concatenate([draw.permutation(batches) for _ in range(-(-steps // batches))])[:steps]


def _train(head: ExitHead, states: Sequence[Tensor], batches: Sequence[Batch], order: np.ndarray) -> None:
    optimizer = torch.optim.Adam(head.parameters(), RATE)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, len(order))
    for number in tqdm(order, f"exit after layer {head.layer}", leave=False):
        optimizer.zero_grad()
        head.loss(states[number].float(), batches[number]["labels"]).backward()
        optimizer.step()
        falling.step()
    head.eval()
