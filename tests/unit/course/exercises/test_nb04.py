"""Checkers of notebook 04 against answers known to be right, and against the mistakes that they name."""

import pytest
import torch
from published_size import ATTENTION, FEED_FORWARD, TOTAL
from tiny_models import random_raner, random_rows, stack

from utils.course.exercises import nb04


def test_global_choice():
    flat = sorted((float(score), i, j) for i, row in enumerate(nb04.RANKED) for j, score in enumerate(row))
    right, best = ({}, {})
    for chosen, pairs in ((right, flat[:6]), (best, flat[6:])):
        for _, layer, head in pairs:
            chosen.setdefault(layer, []).append(head)
    assert nb04.global_choice(right) is None
    assert nb04.global_choice({layer: heads[::-1] for layer, heads in right.items()} | {9: []}) is None
    assert "strongest" in nb04.global_choice(best)
    assert "half of every layer" in nb04.global_choice({0: [2, 3], 1: [0, 1], 2: [0, 3]})
    assert "from 0" in nb04.global_choice({i + 1: [h + 1 for h in heads] for i, heads in right.items()})
    assert "norm" in nb04.global_choice({0: [2, 3], 1: [0, 1, 2], 2: [0]})
    assert "5 heads" in nb04.global_choice({0: [0, 1, 2], 1: [0, 1]})
    assert "dict" in nb04.global_choice([1, 2])


@pytest.fixture(scope="module")
def dropping():
    model = random_raner(hidden_dropout_prob=0.3)
    return model, stack(random_rows(model), 5)[0]


def emitted(model, batch):
    return model(batch["input_ids"], batch["attention_mask"]).logits


def test_emission_difference(dropping):
    checker = nb04.emission_difference(*dropping)
    assert checker(lambda a, b, batch: (emitted(a.eval(), batch) - emitted(b.eval(), batch)).abs().max()) is None
    assert "eval()" in checker(lambda a, b, batch: (emitted(a, batch) - emitted(b, batch)).abs().max())
    assert "on both" in checker(lambda a, b, batch: (emitted(a.eval(), batch) - emitted(b, batch)).abs().max())
    assert "absolute" in checker(lambda a, b, batch: (emitted(a.eval(), batch) - emitted(b.eval(), batch)).max())
    assert "largest" in checker(lambda a, b, batch: (emitted(a.eval(), batch) - emitted(b.eval(), batch)).abs().mean())
    assert "function" in checker(0.0)


def test_emission_difference_leaves_the_model_alone(dropping):
    model, batch = dropping
    before = emitted(model, batch)
    nb04.emission_difference(model, batch)(lambda a, b, batch: 0.0)
    assert not model.training and torch.equal(before, emitted(model, batch))


def test_places_today():
    left = [head for head in range(12) if head not in (2, 5)]
    assert tuple(left) == nb04.LEFT_AFTER_FIRST_CUT
    assert nb04.places_today([left.index(3), left.index(7)]) is None
    assert f"heads {left[3]} and {left[7]} today" in nb04.places_today([3, 7])
    assert "counted again" in nb04.places_today([2, [head for head in left if head != 3].index(7)])
    assert "old numbers" in nb04.places_today((left[3], left[7]))
    assert "from 0" in nb04.places_today([3, 6])
    assert "two places" in nb04.places_today(5)


def test_neurons_besides_heads():
    checker = nb04.neurons_besides_heads()
    missing = 0.18 * TOTAL - 0.2 * ATTENTION
    assert checker(100 * missing / FEED_FORWARD) is None
    assert "alone" in checker(100 * 0.18 * TOTAL / FEED_FORWARD)
    assert "*neurons*" in checker(100 * missing / TOTAL)
    assert "percent" in checker(missing / FEED_FORWARD)
    assert "the heads save" in checker(100 * 0.2 * ATTENTION / TOTAL)
