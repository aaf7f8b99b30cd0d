"""Checkers of notebook 03 against answers known to be right, and against the mistakes that they name."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from tiny_models import slope

from utils.compress.batches import count_characters, count_sentences
from utils.compress.gates import gated, head_sites
from utils.compress.importance.gradients import (
    michel_per_batch,
    michel_per_example,
    michel_per_token,
    taylor,
)
from utils.course.exercises import nb03 as exercises

RANDOM = np.random.default_rng(0)


def test_michel_by_hand():
    checker = exercises.michel_by_hand()
    assert checker((1 + 1 + 3) / 9) is None
    assert "nothing cancels" in checker(13 / 9)
    assert "whole sum" in checker(3 / 9) and "without" in checker(-3 / 9)
    assert "bug" in checker((1 + 0 + 3) / 9)
    assert "divide by the characters" in checker(5 / 3) and "divide it" in checker(5)


def test_shared_by_chance():
    checker = exercises.shared_by_chance(29, 144)
    choices = [RANDOM.permutation(144)[:29] for _ in range(4000)]
    shared = np.mean([len(np.intersect1d(*pair)) for pair in zip(choices[::2], choices[1::2], strict=True)])
    assert shared == pytest.approx(29 * 29 / 144, rel=0.03) and checker(29 * 29 / 144) is None
    assert "same choice" in checker(29) and "half" in checker(14.5) and "percent" in checker(20)
    assert "*one* head" in checker(0.2) and "how many heads" in checker(0.04)


def test_rank_correlation():
    a, b = RANDOM.normal(size=50), RANDOM.normal(size=50)
    b = np.exp(a + b)
    checker = exercises.rank_correlation(a, b)
    assert checker(spearmanr(a, b).statistic) is None
    assert "Pearson" in checker(np.corrcoef(a, b)[0, 1])
    assert "argsort" in checker(np.corrcoef(a.argsort(), b.argsort())[0, 1])


def losses_with_gates(model, batch, gates):
    with gated(head_sites(model).projections, gates):
        emissions = model(batch["input_ids"], batch["attention_mask"]).logits
    return model.sequence_losses(emissions, batch["labels"])


def slopes_of(model, batch, gates=None):
    """`(layers, sentences, heads)`, added to what the gates hold already, if they are given."""
    shape = len(batch["labels"]), 1, model.config.num_attention_heads
    gates = gates or [torch.ones(shape, requires_grad=True) for _ in range(model.config.num_hidden_layers)]
    losses_with_gates(model, batch, gates).sum().backward()
    return torch.stack([gate.grad.clone() for gate in gates]).sum(2)


def right_answer(model, batches):
    model.eval()
    return sum(slopes_of(model, batch).abs().sum(1) for batch in batches) / count_characters(batches)


def forgot_the_absolute_value(model, batches):
    model.eval()
    return sum(slopes_of(model, batch).sum(1) for batch in batches) / count_characters(batches)


def absolute_value_at_the_end(model, batches):
    return forgot_the_absolute_value(model, batches).abs()


def absolute_value_of_the_batch(model, batches):
    model.eval()
    return sum(slopes_of(model, batch).mean(1).abs() for batch in batches) / len(batches)


def summed(model, batches):
    return right_answer(model, batches) * count_characters(batches)


def mean_over_sentences(model, batches):
    return summed(model, batches) / count_sentences(batches)


def half_of_it(model, batches):
    return right_answer(model, batches) / 2


def never_set_to_zero(model, batches):
    model.eval()
    gates = [torch.ones(3, 1, exercises.HEADS, requires_grad=True) for _ in range(exercises.LAYERS)]
    return sum(slopes_of(model, batch, gates).abs().sum(1) for batch in batches) / count_characters(batches)


def never_set_to_zero_one_by_one(model, batches):
    model.eval()
    gates = [torch.ones(1, 1, exercises.HEADS, requires_grad=True) for _ in range(exercises.LAYERS)]
    alone = [{key: value[i : i + 1] for key, value in batch.items()} for batch in batches for i in range(3)]
    return sum(slopes_of(model, sentence, gates).abs().sum(1) for sentence in alone) / count_characters(batches)


def with_sizes_of_the_exercise(model, batches):
    """As the cell above the exercise has them: three sentences, two layers, four heads."""
    model.eval()
    total = torch.zeros(exercises.LAYERS, exercises.HEADS)
    for batch in batches:
        gates = [torch.ones(3, 1, exercises.HEADS, requires_grad=True) for _ in range(exercises.LAYERS)]
        total += slopes_of(model, batch, gates).abs().sum(1)
    return total / count_characters(batches)


def with_three_sentences(model, batches):
    model.eval()
    shape, layers = (3, 1, model.config.num_attention_heads), model.config.num_hidden_layers
    fresh = ([torch.ones(shape, requires_grad=True) for _ in range(layers)] for _ in batches)
    slopes = [slopes_of(model, batch, gates) for batch, gates in zip(batches, fresh, strict=True)]
    return sum(slope.abs().sum(1) for slope in slopes) / count_characters(batches)


def dropout_left_on(model, batches):
    return sum(slopes_of(model, batch).abs().sum(1) for batch in batches) / count_characters(batches)


WRONG = [
    (forgot_the_absolute_value, "absolute value is missing"),
    (taylor, "absolute value is missing"),
    (absolute_value_at_the_end, "comes last"),
    (absolute_value_of_the_batch, "batch by batch"),
    (michel_per_batch, "batch by batch"),
    (michel_per_token, "gate of its own"),
    (summed, "that is the sum"),
    (mean_over_sentences, "mean over sentences"),
    (half_of_it, "the size is not"),
    (never_set_to_zero, "add up"),
    (never_set_to_zero_one_by_one, "add up"),
    (dropout_left_on, "dropout is on"),
    (with_sizes_of_the_exercise, "take the sizes"),
    (with_three_sentences, "take the sizes"),
    (lambda model, batches: right_answer(model, batches).T, "(layers, heads)"),
    (lambda model, batches: None, "a tensor of numbers"),
    (lambda model, batches: right_answer(model, batches) / 0 * 0, "no numbers"),
    (lambda model, batches: right_answer(model, batches).flip(0), "not the scores"),
    (0.5, "a function"),
]


@pytest.mark.parametrize("right", [right_answer, michel_per_example])
def test_gates_that_are_right(right):
    assert exercises.gate_scores(right) is None


@pytest.mark.parametrize(("wrong", "hint"), WRONG)
def test_gates_that_are_wrong_are_told_why(wrong, hint):
    assert hint in exercises.gate_scores(wrong)


def test_the_right_answer_is_that_of_finite_differences():
    """No hooks, no autograd, no padding: each sentence alone, in double precision."""
    batches, model = exercises.small_batches(), exercises.small_tagger().double().eval()
    rows = [
        (ids[inside], labels[inside])
        for batch in batches
        for ids, labels, inside in zip(batch["input_ids"], batch["labels"], batch["attention_mask"].bool(), strict=True)
    ]
    size = model.config.hidden_size // exercises.HEADS
    mixing = [layer.attention.output.dense.weight for layer in model.bert.encoder.layer]
    parts = [slice(head * size, (head + 1) * size) for head in range(exercises.HEADS)]
    truth = [[sum(abs(slope(model, row, weight, part)) for row in rows) for part in parts] for weight in mixing]
    characters = sum(len(ids) - 2 for ids, _ in rows)
    found = right_answer(exercises.small_tagger(), batches)
    np.testing.assert_allclose(found, np.divide(truth, characters), rtol=1e-3)


def test_the_small_tagger_leaves_the_learners_dice_alone():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    exercises.small_tagger()
    exercises.small_batches()
    assert torch.equal(torch.random.get_rng_state(), before)
