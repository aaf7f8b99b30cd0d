"""TODO compress.importance.oracle."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from tqdm.auto import tqdm
from transformers import BertPreTrainedModel

from utils.compress.batches import Batch, count_characters, evaluating, on_device
from utils.compress.gates import by_head, gated, head_sites, observed
from utils.compress.importance.gradients import sentence_losses


def leave_one_out(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """What the others estimate: L(xi_h = 0) - L, each head taken out alone, the rest in place.

    An oracle for the removal of *one* head: heads that stand in for each other look idle here.

    Returns:
        `(layers, heads)`, nats per labelled character.

    Source: Michel et al. 2019, section 3.2.
    """

    def loss(emissions: list[Tensor]) -> float:
        pairs = zip(emissions, on_device(model, batches), strict=True)
        return sum(float(sentence_losses(model, e, batch["labels"]).sum()) for e, batch in pairs)

    return _leave_one_out(model, batches, loss) / count_characters(batches)


def _leave_one_out(
    model: BertPreTrainedModel, batches: Sequence[Batch], damage: Callable[[list[Tensor]], float]
) -> Tensor:
    """`damage(emissions of all batches)` without each head, less that of the whole model.

    What happens below the layer of the head is computed once: only the layers above run again.
    """
    sites = head_sites(model)
    pairs = [(layer, slot) for layer, kept in enumerate(sites.kept) for slot in range(len(kept))]
    scores = [torch.zeros(len(kept), dtype=torch.double) for kept in sites.kept]
    with evaluating(model), torch.no_grad():
        calls = [_layer_calls(model, batch) for batch in on_device(model, batches)]
        whole = damage([_run_from(model, 0, call) for call in calls])
        for layer, slot in tqdm(pairs, desc="leaving out one head", unit="head"):
            gate = torch.ones(len(sites.kept[layer]))
            gate[slot] = 0
            with gated([sites.projections[layer]], [gate]):
                scores[layer][slot] = damage([_run_from(model, layer, call) for call in calls]) - whole
    return by_head(scores, sites).float()


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
