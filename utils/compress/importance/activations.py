"""How much each attention head matters: one function per score, `(model, batches) -> (layers, heads)`.

In every score **higher means keep**, a head that is already pruned is NaN, and the answer depends
neither on padding nor, `michel_per_batch` apart, on how the sentences are cut into batches. All
work on `RanerModel` and on any `BertForTokenClassification`, on the device where the model is.

Gradient scores share one idea: put a gate xi_h = 1 in front of head h, in every sentence and at
every position, and ask how the loss would answer to a change of it (`gate_gradients`). The loss
L_i of sentence i is the sum over its N_i labelled characters, in nats; N = sum_i N_i.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import BertPreTrainedModel

from utils.compress.batches import Batch, count_positions, count_sentences, evaluating, on_device
from utils.compress.gates import by_head, head_sites, observed


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

    return _over_attention(model, batches, squares) / count_sentences(batches)


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

    return _over_forward(model, batches, sites.projections, added) / count_sentences(batches)


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

    return _over_attention(model, batches, negative_entropy) / count_positions(batches)


def confidence(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """Mean over positions t of max_s alpha_ts, [SEP] not counted among the s.

    Returns:
        `(layers, heads)`, no unit, in [0, 1].

    Source: Voita et al. 2019, "Analyzing Multi-Head Self-Attention", section 4, which leaves out
    the end-of-sentence symbol, the usual place to look at nothing.
    """

    def largest(maps: Tensor, mask: Tensor) -> Tensor:
        separator = nn.functional.one_hot(mask.sum(1) - 1, mask.shape[1]).bool()
        seen = maps.masked_fill(separator[:, None, None], 0)
        return _real_queries(seen.amax(-1), mask).sum(0)

    return _over_attention(model, batches, largest) / count_positions(batches)


def _real_queries(values: Tensor, mask: Tensor) -> Tensor:
    """Sum of `(batch, heads, length)` over the positions that are not padding: `(batch, heads)`."""
    return (values * mask[:, None]).sum(-1)


def _over_attention(
    model: BertPreTrainedModel, batches: Sequence[Batch], measure: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Sum over batches of `measure(maps (batch, heads, length, length), mask (batch, length))`."""
    attentions = [layer.attention.self for layer in model.bert.encoder.layer]
    with _eager(model):
        return _over_forward(model, batches, attentions, lambda _, __, output, mask: measure(output[1], mask))


def _over_forward(
    model: BertPreTrainedModel, batches: Sequence[Batch], modules: Sequence[nn.Module], measure: Callable[..., Tensor]
) -> Tensor:
    """Sum over batches of `measure(layer, arguments, output, mask)`, `(heads left,)`, at one module a layer.

    Taken while the model runs: all attention maps of a long text at once would not fit in memory.
    """
    with evaluating(model), torch.no_grad():
        return sum(_measured(model, batch, modules, measure) for batch in on_device(model, batches)).cpu()


def _measured(
    model: BertPreTrainedModel, batch: Batch, modules: Sequence[nn.Module], measure: Callable[..., Tensor]
) -> Tensor:
    sites, mask = head_sites(model), batch["attention_mask"].bool()
    values = [torch.zeros(0, dtype=model.dtype, device=model.device) for _ in modules]

    def see(layer: int, arguments: tuple, _, output: object) -> None:
        if sites.kept[layer]:
            values[layer] = measure(layer, arguments, output, mask)

    with observed(modules, see):
        model(batch["input_ids"], batch["attention_mask"])
    return by_head(values, sites)


@contextmanager
def _eager(model: BertPreTrainedModel) -> Iterator[None]:
    """Attention that hands out its weights; fused kernels never form them."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)
