"""Checkers against answers known to be right, and against the mistakes that they name."""

import itertools

import numpy as np
import pytest
import torch
from tiny_models import random_raner, random_rows, stack

from utils.course.exercises import nb00, nb01, nb02, nb04
from utils.course.teaching import number
from utils.model.anatomy import published_config
from utils.model.raner import RanerModel

ATTENTION = 12 * (4 * (768 * 768 + 768) + 2 * 768)
FEED_FORWARD = 12 * (2 * 768 * 3072 + 3072 + 768 + 2 * 768)
EMBEDDINGS = (21128 + 512 + 2) * 768 + 2 * 768
TAGGING = 768 * 13 + 13 + 13 * 13 + 2 * 13
TOTAL = ATTENTION + FEED_FORWARD + EMBEDDINGS + TAGGING


def test_the_published_size_is_counted_rightly():
    with torch.device("meta"):
        model = RanerModel(published_config())
    assert sum(parameter.numel() for parameter in model.parameters()) == TOTAL


def test_pruned_share():
    checker = nb00.pruned_share()
    assert checker(100 * 0.2 * ATTENTION / TOTAL) is None
    assert "not 20 % of the model" in checker(20)
    assert "the article's number" in checker(18)
    assert "*all* heads" in checker(27.9)
    assert "percent" in checker(0.0558)


def test_int8_megabytes():
    checker = nb00.int8_megabytes()
    assert checker((4 * EMBEDDINGS + ATTENTION + FEED_FORWARD + TAGGING) / 1e6) is None
    assert "embeddings too" in checker(TOTAL / 1e6)
    assert "article" in checker(110)
    assert "before" in checker(4 * TOTAL / 1e6)


@pytest.mark.parametrize("share", [1.0, 6.4])
def test_relative_size_reads_the_model(monkeypatch, share):
    monkeypatch.setattr(nb04, "parameters_by_part", lambda model: {"all": share / 100 * TOTAL})
    checker = nb00.relative_size(None)
    assert checker(share) is None
    assert "percent" in checker(share / 100)
    assert checker(2 * share) is not None


def test_hand_tags():
    name = ["B-PER", *["I-PER"] * 6, "E-PER"]
    right = ["S-PER", "O", "O", "O", "B-ORG", "E-ORG", "O", *name, "O"]
    assert nb01.hand_tags(right) is None
    for place, tag, hint in [
        (0, "B-PER", "single"),
        (1, "I-PER", "titles"),
        (5, "I-ORG", "end"),
        (4, "B-LOC", "type"),
        (11, "O", "dot"),
    ]:
        assert hint in nb01.hand_tags([*right[:place], tag, *right[place + 1 :]])
    assert f"{len(right)} tags" in nb01.hand_tags(right[:-1])
    assert f"{len(right)} tags" in nb01.hand_tags("O" * len(right))


def test_head_parameters():
    checker = nb01.head_parameters()
    assert checker(4 * 768 * 64 + 3 * 64) is None
    assert "output" in checker(3 * 768 * 64 + 3 * 64)
    assert "bias" in checker(4 * 768 * 64)
    assert "all heads" in checker(4 * 768 * 768 + 3 * 768)


def test_best_path_is_the_best_of_all_paths():
    paths = list(itertools.product(nb01.TAGS, repeat=3))
    best = max(paths, key=nb01.path_score)
    assert nb01.best_path("".join(best)) is None
    assert all(nb01.best_path(path) for path in paths if path != best)
    assert "costs 9" in nb01.best_path("OEO")
    assert "greedily" in nb01.best_path("OBE")
    assert "three tags" in nb01.best_path("BE") == nb01.best_path(7) == nb01.best_path("XYZ")


def test_the_greedy_path_of_the_hint_is_the_greedy_path():
    tags = [int(nb01.EMISSIONS[0].argmax())]
    for row in nb01.EMISSIONS[1:]:
        tags.append(int((row + nb01.MOVES[tags[-1]]).argmax()))
    assert [nb01.TAGS[tag] for tag in tags] == ["O", "B", "E"]


def test_typical_call():
    checker = nb02.typical_call()
    assert checker(101) is None
    assert "mean" in checker(sum(nb02.CALLS) / 7)
    assert "sort" in checker(912.0)
    assert "luckiest" in checker(98)


@pytest.fixture(scope="module")
def counts():
    random = np.random.default_rng(0)
    gold = random.integers(1, 5, 200)
    found = np.maximum(gold + random.integers(-1, 2, 200), 0)
    return np.stack([random.binomial(np.minimum(gold, found), 0.8), found, gold], 1)


def f1(counts):
    right, found, annotated = np.moveaxis(counts, -1, 0)
    return 200 * right / (found + annotated)


def resamples(counts, seed, size=None):
    rows = np.random.default_rng(seed).integers(len(counts), size=(800, size or len(counts)))
    return counts[rows]


def test_resampled_f1(counts):
    checker = nb02.resampled_f1_by_hand(counts)
    drawn = resamples(counts, 5)
    assert checker(f1(drawn.sum(1))) is None
    assert "*with* replacement" in checker(np.full(800, f1(counts.sum(0))))
    assert "points" in checker(f1(drawn.sum(1)) / 100)
    assert "as many sentences" in checker(f1(resamples(counts, 5, 20).sum(1)))
    assert "at least 100" in checker([80.0])


def test_unpaired_width(counts):
    other = counts.copy()
    other[:20, 0] = 0
    checker = nb02.unpaired_width(counts, other)
    first, second, paired = (f1(resamples(c, seed).sum(1)) for c, seed in ((counts, 5), (other, 6), (other, 5)))
    assert checker(width(second - first)) is None
    assert "paired" in checker(width(paired - first))
    assert "do not add" in checker(width(first) + width(second))


def width(values):
    return float(np.diff(np.percentile(values, [2.5, 97.5]))[0])


# --- 04 ----------------------------------------------------------------------------------------


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


def test_numbers_are_not_swallowed_by_a_wide_tolerance():
    assert number(1.0, {}, 0.01)(1.02) is not None
