"""Checkers of notebook 02 against answers known to be right, and against the mistakes that they name."""

import numpy as np
import pytest

from utils.course.exercises import nb02


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
    assert "a thousand" in checker([80.0]) and "(800, 1)" in checker(f1(drawn.sum(1))[:, None])


def by_sentence(drawn, mean=np.nanmean):
    """A mean of F1s in the place of one F1; with `nanmean` a sentence without any name counts for nothing."""
    right, found, annotated = np.moveaxis(drawn, -1, 0)
    with np.errstate(invalid="ignore"):
        return mean(200 * right / (found + annotated), axis=1)


def three_draws(counts):
    """Rows of its own for each count."""
    right, found, annotated = (resamples(counts, seed)[..., column].sum(1) for column, seed in enumerate((5, 6, 7)))
    return 200 * right / (found + annotated)


WRONG_RESAMPLES = {
    "*twice*": lambda counts: f1(resamples(counts, 5).sum(1)) / 2,
    "sum the counts": lambda counts: by_sentence(resamples(counts, 5)),
    "precision": lambda counts: 100 * np.divide(*np.moveaxis(resamples(counts, 5).sum(1), -1, 0)[:2]),
    "recall": lambda counts: 100 * np.divide(*np.moveaxis(resamples(counts, 5).sum(1), -1, 0)[::2]),
    "too far": lambda counts: f1(resamples(counts, 5, len(counts) // 2).sum(1)),
    "the same ones for all": three_draws,
    "too little": lambda counts: f1(resamples(counts, 5, 2 * len(counts)).sum(1)),
}


def test_what_is_no_number_is_no_f1(counts):
    nameless = np.concatenate([counts, np.zeros((100, 3), int)])
    values = by_sentence(resamples(nameless, 5), np.mean)
    assert np.isnan(values).all() and "no numbers" in nb02.resampled_f1_by_hand(nameless)(values)


@pytest.mark.parametrize("hint", WRONG_RESAMPLES)
def test_resamples_of_another_kind_are_found_out(counts, hint):
    eager = counts + np.array([0, 1, 0])  # an invented name in each: precision and recall lie apart
    assert hint in nb02.resampled_f1_by_hand(eager)(WRONG_RESAMPLES[hint](eager))


@pytest.mark.parametrize("seed", range(20))
def test_right_resamples_are_right_whatever_the_seed(counts, seed):
    assert nb02.resampled_f1_by_hand(counts)(f1(resamples(counts, seed).sum(1))) is None


def test_unpaired_width(counts):
    other = counts.copy()
    other[:20, 0] = 0
    checker = nb02.unpaired_width(counts, other)
    first, second, paired = (f1(resamples(c, seed).sum(1)) for c, seed in ((counts, 5), (other, 6), (other, 5)))
    assert checker(width(second - first)) is None
    assert "paired" in checker(width(paired - first))
    assert "do not add" in checker(width(first) + width(second))


def width(values):
    return float(np.diff(np.percentile(values, [1.5, 98.5]))[0])


RIGHT = {"a": "equivalent", "b": "cannot tell", "c": "equivalent", "d": "different"}


def test_same_or_not():
    assert nb02.same_or_not(RIGHT) is None


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("a", "cannot tell", "beyond the margin"),
        ("a", "different", "both ends"),
        ("b", "equivalent", "so few sentences"),
        ("b", "different", "beyond the margin"),
        ("c", "different", "too little to matter"),
        ("c", "cannot tell", "both ends"),
        ("d", "cannot tell", "beyond the margin"),
        ("d", "equivalent", "beyond the margin"),
        ("d", "worse", "none of the answers"),
    ],
)
def test_same_or_not_names_the_misconception(name, said, hint):
    assert hint in nb02.same_or_not(RIGHT | {name: said})


def test_same_or_not_wants_every_answer():
    assert "a dict" in nb02.same_or_not(["equivalent"]) and "a dict" in nb02.same_or_not({"a": "equivalent"})
