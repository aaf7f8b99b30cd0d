"""The oracle that scores are held against: what the loss really does when one head goes, tried head by head."""

from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm.auto import tqdm
from transformers import BertPreTrainedModel

from utils.compress.batches import Batch, count_characters, make_batches, on_device
from utils.compress.gates import by_head, gated, head_sites, observed
from utils.compress.importance.gradients import sentence_losses
from utils.measure.latency import Rounds, measure_latency
from utils.model.modes import evaluating
from utils.model.pruned_shape import size_of
from utils.model.raner import RanerModel, piece_limit
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import evenly_spaced
from utils.text.entities import Sentence

FEWEST = 16
"""Sentences that heads are tried on at least: on fewer, the oracle would be noise."""

PACED = 16
"""Sentences that are read to learn how long one takes."""


def affordable(
    model: RanerModel, tokenizer: CharacterTokenizer, sentences: Sequence[Sentence], seconds: float
) -> list[Sentence]:
    """As many of the sentences, evenly spaced, as `leave_one_out` can try in that time on this machine.

    At least `FEWEST`, however long they take. Of `n` layers, trying a head runs `(n + 1) / 2` on the average.
    """
    share_of_layers = (model.config.num_hidden_layers + 1) / (2 * model.config.num_hidden_layers)
    read = evenly_spaced(sentences, PACED)
    pace = _seconds_to_read(model, tokenizer, read) / len(read)
    count = int(seconds / (pace * share_of_layers * size_of(model).heads))
    return evenly_spaced(sentences, max(FEWEST, count))


def _seconds_to_read(model: RanerModel, tokenizer: CharacterTokenizer, sentences: Sequence[Sentence]) -> float:
    batches = make_batches(sentences, tokenizer, model.labels, batch_size=PACED, limit=piece_limit(model.config))

    def read() -> None:
        for batch in on_device(model, batches):
            model(batch["input_ids"], batch["attention_mask"])

    with evaluating(model.modules()), torch.no_grad():
        return measure_latency({"read": read}, Rounds(1))["read"].p50 / 1000


def leave_one_out(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """What the others estimate: L(xi_h = 0) - L, each head taken out alone, the rest in place.

    An oracle for the removal of *one* head: heads that stand in for each other look idle here.

    Returns:
        `(layers, heads)`, nats per labelled character.

    Source: Michel et al. 2019, section 3.2.
    """

    sites = head_sites(model)
    scores = [torch.zeros(len(kept), dtype=torch.double) for kept in sites.kept]
    heads = [(layer, slot) for layer, kept in enumerate(sites.kept) for slot in range(len(kept))]
    with evaluating(model.modules()), torch.no_grad():
        calls = [_layer_calls(model, batch) for batch in on_device(model, batches)]
        whole = _summed_loss(model, batches, calls, first=0)
        for layer, slot in tqdm(heads, desc="leaving out one head", unit="head"):
            gate = torch.ones(len(sites.kept[layer]))
            gate[slot] = 0
            with gated([sites.projections[layer]], [gate]):
                scores[layer][slot] = _summed_loss(model, batches, calls, layer) - whole
    return by_head(scores, sites).float() / count_characters(batches)


def _summed_loss(
    model: BertPreTrainedModel, batches: Sequence[Batch], calls: Sequence[list[tuple[tuple, dict]]], first: int
) -> float:
    """Of all sentences, in nats. What happens below layer `first` was computed once: only the layers above run."""
    losses = (
        sentence_losses(model, _run_from(model, first, call), batch["labels"])
        for call, batch in zip(calls, on_device(model, batches), strict=True)
    )
    return sum(float(loss.sum()) for loss in losses)


def _layer_calls(model: BertPreTrainedModel, batch: Batch) -> list[tuple[tuple, dict]]:
    """Positional and keyword arguments with which the encoder calls each of its layers."""
    calls = []
    with observed(model.bert.encoder.layer, lambda _, arguments, keywords, __: calls.append((arguments, keywords))):
        model(batch["input_ids"], batch["attention_mask"])
    return calls


def _run_from(model: BertPreTrainedModel, first: int, calls: list[tuple[tuple, dict]]) -> Tensor:
    """Emissions, the layers below `first` taken from what they did before."""
    hidden = calls[first][0][0]
    for layer, (arguments, keywords) in list(zip(model.bert.encoder.layer, calls, strict=True))[first:]:
        hidden = layer(hidden, *arguments[1:], **keywords)
    return model.classifier(hidden)
