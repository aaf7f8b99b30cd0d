"""Intervals and differences against SciPy's bootstrap, and how often an interval leaves out the truth."""

import numpy as np
import pytest
from answers import entities_of
from scipy import stats

from utils.measure.bootstrap import f1_interval, paired_bootstrap, percentile_interval, resampled_f1
from utils.measure.scores import entity_scores
from utils.text.entities import Entity, Sentence


def system(sentences: list[Sentence], right: float, seed: int) -> list[list[Entity]]:
    """Answers that find each gold entity with probability `right`, else with the wrong type."""
    rng = np.random.default_rng(seed)
    retyped = {"LOC": "ORG", "ORG": "PER", "PER": "LOC"}
    return [
        entities_of(s, [e.span if rng.random() < right else e.span._replace(type=retyped[e.type]) for e in s.entities])
        for s in sentences
    ]


def count_table(sentences, predictions) -> np.ndarray:
    return np.array(
        [
            (len(s.spans & {e.span for e in found}), len(found), len(s.entities))
            for s, found in zip(sentences, predictions, strict=True)
        ]
    )


def f1_of(correct, predicted, gold, axis=-1):
    return 200 * correct.sum(axis) / (predicted.sum(axis) + gold.sum(axis))


def scipy_bootstrap(table: np.ndarray, statistic):
    """As `utils.measure.bootstrap` has it: 1.5 % of the resamples outside on either side."""
    return stats.bootstrap(
        table.T, statistic, paired=True, vectorized=True, n_resamples=20_000, method="percentile",
        confidence_level=0.97, rng=np.random.default_rng(0),
    )  # fmt: skip


def test_f1_interval_is_that_of_scipy(sentences):
    predictions = system(sentences, 0.7, seed=0)
    reference = scipy_bootstrap(count_table(sentences, predictions), f1_of)
    noise = 0.25 * reference.standard_error  # two and a half standard errors of a 1.5 % quantile of 1000 samples
    assert f1_interval(sentences, predictions) == pytest.approx(tuple(reference.confidence_interval), abs=noise)


def test_difference_is_that_of_scipy(sentences):
    a, b = system(sentences, 0.6, seed=1), system(sentences, 0.66, seed=3)

    def difference(*columns, axis=-1):
        return f1_of(*columns[3:], axis=axis) - f1_of(*columns[:3], axis=axis)

    reference = scipy_bootstrap(np.hstack([count_table(sentences, a), count_table(sentences, b)]), difference)
    found, noise = paired_bootstrap(sentences, a, b), 0.25 * reference.standard_error
    assert found.f1 == pytest.approx(entity_scores(sentences, b).f1 - entity_scores(sentences, a).f1)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval), abs=noise)


def test_the_same_seed_gives_the_same_interval(sentences):
    predictions = system(sentences, 0.7, seed=0)
    assert f1_interval(sentences, predictions, seed=4) == f1_interval(sentences, predictions, seed=4)
    assert f1_interval(sentences, predictions, seed=4) != f1_interval(sentences, predictions, seed=5)
    assert f1_interval(sentences, predictions) == f1_interval(sentences, predictions, seed=0)


def test_a_thousand_draws_and_the_same_for_every_system(sentences):
    a, b = system(sentences, 0.6, seed=1), system(sentences, 0.75, seed=2)
    drawn = resampled_f1(sentences, [a, b, a])
    assert drawn.shape == (3, 1000) and (drawn[0] == drawn[2]).all()
    assert paired_bootstrap(sentences, a, b)[1:] == pytest.approx(percentile_interval(drawn[1] - drawn[0]))


def test_an_interval_leaves_fifteen_of_a_thousand_on_either_side():
    assert percentile_interval(np.arange(1001.0)[::-1]) == (15, 985)


def test_a_system_does_not_differ_from_itself(sentences):
    predictions = system(sentences, 0.7, seed=0)
    assert paired_bootstrap(sentences, predictions, predictions) == (0, 0, 0)


def test_swapping_the_systems_turns_the_difference_around(sentences):
    a, b = system(sentences, 0.6, seed=1), system(sentences, 0.75, seed=2)
    there, back = paired_bootstrap(sentences, a, b), paired_bootstrap(sentences, b, a)
    assert (back.f1, back.low, back.high) == pytest.approx((-there.f1, -there.high, -there.low))


def test_a_clear_gain_lies_above_zero(sentences):
    assert paired_bootstrap(sentences, system(sentences, 0.3, seed=1), system(sentences, 0.95, seed=2)).low > 0


def test_an_interval_holds_the_truth_in_95_of_100_samples(sentences):
    """Equal systems differ by 0: an interval that leaves 0 out is wrong (binomial: under 16 of 150 at 5 %)."""
    pairs = ((system(sentences, 0.7, seed), system(sentences, 0.7, 1000 + seed)) for seed in range(150))
    found = [paired_bootstrap(sentences, a, b) for a, b in pairs]
    assert sum(not d.low <= 0 <= d.high for d in found) < 16
