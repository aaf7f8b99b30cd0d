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

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm
from transformers import BertPreTrainedModel

from utils.crf import LinearChainCRF, compact
from utils.decoding import viterbi
from utils.entities import Entity, Sentence, spans_from_bio, spans_from_bioes
from utils.evaluation import entity_scores
from utils.gates import Sites, gated, head_sites, neuron_sites, observed
from utils.raner import IGNORED_LABEL, RanerModel

Batch = dict[str, Tensor]
"""`input_ids`, `attention_mask` and `labels`, as `utils.batches.make_batches` gives them."""


# --- The loss and its gradient at the gates ----------------------------------------------------


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
    with _evaluating(model), torch.enable_grad():
        for batch in _on_device(model, batches):
            shape = batch["input_ids"].shape
            gates = [torch.ones(*shape, len(kept), dtype=model.dtype, device=model.device) for kept in sites.kept]
            present = [gate.requires_grad_() for gate in gates if gate.numel()]
            with gated(sites.projections, gates):
                emissions = model(batch["input_ids"], batch["attention_mask"]).logits
            loss = sentence_losses(model, emissions, batch["labels"]).sum()
            gradients = iter(torch.autograd.grad(loss, present))
            yield _spread([next(gradients) if gate.numel() else gate for gate in gates], sites).detach()


def _spread(values: Sequence[Tensor], sites: Sites) -> Tensor:
    """Per-layer values `(..., parts left)` to `(..., layers, parts)`, NaN where a part is gone."""
    spread = values[0].new_full((*values[0].shape[:-1], len(values), sites.width), torch.nan)
    for layer, (value, numbers) in enumerate(zip(values, sites.kept, strict=True)):
        spread[..., layer, numbers] = value
    return spread


def _on_device(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Iterator[Batch]:
    return ({name: tensor.to(model.device) for name, tensor in batch.items()} for batch in batches)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _characters(batches: Sequence[Batch]) -> int:
    return sum(int((batch["labels"] != IGNORED_LABEL).sum()) for batch in batches)


def _sentences(batches: Sequence[Batch]) -> int:
    return sum(len(batch["labels"]) for batch in batches)


# --- Gradient scores ---------------------------------------------------------------------------


def taylor(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """The rise of the loss that a straight line predicts when a head goes: -(1/N) sum_i dL_i/dxi_h.

    Signed: a negative score says that the loss should *fall* without the head.

    Returns:
        `(layers, heads)`, nats per labelled character.

    Source: Molchanov et al. 2017, "Pruning Convolutional Neural Networks for Resource Efficient
    Inference", section 2.2, before the absolute value is taken.
    """
    gradients = gate_gradients(model, batches, head_sites(model))
    return -sum(g.sum((0, 1)) for g in gradients).cpu() / _characters(batches)


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
    return sum(g.sum(1).abs().sum(0) for g in gate_gradients(model, batches, sites)).cpu() / _characters(batches)


def michel_per_token(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """(1/N) sum_i sum_t |dL_i/dxi_{h,t}|: every position has a gate of its own, so nothing cancels.

    Never less than `michel_per_example`. [CLS] and [SEP] have gates too; padding contributes 0.

    Returns:
        `(layers, heads)`, nats per labelled character.

    Source: a variant of Michel et al. 2019, equation 2.
    """
    gradients = gate_gradients(model, batches, head_sites(model))
    return sum(g.abs().sum((0, 1)) for g in gradients).cpu() / _characters(batches)


def michel_per_batch(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """(1/N) sum_b |sum_{i in b} dL_i/dxi_h|: what most scripts compute, for convenience.

    Sentences of a batch cancel each other, so the score **depends on the batch size**: with one
    sentence a batch it is `michel_per_example`, with one batch for all it is |`taylor`|.

    Returns:
        `(layers, heads)`, nats per labelled character.
    """
    gradients = gate_gradients(model, batches, head_sites(model))
    return sum(g.sum((0, 1)).abs() for g in gradients).cpu() / _characters(batches)


def fisher(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """Diagonal of the empirical Fisher matrix: (1/M) sum_i (dL_i/dxi_h)^2 over the M sentences.

    At a minimum the loss per sentence rises by about I_h / 2 when head h goes.

    Returns:
        `(layers, heads)`, nats squared per sentence.

    Source: Kwon et al. 2022, "A Fast Post-Training Pruning Framework for Transformers", section 4.1.
    """
    gradients = gate_gradients(model, batches, head_sites(model))
    return sum(g.sum(1).square().sum(0) for g in gradients).cpu() / _sentences(batches)


def normalize_layers(scores: Tensor) -> Tensor:
    """Each layer's scores divided by their L2 norm, so that layers compete on equal terms.

    Args:
        scores: `(layers, heads)`; NaN stays NaN and does not count. A layer of zeros stays zero.

    Source: Michel et al. 2019, section 4.1, after Molchanov et al. 2017, section 2.3.
    """
    norms = scores.nan_to_num().norm(dim=1, keepdim=True)
    return scores / torch.where(norms > 0, norms, 1)


# --- Scores from activations and weights -------------------------------------------------------


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

    return _over_attention(model, batches, squares) / _sentences(batches)


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

    return _over_forward(model, batches, sites.projections, added) / _sentences(batches)


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

    return _over_attention(model, batches, negative_entropy) / _positions(batches)


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

    return _over_attention(model, batches, largest) / _positions(batches)


def _real_queries(values: Tensor, mask: Tensor) -> Tensor:
    """Sum of `(batch, heads, length)` over the positions that are not padding: `(batch, heads)`."""
    return (values * mask[:, None]).sum(-1)


def _positions(batches: Sequence[Batch]) -> int:
    return sum(int(batch["attention_mask"].sum()) for batch in batches)


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
    with _evaluating(model), torch.no_grad():
        return sum(_measured(model, batch, modules, measure) for batch in _on_device(model, batches)).cpu()


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
    return _spread(values, sites)


@contextmanager
def _eager(model: BertPreTrainedModel) -> Iterator[None]:
    """Attention that hands out its weights; fused kernels never form them."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def weight_magnitude(model: BertPreTrainedModel, batches: Sequence[Batch] = ()) -> Tensor:
    """Root mean square of a head's weights in query, key, value and output; no data is read.

    Args:
        batches: unread; every score is called alike.

    Returns:
        `(layers, heads)`, in units of a weight.

    Source: Han et al. 2015, "Learning both Weights and Connections", for whole heads.
    """
    sites = head_sites(model)
    layers = zip(model.bert.encoder.layer, sites.kept, strict=True)
    return _spread([_root_mean_square(layer.attention, len(kept)) for layer, kept in layers], sites).cpu()


def _root_mean_square(attention: nn.Module, heads: int) -> Tensor:
    if not heads:
        return attention.output.dense.bias.new_zeros(0)
    inner = attention.self
    rows = [inner.query.weight, inner.key.weight, inner.value.weight, attention.output.dense.weight.T]
    weights = torch.cat([matrix.detach().unflatten(0, (heads, -1)) for matrix in rows], 1)
    return weights.square().mean((1, 2)).sqrt()


def random_score(model: BertPreTrainedModel, batches: Sequence[Batch] = (), seed: int = 0) -> Tensor:
    """Uniform noise: the baseline that every other score must beat, over several seeds.

    Args:
        batches: unread; every score is called alike.

    Returns:
        `(layers, heads)`, no unit, in [0, 1).
    """
    sites = head_sites(model)
    noise = torch.rand(len(sites.kept), sites.width, generator=torch.Generator().manual_seed(seed))
    return _spread([row[kept] for row, kept in zip(noise, sites.kept, strict=True)], sites)


# --- The oracle --------------------------------------------------------------------------------


def leave_one_out(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """What the others estimate: L(xi_h = 0) - L, each head taken out alone, the rest in place.

    An oracle for the removal of *one* head: heads that stand in for each other look idle here.

    Returns:
        `(layers, heads)`, nats per labelled character.

    Source: Michel et al. 2019, section 3.2.
    """

    def loss(emissions: list[Tensor]) -> float:
        pairs = zip(emissions, _on_device(model, batches), strict=True)
        return sum(float(sentence_losses(model, e, batch["labels"]).sum()) for e, batch in pairs)

    return _leave_one_out(model, batches, loss) / _characters(batches)


def leave_one_out_f1(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """`leave_one_out` in the measure that counts: F1 - F1(xi_h = 0), strict, micro-averaged.

    Coarse: a head that changes no decision scores 0, and one entity more is a visible step.

    Returns:
        `(layers, heads)`, points of F1; negative where the tagger is better off without the head.
    """
    gold = [Sentence("", tuple(entities)) for entities in _gold_entities(model, batches)]

    def missing_f1(emissions: list[Tensor]) -> float:
        return -entity_scores(gold, _predicted_entities(model, emissions, batches)).f1

    return _leave_one_out(model, batches, missing_f1)


def _leave_one_out(
    model: BertPreTrainedModel, batches: Sequence[Batch], damage: Callable[[list[Tensor]], float]
) -> Tensor:
    """`damage(emissions of all batches)` without each head, less that of the whole model.

    What happens below the layer of the head is computed once: only the layers above run again.
    """
    sites = head_sites(model)
    pairs = [(layer, slot) for layer, kept in enumerate(sites.kept) for slot in range(len(kept))]
    scores = [torch.zeros(len(kept), dtype=torch.double) for kept in sites.kept]
    with _evaluating(model), torch.no_grad():
        calls = [_layer_calls(model, batch) for batch in _on_device(model, batches)]
        whole = damage([_run_from(model, 0, call) for call in calls])
        for layer, slot in tqdm(pairs, desc="leaving out one head", unit="head"):
            gate = torch.ones(len(sites.kept[layer]))
            gate[slot] = 0
            with gated([sites.projections[layer]], [gate]):
                scores[layer][slot] = damage([_run_from(model, layer, call) for call in calls]) - whole
    return _spread(scores, sites).float()


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


def _gold_entities(model: BertPreTrainedModel, batches: Sequence[Batch]) -> list[list[Entity]]:
    rows = [row[row != IGNORED_LABEL].tolist() for batch in batches for row in batch["labels"]]
    return [_entities(model, row) for row in rows]


def _predicted_entities(
    model: BertPreTrainedModel, emissions: Sequence[Tensor], batches: Sequence[Batch]
) -> list[list[Entity]]:
    """Entities by Viterbi; a tagger without a CRF has one of zeros, which decides by the largest emission."""
    crf = model.crf if isinstance(model, RanerModel) else LinearChainCRF(model.config.num_labels)
    found = []
    for rows, batch in zip(emissions, batches, strict=True):
        labelled = batch["labels"] != IGNORED_LABEL
        paths = viterbi(compact(rows.float().cpu(), labelled).numpy(), labelled.sum(1).numpy(), *crf.scores())
        found += [_entities(model, path) for path in paths]
    return found


def _entities(model: BertPreTrainedModel, tags: Sequence[int] | np.ndarray) -> list[Entity]:
    names = model.config.id2label
    spans = spans_from_bioes if any(name[0] in "ES" for name in names.values()) else spans_from_bio
    return [Entity(*span, text="") for span in spans([names[int(tag)] for tag in tags])]


SCORES: dict[str, Callable[[BertPreTrainedModel, Sequence[Batch]], Tensor]] = {
    "article's code": article_score,
    "Frobenius norm": frobenius_norm,
    "Michel, per token": michel_per_token,
    "Michel, per example": michel_per_example,
    "Michel, per batch": michel_per_batch,
    "Taylor": taylor,
    "Fisher": fisher,
    "weight magnitude": weight_magnitude,
    "attention entropy": attention_entropy,
    "confidence": confidence,
    "random": random_score,
}
"""The estimates by name; `leave_one_out` is what they are held against."""
