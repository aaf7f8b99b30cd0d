"""Scores of heads from what runs through them: attention maps, and what a head adds to the sentence. No gradients.

Taken while the model runs, batch by batch: all attention maps of a long text at once would not fit in memory.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from transformers import BertPreTrainedModel

from utils.compress.batches import Batch, count_positions, count_sentences, on_device
from utils.compress.gates import by_head, head_sites, observed
from utils.measure.progress import shown
from utils.model.modes import eager_attention, evaluating


def article_score(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """What the article's *code* computes, made to run: the mean squared attention weight.

    (1/M) sum_i mean_{t,s} alpha_ts^2, over the real positions t, s of each sentence. It measures
    how peaked attention is; what a head adds to the sentence does not enter.

    Returns:
        `(layers, heads)`, no unit, in (0, 1].
    """

    def squares(maps: Tensor, mask: Tensor) -> Tensor:
        lengths = mask.sum(1)
        return (_real_queries(maps.square().sum(-1), mask) / lengths[:, None].square()).sum(0)

    return _sum_over_maps(model, batches, squares) / count_sentences(batches)


def frobenius_norm(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """What the article's *formula* means: the Frobenius norm of what a head adds to the sentence.

    (1/M) sum_i || C_h W_O^h ||_F, with C_h `(length, head size)` the head's mixed values and W_O^h
    its part of the output matrix. Attention weight on a vector of no length counts for nothing.

    Returns:
        `(layers, heads)`, in units of the hidden state.

    Source: Kobayashi et al. 2020, "Attention is Not Only a Weight", section 3, ||alpha f(x)|| summed
    over what is attended to.
    """
    sites = head_sites(model)

    def added(layer: int, arguments: tuple[Tensor], _, mask: Tensor) -> Tensor:
        return _added_norms(arguments[0], sites.projections[layer], len(sites.kept[layer]), mask)

    return _sum_over_runs(model, batches, sites.projections, added) / count_sentences(batches)


def _added_norms(context: Tensor, projection: nn.Module, heads: int, mask: Tensor) -> Tensor:
    """Frobenius norm of each head's contribution, summed over sentences: `(heads,)`.

    ||c W||^2 = c (W W^T) c^T, so the contributions themselves, as wide as the model, are never made.
    """
    parts = context.unflatten(-1, (heads, -1))
    weights = projection.weight.T.unflatten(0, (heads, -1))
    squares = torch.einsum("bthd,hde,bthe->bth", parts, weights @ weights.mT, parts)
    return (squares.clamp(min=0) * mask[..., None]).sum(1).sqrt().sum(0)


def attention_entropy(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """Mean over positions t of sum_s alpha_ts log alpha_ts: the *negative* entropy of attention.

    0 for a head that looks at one position, -log n for one that looks at all n alike.

    Returns:
        `(layers, heads)`, nats, never above 0.

    Source: Clark et al. 2019, "What Does BERT Look At?", section 3.3.
    """

    def negative_entropy(maps: Tensor, mask: Tensor) -> Tensor:
        return _real_queries(maps.xlogy(maps).sum(-1), mask).sum(0)

    return _sum_over_maps(model, batches, negative_entropy) / count_positions(batches)


def confidence(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """Mean over positions t of max_s alpha_ts, [SEP] not counted among the s.

    Returns:
        `(layers, heads)`, no unit, in [0, 1].

    Source: Voita et al. 2019, "Analyzing Multi-Head Self-Attention", section 4, which leaves out
    the end-of-sentence symbol, the usual place to look at nothing.
    """

    def largest(maps: Tensor, mask: Tensor) -> Tensor:
        separator = nn.functional.one_hot(mask.sum(1) - 1, mask.shape[1]).bool()
        others = maps.masked_fill(separator[:, None, None], 0)
        return _real_queries(others.amax(-1), mask).sum(0)

    return _sum_over_maps(model, batches, largest) / count_positions(batches)


def _real_queries(values: Tensor, mask: Tensor) -> Tensor:
    """Sum of `(batch, heads, length)` over the positions that are not padding: `(batch, heads)`."""
    return (values * mask[:, None]).sum(-1)


def _sum_over_maps(
    model: BertPreTrainedModel, batches: Sequence[Batch], measure: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Sum over batches of `measure(maps (batch, heads, length, length), mask (batch, length))`."""
    attentions = [layer.attention.self for layer in model.bert.encoder.layer]
    with eager_attention(model):
        return _sum_over_runs(model, batches, attentions, lambda _, __, output, mask: measure(output[1], mask))


def _sum_over_runs(
    model: BertPreTrainedModel, batches: Sequence[Batch], modules: Sequence[nn.Module], measure: Callable[..., Tensor]
) -> Tensor:
    """Sum over batches of `measure(layer, arguments, output, mask)`, `(heads left,)`, taken at one module a layer."""
    sites = head_sites(model)
    sums = [torch.zeros(len(kept), dtype=model.dtype, device=model.device) for kept in sites.kept]
    with evaluating(model.modules()), torch.no_grad():
        for batch in on_device(model, shown(batches, "scoring")):
            mask = batch["attention_mask"].bool()

            def hook(layer: int, arguments: tuple, _, output: object, mask: Tensor = mask) -> None:
                if sites.kept[layer]:
                    sums[layer] += measure(layer, arguments, output, mask)

            with observed(modules, hook):
                model(batch["input_ids"], batch["attention_mask"])
    return by_head(sums, sites).cpu()
