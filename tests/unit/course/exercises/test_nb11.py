"""Checkers of notebook 11 against answers known to be right, and against the mistakes that they name."""

import math

import numpy as np
import pytest
import torch

from utils.course.exercises import nb11


def test_warmed():
    """By logarithms: a score is log p and a constant, and is halved."""
    scores = [math.log(p) / nb11.HEAT for p in nb11.PATHS.values()]
    right = math.exp(scores[0]) / sum(map(math.exp, scores))
    checker = nb11.warmed()
    assert checker(right) is None and checker(np.float32(right)) is None
    assert "temperature 1" in checker(0.8) and "not probabilities" in checker(0.4)
    assert "sum to 1" in checker(math.sqrt(0.8)) and "surer" in checker(0.64 / (0.64 + 0.0225 + 0.0025))
    assert "share, 0 to 1" in checker(100 * right) and "second path" in checker(
        math.sqrt(0.15) / sum(map(math.sqrt, nb11.PATHS.values()))
    )


def test_cascade_gain_by_ten_sentences():
    """Ten sentences of 1 ms: the small model reads all of them, the large one three."""
    spent = 10 * 0.4 + 3 * 1.0
    checker = nb11.cascade_gain()
    assert checker(10 / spent) is None and checker(1.4) is None and checker(1.43) is None
    assert "read by the small one first" in checker(10 / (7 * 0.4 + 3)) and "small model alone" in checker(2.5)
    assert "how many times as fast" in checker(spent / 10) and "saved" in checker(1 - spent / 10)
    assert "leaves out" in checker(1 / 0.3)


def rule(characters, entities, threshold):
    return [
        number for number, pieces in enumerate(map(list.__add__, characters, entities))
        if any(probability < threshold for probability in pieces)
    ]  # fmt: skip


def by(test):
    def wrong(characters, entities, threshold):
        pairs = enumerate(zip(characters, entities, strict=True))
        return [number for number, (c, e) in pairs if test(c, e, threshold)]

    return wrong


def test_the_right_rule_is_right():
    assert nb11.exit_rule(rule) is None
    for kind in (np.array, torch.tensor, tuple):
        assert nb11.exit_rule(lambda *given, kind=kind: kind(rule(*given))) is None


def a_piece_a_number(characters, entities, threshold):
    pieces = enumerate(map(list.__add__, characters, entities))
    return [number for number, found in pieces for probability in found if probability < threshold]


def cleared(characters, entities, threshold):
    found = rule(characters, entities, threshold)
    characters.clear()
    return found


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (by(lambda c, e, t: e and min(e) < t), "entities only"),
        (by(lambda c, e, t: c and min(c) < t), "characters only"),
        (by(lambda c, e, t: c and min(c + e) <= t), "*at* the threshold"),
        (by(lambda c, e, t: c and np.mean(c + e) < t), "the mean"),
        (by(lambda c, e, t: np.prod(c) < t), "a product"),
        (by(lambda c, e, t: not c or min(c + e) >= t), "the ones that stay"),
        (by(lambda c, e, t: min(c + e, default=0) < t), "without a character"),
        (by(lambda c, e, t: min(c + e) < t), "one sentence has no character"),
        (by(lambda c, e, t: c and max(c + e) < t), "*most* certain"),
        (by(lambda c, e, t: c and min(c + e) < 0.9), "threshold of 0"),
        (by(lambda c, e, t: c and min(c + e) < min(t, 0.9)), "0.999"),
        (a_piece_a_number, "stands twice"),
        (lambda c, e, t: rule(c, e, t) or None, "threshold of 0"),
        (lambda c, e, t: torch.tensor([[1, 2]]), "a list of sentence numbers"),
        (lambda c, e, t: [[1, 2]], "a list of sentence numbers"),
        (lambda c, e, t: None, "return it"),
        (lambda c, e, t: [number in rule(c, e, t) for number in range(len(c))], "yes or no"),
        (lambda c, e: [], "TypeError"),
        (cleared, "have changed"),
        (lambda c, e, t: [0], "sentences [0] go on"),
        (3, "a function"),
    ],
)  # fmt: skip
def test_a_wrong_rule_gets_its_hint(wrong, hint):
    assert hint in nb11.exit_rule(wrong)


def test_no_two_mistakes_look_alike():
    assert len(nb11._HINTS) == 8 and tuple(nb11._GO_ON) not in nb11._HINTS
