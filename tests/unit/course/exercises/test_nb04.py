"""Checkers of notebook 04 against answers known to be right, and against the mistakes that they name."""

from functools import partial

import pytest
import torch
from tiny_models import random_raner

from utils.compress.pruning.remove import masked_heads
from utils.course.exercises import nb04
from utils.course.exercises.nb04 import MAKERS, MIXER


def test_global_choice():
    flat = sorted((float(score), i, j) for i, row in enumerate(nb04.RANKED) for j, score in enumerate(row))
    right, best = ({}, {})
    for chosen, pairs in ((right, flat[:6]), (best, flat[6:])):
        for _, layer, head in pairs:
            chosen.setdefault(layer, []).append(head)
    assert nb04.global_choice(right) is None
    assert nb04.global_choice({layer: heads[::-1] for layer, heads in right.items()} | {9: []}) is None
    assert nb04.global_choice({layer: torch.tensor(heads) for layer, heads in right.items()}) is None
    assert nb04.global_choice({layer: set(heads) for layer, heads in right.items()}) is None
    assert "strongest" in nb04.global_choice(best)
    assert "not the weakest" in nb04.global_choice({0: [2, 3], 1: [0, 1, 2, 3]})
    assert "half of every layer" in nb04.global_choice({0: [2, 3], 1: [0, 1], 2: [0, 3]})
    assert "from 0" in nb04.global_choice({i + 1: [h + 1 for h in heads] for i, heads in right.items()})
    assert "norm" in nb04.global_choice({0: [2, 3], 1: [0, 1, 2], 2: [0]})
    assert "5 heads" in nb04.global_choice({0: [0, 1, 2], 1: [0, 1]})
    assert "dict" in nb04.global_choice([1, 2])


def cut(layer, gone, size, stays=None, axis=None, biases=MAKERS):
    """A right answer, or one with a mistake: `stays(feature, size, number of heads)` chooses features, `axis` swaps."""
    width = len(layer["self.query.bias"])
    chosen = stays or (lambda feature, size, _: feature // size not in gone)
    features = [feature for feature in range(width) if chosen(feature, size, width // size)]
    smaller = dict(layer)
    for name in (*MAKERS, MIXER):
        columns = (name == MIXER) != (name == axis)
        weight = layer[f"{name}.weight"]
        smaller[f"{name}.weight"] = weight[:, features] if columns else weight[features]
    for name in biases:
        smaller[f"{name}.bias"] = layer[f"{name}.bias"][features]
    return smaller


def choosing(stays):
    """An answer that keeps the features of which `stays(feature, head size, heads, gone)` is true."""
    return lambda layer, gone, size: cut(layer, gone, size, lambda *feature: stays(*feature, gone))


def zeroed(layer, gone, size):
    rows = torch.tensor([feature // size in gone for feature in range(len(layer["self.query.bias"]))])
    return layer | {"self.value.weight": layer["self.value.weight"].masked_fill(rows[:, None], 0)}


def turned(layer, gone, size):
    """The heads that stay, last head first."""
    smaller = cut(layer, gone, size)
    order = torch.arange(len(smaller["self.query.bias"])).unflatten(0, (-1, size)).flip(0).flatten()
    for name in MAKERS:
        for kind in ("weight", "bias"):
            smaller[f"{name}.{kind}"] = smaller[f"{name}.{kind}"][order]
    return smaller | {f"{MIXER}.weight": smaller[f"{MIXER}.weight"][:, order]}


def in_place(layer, gone, size):
    layer.update(cut(layer, gone, size))
    return layer


def shaken(layer, gone, size):
    smaller = cut(layer, gone, size)
    return smaller | {"self.key.bias": smaller["self.key.bias"] + 1, "self.query.bias": smaller["self.query.bias"] * 2}


def between(layer, gone, size):
    """All from the first head that goes to the last one."""
    return cut(layer, range(gone[0], gone[-1] + 1), size)


def one_after_the_other(layer, gone, size):
    """Each head at the place where it stood before any was cut."""
    for head in gone:
        layer = cut(layer, [head], size)
    return layer


MISTAKES = {
    "stand elsewhere": one_after_the_other,
    "is there a `return`?": lambda layer, gone, size: None,
    "a tensor is expected, not list": lambda *asked: {name: part.tolist() for name, part in cut(*asked).items()},
    "missing: output.dense.bias": lambda *asked: {n: p for n, p in cut(*asked).items() if n != f"{MIXER}.bias"},
    "is (2, 10), to be (6, 10)": between,
    "columns of self.query": partial(cut, axis="self.query"),
    "columns of self.value": partial(cut, axis="self.value"),
    "rows of output.dense": partial(cut, axis=MIXER),
    "self.query.bias is as long": partial(cut, biases=()),
    "self.value.bias is as long": partial(cut, biases=MAKERS[:2]),
    "output.dense.bias stays whole": partial(cut, biases=(*MAKERS, MIXER)),
    "counted from 0": choosing(lambda feature, size, heads, gone: feature // size + 1 not in gone),
    "keep the others": choosing(lambda feature, size, heads, gone: feature // size in gone),
    "every so-many-th": choosing(lambda feature, size, heads, gone: feature % heads not in gone),
    "out of every head": choosing(lambda feature, size, heads, gone: feature % size not in gone),
    "not the number of heads": choosing(lambda feature, size, heads, gone: feature // heads not in gone),
    "a single row": choosing(lambda feature, size, heads, gone: feature not in gone),
    "nothing got smaller": zeroed,
    "output.dense.weight is as large": lambda layer, *rest: (
        cut(layer, *rest) | {f"{MIXER}.weight": layer[f"{MIXER}.weight"]}
    ),
    "self.query.weight is as large": lambda layer, *rest: (
        cut(layer, *rest) | {"self.query.weight": layer["self.query.weight"]}
    ),
    "is (5, 12), to be (6, 12)": choosing(lambda feature, size, heads, gone: feature < 5),
    "masked heads by": shaken,
    "another order": turned,
    "begin with a copy": in_place,
    "all the names": lambda layer, gone, size: {"self.query.weight": layer["self.query.weight"]},
}


def test_a_right_cut_is_right():
    assert nb04.cut_by_hand(cut) is None


@pytest.mark.parametrize("hint", MISTAKES)
def test_each_mistake_has_its_hint(hint):
    assert hint in nb04.cut_by_hand(MISTAKES[hint])


def test_a_cut_is_a_function():
    assert "function" in nb04.cut_by_hand({})


def test_an_answer_for_one_layer_alone_is_found_out():
    assert nb04.cut_by_hand(choosing(lambda feature, *_: feature < 3 or feature > 8)) is not None


def test_attention_by_hand_is_that_of_the_library(monkeypatch):
    model, size = random_raner(), 6
    attention = model.bert.encoder.layer[0].attention
    positions = torch.randn(7, model.config.hidden_size, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([1.0, 0, 0, 1])
    monkeypatch.setattr(attention.output.LayerNorm, "forward", lambda added: added)
    with torch.no_grad(), masked_heads(model, {0: [1, 2]}):
        library = attention(positions[None])[0][0] - positions
    assert torch.allclose(nb04.attend(attention.state_dict(), positions, size, mask), library, atol=1e-4)


def test_places_today():
    left = [head for head in range(12) if head not in (2, 5)]
    assert tuple(left) == nb04.LEFT_AFTER_FIRST_CUT
    assert nb04.places_today([left.index(3), left.index(7)]) is None
    assert nb04.places_today(torch.tensor([left.index(3), left.index(7)])) is None
    assert "order of the heads" in nb04.places_today([left.index(7), left.index(3)])
    assert f"heads {left[3]} and {left[7]} today" in nb04.places_today([3, 7])
    assert "counted again" in nb04.places_today([2, [head for head in left if head != 3].index(7)])
    assert "old numbers" in nb04.places_today((left[3], left[7]))
    assert "from 0" in nb04.places_today([3, 6])
    assert "two places" in nb04.places_today(5)
