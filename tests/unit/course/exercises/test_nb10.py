"""Checkers of notebook 10 against answers known to be right, and against the mistakes that they name."""

import copy
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import kl_div, log_softmax

from utils.course.exercises import nb10
from utils.model.checkpoint import assemble


def test_softened():
    odds = [math.exp(z / nb10.TEMPERATURE) for z in nb10.EMISSIONS]
    cold_odds = [math.exp(z) for z in nb10.EMISSIONS]
    cold = cold_odds[1] / sum(cold_odds)
    checker = nb10.softened()
    right = odds[1] / sum(odds)
    assert checker(right) is None and checker(np.float32(right)) is None
    assert "temperature 1" in checker(cold) and "no longer sum" in checker(cold / 2)
    hot = [math.exp(z * nb10.TEMPERATURE) for z in nb10.EMISSIONS]
    assert "Divide" in checker(hot[1] / sum(hot))
    assert "divide by the sum" in checker(odds[1]) and "softmax comes next" in checker(1.5)
    assert "exp" in checker(3 / 7) and "root" in checker(cold**0.5)
    assert "first tag" in checker(odds[0] / sum(odds)) and "share" in checker(100 * right)


def gradient(temperature: float) -> float:
    """Largest slope of the bare divergence with respect to a student's emissions, by autograd."""
    teacher, student = torch.tensor([[5.0, 3.0, -1.0], [1.0, 2.0, 4.0]], dtype=torch.double)
    student.requires_grad_()
    ours, theirs = (log_softmax(emissions / temperature, -1) for emissions in (student, teacher))
    kl_div(ours, theirs, log_target=True, reduction="sum").backward()
    return float(student.grad.abs().max())


def test_shrinkage():
    right = gradient(nb10.HOT) / gradient(2 * nb10.HOT)
    checker = nb10.shrinkage()
    assert checker(right) is None and checker(4) is None
    assert "second one" in checker(2) and "too many" in checker(8)
    assert "*small*" in checker(1 / right) and "in front" in checker(1) and "twice T" in checker(10_000)


def test_copied_layers():
    checker = nb10.copied_layers
    groups = np.array_split(np.arange(nb10.DEEP), nb10.SHALLOW)
    assert checker([int(group[-1]) for group in groups]) is None
    assert checker(np.array([group[-1] for group in groups])) is None
    assert checker(torch.tensor([group[-1] for group in groups])) is None
    assert "left out" in checker([group[0] for group in groups])
    assert "from 0" in checker([group[-1] + 1 for group in groups])
    assert "more layers" in checker([0, 1, 2, 3]) and "bare embeddings" in checker([8, 9, 10, 11])
    even = np.linspace(0, nb10.DEEP - 1, nb10.SHALLOW)
    assert all("even steps" in checker(answer) for answer in ([0, 4, 7, 11], even, even.round(), even.astype(int)))
    assert "stands for" in checker([11, 8, 5, 2])
    for answer in ([2, 5, 8], 4, "abcd", ["a", 1, 2, 3]):
        assert "a list of 4" in checker(answer)


def build(
    state, layers, copied=torch.clone, left_out=".layer.", rename=lambda name, old, new: name.replace(old, new), dot="."
):
    """A right answer, and with other arguments a wrong one."""
    student = {name: copied(tensor) for name, tensor in state.items() if left_out not in name}
    for new, old in enumerate(layers):
        for name, tensor in state.items():
            if f".layer.{old}{dot}" in name:
                student[rename(name, f".layer.{old}{dot}", f".layer.{new}{dot}")] = copied(tensor)
    return student


def without(part):
    return lambda state, layers: {name: t for name, t in build(state, layers).items() if part not in name}


def renamed_in_place(state, layers, left=dict.pop):
    student = {name: tensor.clone() for name, tensor in state.items()}
    for new, old in enumerate(layers):
        for name in [name for name in student if f".layer.{old}." in name]:
            student[name.replace(f".layer.{old}.", f".layer.{new}.")] = left(student, name)
    kept = tuple(f".layer.{new}." for new in range(len(layers)))
    return {name: tensor for name, tensor in student.items() if ".layer." not in name or any(n in name for n in kept)}


def copied_in_place(state, layers):
    return renamed_in_place(state, layers, left=lambda student, name: student[name].clone())


def emptied(state, layers):
    student = build(state, layers)
    state.clear()
    return student


def in_place(state, layers):
    for tensor in state.values():
        tensor.mul_(2)
    return build(state, layers)


def test_a_student_built_by_hand_is_right_and_one_of_all_layers_is_its_teacher():
    assert nb10.built_student(build) is None
    teacher = nb10.small_teacher()
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    every = assemble(copy.deepcopy(teacher.config), build(teacher.state_dict(), range(nb10.DEEP)))
    few = copy.deepcopy(teacher.config)
    few.num_hidden_layers = len(nb10.ASKED)
    some = assemble(few, build(teacher.state_dict(), nb10.ASKED))
    expected = copy.deepcopy(teacher)
    expected.bert.encoder.layer = torch.nn.ModuleList([teacher.bert.encoder.layer[n] for n in nb10.ASKED])
    with torch.no_grad():
        said = [model(ids, torch.ones_like(ids)).logits for model in (every, teacher, some, expected)]
    assert torch.equal(said[0], said[1]) and torch.equal(said[2], said[3]) and not torch.equal(said[0], said[2])


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (lambda state, layers: build(state, layers, rename=lambda name, *_: name), "has 0, 1 and 2"),
        (lambda state, layers: {n: t for n, t in build(state, [0, *layers]).items() if ".layer.0." not in n},
         "numbered from 1"),
        (lambda state, layers: build(state, [layer - 1 for layer in layers]), "layers before"),
        (lambda state, layers: build(state, [0, 1, 2]), "first 3"),
        (lambda state, layers: build(state, [9, 10, 11]), "last 3"),
        (lambda state, layers: build(state, layers[::-1]), "reverse"),
        (lambda state, layers: build(state, [11, 11, 11]), "last one asked for"),
        (lambda state, layers: build(state, [1, 5, 11]), "is not the teacher's bert.encoder.layer.4."),
        (lambda state, layers: build(state, layers, copied=lambda tensor: tensor), "clone"),
        (lambda state, layers: build(state, sorted(layers)), "the first named becomes layer 0"),
        (lambda state, layers: build(state, [1, 4, 11]), "not for [2, 0]"),
        (lambda state, layers: build(state, [layers[0], layers[1], layers[2]]), "stopped with IndexError"),
        (renamed_in_place, "overwritten before it was read"),
        (copied_in_place, "overwritten before it was read"),
        (lambda state, layers: build(state, layers, dot=""), "both its dots"),
        (lambda state, layers: build(state, layers, left_out="nothing"), "asked for, here are 12"),
        (without("crf"), "crf is missing"),
        (without("classifier"), "classifier is missing"),
        (without("embeddings"), "embeddings is missing"),
        (without("attention"), "tensors are missing"),
        (lambda state, layers: build(state, layers) | {"extra": torch.ones(1)}, "named extra"),
        (lambda state, layers: None, "return"),
        (lambda state, layers: state[0], "KeyError"),
        (emptied, "has changed"),
        (in_place, "has changed"),
        (3, "a function"),
    ],
)  # fmt: skip
def test_a_student_built_wrongly_gets_its_hint(wrong, hint):
    assert hint in nb10.built_student(wrong)


def mean_of(differences):
    return sum(differences) / len(differences)


def by_hand(student, teacher, layers):
    """In numpy, number by number."""
    total = [
        (float(a) - float(b)) ** 2
        for ours, layer in zip(student[1:], layers, strict=True)
        for a, b in zip(np.ravel(ours), np.ravel(teacher[layer + 1]), strict=True)
    ]
    return math.fsum(total) / len(total)


def squares(student, teacher, layers):
    """The squared differences of matched layers, one tensor a layer."""
    return [(ours - teacher[layer + 1]) ** 2 for ours, layer in zip(student[1:], layers, strict=True)]


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (lambda s, t, at: by_hand(s, t, [layer - 1 for layer in at]), "state n + 1"),
        (lambda s, t, at: by_hand(s, t, range(len(at))), "first layers"),
        (lambda s, t, at: sum(apart.mean() for apart in squares(s, t, at)), "a mean over the layers"),
        (lambda s, t, at: mean_of([apart.sqrt().mean() for apart in squares(s, t, at)]), "squared"),
        (lambda s, t, at: mean_of([apart.sum() for apart in squares(s, t, at)]), "not their sum"),
        (lambda s, t, at: by_hand(s, t, at) ** 0.5, "no root"),
        (lambda s, t, at: by_hand([0, *s], [0, *t], [0, *(n + 1 for n in at)]), "leave the embeddings out"),
        (lambda s, t, at: (s[-1] - t[-1]).square().mean(), "last layer alone"),
        (lambda s, t, at: by_hand((0, *s[:-1]), t, at), "begin at student[1]"),
        (lambda s, t, at: by_hand((0, *s[:-1]), t, [layer - 1 for layer in at]), "begin at student[1]"),
        (lambda s, t, at: None, "returns nothing: is there a `return`?"),
        (lambda s, t, at: torch.stack([apart.mean() for apart in squares(s, t, at)]), "a number is expected"),
        (3, "a function"),
    ],
)
def test_matched_states(wrong, hint):
    assert nb10.matched_states(by_hand) is None
    assert hint in nb10.matched_states(wrong)
