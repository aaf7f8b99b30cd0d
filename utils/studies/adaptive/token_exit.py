"""Single characters that stop, simulated: what they would save, and what they cost in F1.

A character that its exit is certain of is halted. Its hidden state stays as it is; the others go on and still attend
to it, so a later layer makes keys and values of halted states too, but no queries, no output and no feed-forward.
(Li et al. 2021, "Accelerating BERT Inference for Sequence Labeling via Early-Exit", section 4.2: TOKEE. There each
token keeps its exit's label; here it keeps its exit's emissions, and the network's own CRF decodes all of them.)

Here every layer computes all characters and what a halted one would have become is thrown away: the same numbers, and
no time is saved. The multiply-adds that packing them would have left are counted.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from tqdm.auto import tqdm

from utils.model.exit_head import ExitHead, embedded, layer_mask, through
from utils.model.modes import evaluating
from utils.model.pruned_shape import head_size, kept_heads, kept_neurons
from utils.model.raner import RanerModel
from utils.tagger.decoding import Decoder, to_front
from utils.tagger.marginals import path_evidence
from utils.tagger.tokenizer import CharacterTokenizer, Encoding
from utils.tagger.viterbi import viterbi
from utils.text.entities import Entity

WINDOW = 1
"""A character halts where it and so many neighbours on each side are certain: names are not cut in the middle."""

AT_ONCE = 16
"""Texts that are simulated together."""


class Simulated(NamedTuple):
    """Entities of each text in its place, and the multiply-adds of all of them, where halted characters are left out,
    and of the whole network."""

    predictions: list[list[Entity]]
    work: int
    whole_work: int


def simulate(
    model: RanerModel,
    heads: Sequence[ExitHead],
    tokenizer: CharacterTokenizer,
    texts: Sequence[str],
    threshold: float,
    together: bool = False,
) -> Simulated:
    """Tag texts with characters that halt at the heads where they are at least as certain as `threshold`.

    Args:
        texts: each read whole, so each must fit the model.
        together: all characters of a text halt, or none: the exit of sentences, counted in the same way.
    """
    order = np.argsort([len(text) for text in texts], kind="stable")
    predictions, work, whole = [[] for _ in texts], 0, 0
    decoder = Decoder(model.labels, model.crf.scores())
    for first in tqdm(range(0, len(texts), AT_ONCE), "token exit", leave=False):
        numbers = order[first : first + AT_ONCE]
        batch = [texts[number] for number in numbers]
        encoding = tokenizer.batch(batch)
        emissions, computed = _read(model, heads, encoding, threshold, together)
        for number, found in zip(numbers, decoder.decode(batch, emissions, encoding.label_mask), strict=True):
            predictions[number] = found.entities
        lengths = encoding.attention_mask.sum(1)
        work += layers_work(model, lengths, computed)
        whole += layers_work(model, lengths, [lengths] * len(computed))
    return Simulated(predictions, work, whole)


@torch.inference_mode()
def _read(
    model: RanerModel, heads: Sequence[ExitHead], encoding: Encoding, threshold: float, together: bool
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Emissions `(batch, length, tags)`, and for each layer how many characters of each text it computed."""
    ids, mask = (torch.from_numpy(array) for array in (encoding.input_ids, encoding.attention_mask))
    active, seen, emissions, computed = mask > 0, layer_mask(model, mask), None, []
    with evaluating(model.modules()):
        hidden = embedded(model, ids)
        for layer in range(model.config.num_hidden_layers):
            computed.append(active.sum(1).numpy())
            hidden = torch.where(active[..., None], through(model, hidden, seen, layer, layer + 1), hidden)
            for head in _ending(heads, model, layer + 1):
                said = head.classifier(hidden)
                emissions = said if emissions is None else torch.where(active[..., None], said, emissions)
                certain = _certainty(emissions.numpy(), encoding.label_mask, head.crf.scores())
                certain = certain.min(1, keepdims=True) if together else certain
                active = active & torch.from_numpy(certain < threshold)
    return emissions.numpy(), computed


def _ending(heads: Sequence[ExitHead], model: RanerModel, layer: int) -> Iterator[ExitHead | RanerModel]:
    """What answers after so many layers."""
    yield from (head for head in heads if head.layer == layer)
    if layer == model.config.num_hidden_layers:
        yield model


def _certainty(emissions: np.ndarray, label_mask: np.ndarray, crf: tuple[np.ndarray, ...]) -> np.ndarray:
    """`(batch, length)`: probability of the least certain tag in each position's window; pieces without a tag, [CLS]
    and [SEP] among them, are as certain as the least certain one of their text."""
    lengths = label_mask.sum(1)
    rows = to_front(emissions, label_mask)
    evidence = path_evidence(rows, lengths, *crf, viterbi(rows, lengths, *crf))
    answer = np.empty(label_mask.shape)
    for row, (labelled, (opening, closing)) in enumerate(zip(label_mask, evidence, strict=True)):
        tags = np.exp(opening + closing)
        answer[row] = tags.min(initial=1.0)
        answer[row, labelled] = [tags[max(0, at - WINDOW) : at + WINDOW + 1].min() for at in range(len(tags))]
    return answer


def layers_work(model: RanerModel, lengths: np.ndarray, computed: Sequence[np.ndarray]) -> int:
    """Multiply-adds of the encoder's layers for a batch, where each layer computes some of a text's positions only.

    Keys and values are made of all positions, as long as one is computed: `utils.compress.pruning.cost` is the case
    that all are.

    Args:
        lengths: `(batch,)` int, positions of each text.
        computed: for each layer `(batch,)` int, the positions that it computes.
    """
    config, total = model.config, 0
    shapes = zip(kept_heads(config), kept_neurons(config), computed, strict=True)
    for heads, neurons, there in shapes:
        width, read = len(heads) * head_size(config), np.where(there > 0, lengths, 0)
        projections = 2 * (there + read) * config.hidden_size * width
        products = 2 * there * read * width
        feed_forward = 2 * there * config.hidden_size * len(neurons)
        total += int((projections + products + feed_forward).sum())
    return total
