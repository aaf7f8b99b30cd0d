"""Intervals and differences against SciPy's bootstrap; p-values where there is no difference."""

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
    return stats.bootstrap(
        table.T, statistic, paired=True, vectorized=True, n_resamples=20_000, method="percentile",
        rng=np.random.default_rng(0),
    )  # fmt: skip


def test_f1_interval_is_that_of_scipy(sentences):
    predictions = system(sentences, 0.7, seed=0)
    reference = scipy_bootstrap(count_table(sentences, predictions), f1_of)
    noise = 0.25 * reference.standard_error  # three standard errors of a 2.5 % quantile of 1000 samples
    assert f1_interval(sentences, predictions) == pytest.approx(tuple(reference.confidence_interval), abs=noise)


def test_difference_is_that_of_scipy(sentences):
    a, b = system(sentences, 0.6, seed=1), system(sentences, 0.66, seed=3)

    def difference(*columns, axis=-1):
        return f1_of(*columns[3:], axis=axis) - f1_of(*columns[:3], axis=axis)

    reference = scipy_bootstrap(np.hstack([count_table(sentences, a), count_table(sentences, b)]), difference)
    found, noise = paired_bootstrap(sentences, a, b), 0.25 * reference.standard_error
    assert found.f1 == pytest.approx(entity_scores(sentences, b).f1 - entity_scores(sentences, a).f1)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval), abs=noise)
    as_far = (np.abs(reference.bootstrap_distribution - found.f1) >= abs(found.f1)).mean()
    assert 0.1 < as_far < 0.9, "an example at the edge would show little"
    assert found.p_value == pytest.approx(as_far, abs=0.045)


def test_the_same_seed_gives_the_same_interval(sentences):
    predictions = system(sentences, 0.7, seed=0)
    assert f1_interval(sentences, predictions, seed=4) == f1_interval(sentences, predictions, seed=4)
    assert f1_interval(sentences, predictions, seed=4) != f1_interval(sentences, predictions, seed=5)
    assert f1_interval(sentences, predictions) == f1_interval(sentences, predictions, seed=0)


def test_a_thousand_draws_and_the_same_for_every_system(sentences):
    a, b = system(sentences, 0.6, seed=1), system(sentences, 0.75, seed=2)
    drawn = resampled_f1(sentences, [a, b, a])
    assert drawn.shape == (3, 1000) and (drawn[0] == drawn[2]).all()
    assert paired_bootstrap(sentences, a, b)[1:3] == pytest.approx(percentile_interval(drawn[1] - drawn[0]))


def test_an_interval_leaves_a_fortieth_on_either_side():
    assert percentile_interval(np.arange(1001.0)[::-1]) == (25, 975)


def test_a_system_does_not_differ_from_itself(sentences):
    predictions = system(sentences, 0.7, seed=0)
    assert paired_bootstrap(sentences, predictions, predictions) == (0, 0, 0, 1)


def test_swapping_the_systems_turns_the_difference_around(sentences):
    a, b = system(sentences, 0.6, seed=1), system(sentences, 0.75, seed=2)
    there, back = paired_bootstrap(sentences, a, b), paired_bootstrap(sentences, b, a)
    assert (back.f1, back.low, back.high) == pytest.approx((-there.f1, -there.high, -there.low))
    assert back.p_value == pytest.approx(there.p_value)


def test_a_clear_gain_is_significant_and_above_zero(sentences):
    gain = paired_bootstrap(sentences, system(sentences, 0.3, seed=1), system(sentences, 0.95, seed=2))
    assert gain.low > 0
    assert gain.p_value == pytest.approx(1 / 1001), "none of a thousand draws is as far, and the sample itself counts"


def test_p_values_of_equal_systems_rarely_fall_below_five_percent(sentences):
    """Under "no difference" a test at 5 % errs in about 5 % of the cases (binomial: under 20 of 120)."""
    pairs = ((system(sentences, 0.7, seed), system(sentences, 0.7, 1000 + seed)) for seed in range(120))
    p_values = np.array([paired_bootstrap(sentences, a, b).p_value for a, b in pairs])
    assert (p_values < 0.05).sum() < 20
    assert 0.3 < np.median(p_values) < 0.7
