"""Scores of heads and neurons from gradients of the loss.

They share one idea: put a gate xi_h = 1 in front of head h, in every sentence and at every position,
and ask how the loss would answer to a change of it (`gate_gradients`). The loss L_i of sentence i is
the sum over its N_i labelled characters, in nats; N = sum_i N_i.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from transformers import BertPreTrainedModel

from utils.compress.batches import Batch, count_characters, count_sentences, on_device
from utils.compress.gates import Sites, by_head, gated, head_sites, neuron_sites
from utils.measure.progress import shown
from utils.model.modes import evaluating
from utils.model.raner import IGNORED_LABEL, RanerModel


def sentence_losses(model: BertPreTrainedModel, emissions: Tensor, labels: Tensor) -> Tensor:
    """Loss of each sentence, `(batch,)`, in nats, summed over its labelled characters.

    The negative CRF log-likelihood of a `RanerModel`, the token cross entropy of any other tagger.
    """
    if isinstance(model, RanerModel):
        return model.sequence_losses(emissions, labels)
    losses = nn.functional.cross_entropy(emissions.mT, labels, ignore_index=IGNORED_LABEL, reduction="none")
    return losses.sum(1)


def gate_gradients(model: BertPreTrainedModel, batches: Sequence[Batch], sites: Sites) -> Iterator[Tensor]:
    """dL_i / dxi at every position, sentence by sentence: the raw material of the gradient scores.

    One backward pass a batch. Sentences do not read each other, so the gradient of the summed loss
    with respect to sentence i's own gates is the gradient of L_i. Each pass starts from fresh
    gates: gradients that add up from batch to batch, with the absolute value taken of the running
    sum, are a classic bug of importance scripts.

    Yields:
        `(batch, length, layers, parts)` in nats; NaN where a part is pruned; 0 at padding.
    """
    with evaluating(model.modules()), torch.enable_grad():
        for batch in on_device(model, shown(batches, "scoring")):
            shape = batch["input_ids"].shape
            gates = [torch.ones(*shape, len(kept), dtype=model.dtype, device=model.device) for kept in sites.kept]
            present = [gate.requires_grad_() for gate in gates if gate.numel()]
            with gated(sites.projections, gates):
                emissions = model(batch["input_ids"], batch["attention_mask"]).logits
            loss = sentence_losses(model, emissions, batch["labels"]).sum()
            gradients = iter(torch.autograd.grad(loss, present))
            yield by_head([next(gradients) if gate.numel() else gate for gate in gates], sites).detach()


def taylor(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """The rise of the loss that a straight line predicts when a head goes: -(1/N) sum_i dL_i/dxi_h.

    Signed: a negative score says that the loss should *fall* without the head.

    Returns:
        `(layers, heads)`, nats per labelled character.

    Source: Molchanov et al. 2017, "Pruning Convolutional Neural Networks for Resource Efficient
    Inference", section 2.2, before the absolute value is taken.
    """
    gradients = gate_gradients(model, batches, head_sites(model))
    return -sum(g.sum((0, 1)) for g in gradients).cpu() / count_characters(batches)


def michel_per_example(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """Sensitivity to a head: (1/N) sum_i |dL_i/dxi_h|, the absolute value taken sentence by sentence.

    The paper's estimator; two relatives below put the absolute value elsewhere and rank otherwise.

    Returns:
        `(layers, heads)`, nats per labelled character.

    Source: Michel et al. 2019, "Are Sixteen Heads Really Better than One?", equation 2. Its division
    by each layer's norm is `normalize_layers`.
    """
    return _michel_per_example(model, batches, head_sites(model))


def neuron_importance(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """`michel_per_example` for the neurons of the feed-forward networks.

    Returns:
        `(layers, neurons)`, nats per labelled character; NaN where a neuron is already pruned.
    """
    return _michel_per_example(model, batches, neuron_sites(model))


def _michel_per_example(model: BertPreTrainedModel, batches: Sequence[Batch], sites: Sites) -> Tensor:
    return sum(g.sum(1).abs().sum(0) for g in gate_gradients(model, batches, sites)).cpu() / count_characters(batches)


def michel_per_token(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """(1/N) sum_i sum_t |dL_i/dxi_{h,t}|: every position has a gate of its own, so nothing cancels.

    Never less than `michel_per_example`. [CLS] and [SEP] have gates too; padding contributes 0.

    Returns:
        `(layers, heads)`, nats per labelled character.

    Source: a variant of Michel et al. 2019, equation 2.
    """
    gradients = gate_gradients(model, batches, head_sites(model))
    return sum(g.abs().sum((0, 1)) for g in gradients).cpu() / count_characters(batches)


def michel_per_batch(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """(1/N) sum_b |sum_{i in b} dL_i/dxi_h|: what most scripts compute, for convenience.

    Sentences of a batch cancel each other, so the score **depends on the batch size**: with one
    sentence a batch it is `michel_per_example`, with one batch for all it is |`taylor`|.

    Returns:
        `(layers, heads)`, nats per labelled character.
    """
    gradients = gate_gradients(model, batches, head_sites(model))
    return sum(g.sum((0, 1)).abs() for g in gradients).cpu() / count_characters(batches)


def fisher(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """Diagonal of the empirical Fisher matrix: (1/M) sum_i (dL_i/dxi_h)^2 over the M sentences.

    At a minimum the loss per sentence rises by about I_h / 2 when head h goes.

    Returns:
        `(layers, heads)`, nats squared per sentence.

    Source: Kwon et al. 2022, "A Fast Post-Training Pruning Framework for Transformers", section 4.1.
    """
    gradients = gate_gradients(model, batches, head_sites(model))
    return sum(g.sum(1).square().sum(0) for g in gradients).cpu() / count_sentences(batches)
