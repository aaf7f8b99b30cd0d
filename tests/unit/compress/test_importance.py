"""Scores of heads against finite differences, brute force over attention maps, and literal removal."""

import copy

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from tiny_models import (
    hooks_of,
    random_plain_tagger,
    random_raner,
    random_rows,
    slope,
    stack,
    summed_loss,
)

from utils.compress.importance.activations import article_score, attention_entropy, confidence, frobenius_norm
from utils.compress.importance.gradients import (
    fisher,
    michel_per_batch,
    michel_per_example,
    michel_per_token,
    neuron_importance,
    taylor,
)
from utils.compress.importance.oracle import leave_one_out
from utils.compress.importance.registry import SCORES
from utils.compress.importance.weights import normalize_layers, random_score, weight_magnitude
from utils.compress.pruning.remove import prune_heads, prune_neurons

TAGGERS = [random_raner, random_plain_tagger]
EVERY_SCORE = SCORES | {"leave one out": leave_one_out}
LAYERS, HEADS, HEAD_SIZE, NEURONS = 2, 4, 6, 20


@pytest.fixture(params=TAGGERS)
def model(request):
    return request.param().double()


def characters(rows) -> int:
    return sum(int((labels >= 0).sum()) for _, labels in rows)


@pytest.fixture
def slopes(model):
    """`(sentences, layers, heads)`: the truth about the gradients, without hooks or autograd."""
    layers = model.bert.encoder.layer
    return torch.tensor(
        [
            [
                [
                    slope(model, row, layer.attention.output.dense.weight, slice(h * HEAD_SIZE, (h + 1) * HEAD_SIZE))
                    for h in range(HEADS)
                ]
                for layer in layers
            ]
            for row in random_rows(model)
        ],
        dtype=torch.double,
    )


def agree(score, truth):
    torch.testing.assert_close(score.double(), truth, rtol=1e-4, atol=1e-6)


def test_taylor_is_the_finite_difference_of_the_loss(model, slopes):
    rows = random_rows(model)
    agree(taylor(model, stack(rows, 2)), -slopes.sum(0) / characters(rows))


def test_michel_per_example_sums_absolute_finite_differences(model, slopes):
    rows = random_rows(model)
    agree(michel_per_example(model, stack(rows, 2)), slopes.abs().sum(0) / characters(rows))


def test_fisher_is_the_mean_squared_finite_difference(model, slopes):
    agree(fisher(model, stack(random_rows(model), 2)), slopes.square().mean(0))


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_michel_per_batch_takes_the_absolute_value_of_each_batch(model, slopes, batch_size):
    rows = random_rows(model)
    truth = sum(group.sum(0).abs() for group in slopes.split(batch_size)) / characters(rows)
    agree(michel_per_batch(model, stack(rows, batch_size)), truth)


def test_gradients_do_not_add_up_from_batch_to_batch(model, slopes):
    """The old `run_bertology.py` never cleared the gradient: it summed |g1|, |g1 + g2|, |g1 + g2 + g3|, ..."""
    rows = random_rows(model)
    cumulative = slopes.cumsum(0).abs().sum(0) / characters(rows)
    honest = slopes.abs().sum(0) / characters(rows)
    assert (cumulative - honest).abs().max() > 0.1 * honest.max()
    agree(michel_per_batch(model, stack(rows, 1)), honest)


def test_michel_per_token_sums_finite_differences_of_every_position(model):
    rows = random_rows(model, lengths=(4, 5))
    truth = torch.zeros(LAYERS, HEADS, dtype=torch.double)
    for row in rows:
        for layer in range(LAYERS):
            for head in range(HEADS):
                truth[layer, head] += sum(abs(slope_at(model, row, layer, head, t)) for t in range(len(row[0])))
    agree(michel_per_token(model, stack(rows, 2, padding=3)), truth / characters(rows))


def slope_at(model, row, layer, head, position, step=1e-4) -> float:
    projection, losses = model.bert.encoder.layer[layer].attention.output.dense, []
    for factor in (1 + step, 1 - step):

        def scale(_, inputs, factor=factor):
            context = inputs[0].clone()
            context[:, position, head * HEAD_SIZE : (head + 1) * HEAD_SIZE] *= factor
            return (context,)

        handle = projection.register_forward_pre_hook(scale)
        losses.append(summed_loss(model, *row))
        handle.remove()
    return (losses[0] - losses[1]) / (2 * step)


def test_neuron_importance_sums_absolute_finite_differences(model):
    rows = random_rows(model, lengths=(4, 6))
    layers = [layer.output.dense.weight for layer in model.bert.encoder.layer]
    truth = [[sum(abs(slope(model, row, w, [n])) for row in rows) for n in range(NEURONS)] for w in layers]
    agree(neuron_importance(model, stack(rows, 2)), torch.tensor(truth, dtype=torch.double) / characters(rows))


# --- Scores from attention maps and weights ------------------------------------------------------


@pytest.fixture
def maps(model):
    """Per sentence, unpadded: attention `(layers, heads, length, length)` and what each head adds."""
    eager = copy.deepcopy(model)
    eager.set_attn_implementation("eager")
    found = []
    for ids, _ in random_rows(model):
        with torch.no_grad():
            out = eager.bert(ids[None], torch.ones_like(ids)[None], output_attentions=True, output_hidden_states=True)
        found.append((torch.cat(out.attentions).numpy(), added_by_heads(eager, out)))
    return found


def added_by_heads(model, out) -> np.ndarray:
    """`(layers, heads, length, hidden)`, from attention maps and values, matrix by matrix."""
    added = []
    for layer, hidden, alpha in zip(model.bert.encoder.layer, out.hidden_states, out.attentions, strict=False):
        values, weight = layer.attention.self.value(hidden[0]), layer.attention.output.dense.weight
        parts = [slice(h * HEAD_SIZE, (h + 1) * HEAD_SIZE) for h in range(HEADS)]
        added.append([(alpha[0, h] @ values[:, p] @ weight[:, p].T).detach().numpy() for h, p in enumerate(parts)])
    return np.array(added)


def test_article_score_is_the_mean_squared_attention_of_each_sentence(model, maps):
    truth = np.mean([(alpha**2).mean((2, 3)) for alpha, _ in maps], 0)
    agree(article_score(model, stack(random_rows(model), 2)), torch.from_numpy(truth))


def test_frobenius_norm_is_that_of_what_a_head_adds(model, maps):
    truth = np.mean([np.linalg.norm(added, axis=(2, 3)) for _, added in maps], 0)
    agree(frobenius_norm(model, stack(random_rows(model), 2)), torch.from_numpy(truth))


def test_attention_entropy_is_scipys_negated(model, maps):
    truth = -np.concatenate([entropy(alpha, axis=-1) for alpha, _ in maps], -1).mean(-1)
    agree(attention_entropy(model, stack(random_rows(model), 2)), torch.from_numpy(truth))


def test_confidence_is_the_mean_largest_weight_without_the_separator(model, maps):
    truth = np.concatenate([alpha[..., :-1].max(-1) for alpha, _ in maps], -1).mean(-1)
    agree(confidence(model, stack(random_rows(model), 2)), torch.from_numpy(truth))


def test_weight_magnitude_is_the_root_mean_square_of_the_weights_of_a_head(model):
    score = weight_magnitude(model)
    for index, layer in enumerate(model.bert.encoder.layer):
        for head in range(HEADS):
            part = slice(head * HEAD_SIZE, (head + 1) * HEAD_SIZE)
            inner = [getattr(layer.attention.self, name).weight[part] for name in ("query", "key", "value")]
            weights = torch.cat([*inner, layer.attention.output.dense.weight[:, part].T])
            assert float(score[index, head]) == pytest.approx(weights.square().mean().sqrt().item())


def test_random_score_is_seeded_and_leaves_the_global_generator_alone(model):
    state = torch.get_rng_state()
    first, again, other = random_score(model), random_score(model), random_score(model, seed=1)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


def test_normalize_layers_gives_each_layer_norm_one():
    scores = torch.tensor([[3.0, 4.0], [0.0, 0.0], [torch.nan, -2.0], [torch.nan, torch.nan]])
    truth = torch.tensor([[0.6, 0.8], [0.0, 0.0], [torch.nan, -1.0], [torch.nan, torch.nan]])
    torch.testing.assert_close(normalize_layers(scores), truth, equal_nan=True)


# --- The oracle --------------------------------------------------------------------------------


def test_leave_one_out_is_the_loss_after_literal_removal():
    model = random_raner().double()
    rows = random_rows(model)
    whole = sum(summed_loss(model, *row) for row in rows)
    truth = torch.zeros(LAYERS, HEADS, dtype=torch.double)
    for layer in range(LAYERS):
        for head in range(HEADS):
            removed = prune_heads(model, {layer: [head]})
            truth[layer, head] = (sum(summed_loss(removed, *row) for row in rows) - whole) / characters(rows)
    agree(leave_one_out(model, stack(rows, 2)), truth)


def test_leave_one_out_of_a_plain_tagger_is_the_loss_with_zeroed_columns():
    model = random_plain_tagger().double()
    rows = random_rows(model)
    whole = sum(summed_loss(model, *row) for row in rows)
    zeroed = copy.deepcopy(model)
    zeroed.bert.encoder.layer[1].attention.output.dense.weight.data[:, HEAD_SIZE : 2 * HEAD_SIZE] = 0
    truth = (sum(summed_loss(zeroed, *row) for row in rows) - whole) / characters(rows)
    assert float(leave_one_out(model, stack(rows, 2))[1, 1]) == pytest.approx(truth, rel=1e-5)


# --- What holds for every score ------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_SCORE.keys() - {"Michel, per batch"})
def test_scores_depend_neither_on_batch_size_nor_on_padding(model, name):
    rows = random_rows(model)
    alone, together = stack(rows, 1), stack(rows[::-1], 5, padding=7)
    agree(EVERY_SCORE[name](model, together), EVERY_SCORE[name](model, alone).double())


@pytest.mark.parametrize("name", EVERY_SCORE)
def test_scores_are_those_of_evaluation_mode_and_leave_the_model_as_it_was(model, name):
    expected = EVERY_SCORE[name](model, stack(random_rows(model), 2))
    model.train()
    model.requires_grad_(False)
    attention, before = model.config._attn_implementation, copy.deepcopy(model.state_dict())
    with torch.no_grad():
        score = EVERY_SCORE[name](model, stack(random_rows(model), 2))
    assert score.shape == (LAYERS, HEADS) and not score.requires_grad and torch.equal(score, expected)
    assert model.training and hooks_of(model) == 0 and model.config._attn_implementation == attention
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize("name", EVERY_SCORE.keys() - {"weight magnitude", "random"})
def test_an_error_leaves_no_hook_behind(model, name, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("broken on purpose")

    model.train()
    attention = model.config._attn_implementation
    monkeypatch.setattr(model.bert.encoder.layer[1].output, "forward", fail)
    with pytest.raises(RuntimeError, match="broken on purpose"):
        EVERY_SCORE[name](model, stack(random_rows(model), 2))
    assert hooks_of(model) == 0 and model.training and model.config._attn_implementation == attention


@pytest.mark.parametrize("name", EVERY_SCORE)
def test_pruned_heads_score_nan_and_the_others_keep_their_places(name):
    model = random_raner(num_hidden_layers=3).double()
    pruned = prune_neurons(prune_heads(model, {0: [0, 2], 1: [0, 1, 2, 3]}), {2: list(range(NEURONS))})
    score = EVERY_SCORE[name](pruned, stack(random_rows(model), 2))
    gone = torch.tensor([[True, False, True, False], [True] * 4, [False] * 4])
    assert torch.equal(score.isnan(), gone)


def test_the_oracle_of_a_pruned_model_names_heads_by_their_original_numbers():
    model = random_raner().double()
    rows = random_rows(model)
    pruned, further = prune_heads(model, {0: [0, 2]}), prune_heads(model, {0: [0, 2, 3]})
    truth = (sum(summed_loss(further, *r) - summed_loss(pruned, *r) for r in rows)) / characters(rows)
    assert float(leave_one_out(pruned, stack(rows, 2))[0, 3]) == pytest.approx(truth, rel=1e-5)
