"""A verdict is a "yes" by accident in at most 2.5 of 100 cases, and intervals are those of others' formulas."""

import numpy as np
import pytest
from answers import entities_of
from scipy import stats

from utils.measure.latency import Latency
from utils.measure.scores import entity_scores
from utils.measure.verdict import (
    Estimate,
    Verdict,
    ahead,
    equivalent,
    f1_difference,
    median_estimate,
    times_as_fast,
    verdict,
)
from utils.text.entities import Span, annotate

DRAWS = 2000


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [(-0.9, 0.3, -1.0, "yes"), (-1.0, 0.3, -1.0, "yes"), (-1.4, -1.1, -1.0, "no"), (-1.4, -0.2, -1.0, "cannot tell"),
     (7.9, 9.0, 8.0, "cannot tell"), (-1.5, -1.0, -1.0, "cannot tell")],
)  # fmt: skip
def test_yes_and_no_need_the_whole_interval(low, high, margin, expected):
    assert verdict(Estimate((low + high) / 2, low, high), margin) == expected


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        ({}, "one"),
        ({"two": Estimate(1, 0, 2), "three": Estimate(3, 0.1, 6)}, "one"),
        ({"two": Estimate(1, -0.1, 2), "three": Estimate(3, 0.1, 6)}, "cannot tell: one or two"),
        ({"two": Estimate(0, -1, 1), "three": Estimate(-2, -3, -1)}, "cannot tell: one or two or three"),
    ],
)
def test_who_is_first_is_said_with_all_that_it_does_not_surely_lead(leads, said):
    assert ahead("one", leads) == said


EQUIVALENT = [
    (-0.4, 0.3, "yes"),
    (-1.0, 1.0, "yes"),
    (0.2, 0.7, "yes"),  # surely more, and surely less than the margin
    (-3.0, 2.5, "cannot tell"),
    (0.5, 1.5, "cannot tell"),
    (1.2, 2.0, "no"),
    (-2.0, -1.1, "no"),
]


@pytest.mark.parametrize(("low", "high", "expected"), EQUIVALENT)
def test_as_good_as_equal_only_where_the_whole_interval_is_between_the_margins(low, high, expected):
    assert equivalent(Estimate((low + high) / 2, low, high), -1, 1) == expected


def test_margins_the_wrong_way_round_are_refused():
    with pytest.raises(ValueError, match="nothing lies between 1 and -1"):
        equivalent(Estimate(0, -0.1, 0.1), 1, -1)


def test_a_difference_at_the_margin_is_rarely_called_equivalent():
    """Both sides at once are a yes no more often than one side alone: SciPy's two one-sided t tests agree."""
    random, samples = np.random.default_rng(4), 40
    said = [equivalent(_t_interval(random.normal(1.0, 2.0, samples)), -1, 1) for _ in range(DRAWS)]
    assert said.count("yes") <= 0.035 * DRAWS
    for _ in range(50):
        drawn = random.normal(0.3, 1.0, samples)
        above = stats.ttest_1samp(drawn, -0.5, alternative="greater").pvalue
        below = stats.ttest_1samp(drawn, 0.5, alternative="less").pvalue
        assert (equivalent(_t_interval(drawn), -0.5, 0.5) == "yes") == (max(above, below) <= 0.025)


def _t_interval(sample):
    mean = float(np.mean(sample))
    return Estimate(mean, *map(float, stats.t.interval(0.95, len(sample) - 1, mean, stats.sem(sample))))


def test_every_answer_has_its_mark():
    assert [answer.mark for answer in (Verdict.YES, Verdict.NO, Verdict.UNSURE)] == ["✓", "✗", "?"]


@pytest.fixture(scope="module")
def population():
    """Sentences with 0 to 3 names, and two systems whose errors are partly the same."""
    rng = np.random.default_rng(1)
    people = [
        annotate("甲乙丙丁戊己庚辛", [Span(2 * n, 2 * n + 2, "PER") for n in range(k)])
        for k in rng.integers(0, 4, 3000)
    ]
    first = [_answers(sentence, rng, 0.88) for sentence in people]
    second = [old if rng.random() < 0.6 else _answers(s, rng, 0.84) for s, old in zip(people, first, strict=True)]
    return people, first, second


def _answers(sentence, rng, right):
    found = [span if rng.random() < right else span._replace(type="LOC") for span in sentence.spans]
    return entities_of(sentence, sorted(found) + ([Span(6, 8, "ORG")] if rng.random() < 0.1 else []))


def test_a_difference_that_just_misses_is_rarely_called_a_yes(population):
    people, first, second = population
    truth = entity_scores(people, second).f1 - entity_scores(people, first).f1
    rng, said = np.random.default_rng(2), []
    for _ in range(DRAWS):
        chosen = rng.integers(len(people), size=250)
        a, b, drawn = ([part[i] for i in chosen] for part in (first, second, people))
        said.append(verdict(f1_difference(drawn, a, b), truth))
    assert said.count("yes") <= 0.025 * DRAWS
    assert said.count("no") <= 0.03 * DRAWS


def test_the_difference_is_that_of_the_two_scores(population):
    people, first, second = (part[:200] for part in population)
    found = f1_difference(people, first, second)
    assert found.value == pytest.approx(entity_scores(people, second).f1 - entity_scores(people, first).f1)
    assert found.low < found.value < found.high
    assert f1_difference(people, second, first).value == -found.value


def test_a_ratio_that_just_misses_is_rarely_called_a_yes():
    rng, said = np.random.default_rng(3), []
    for _ in range(DRAWS):
        slow, fast = 80 * rng.lognormal(0, 0.1, 9), 10 * rng.lognormal(0, 0.1, 9)
        said.append(verdict(times_as_fast(Latency(0, 0, tuple(slow)), Latency(0, 0, tuple(fast))), 8.0))
    assert said.count("yes") <= 0.025 * DRAWS and said.count("no") <= 0.025 * DRAWS


@pytest.mark.parametrize("rounds", [1, 5, 6, 9, 20])
def test_the_ratios_interval_holds_the_median_as_often_as_a_binomial_says(rounds):
    ratios = np.arange(1.0, rounds + 1)
    found = times_as_fast(Latency(0, 0, tuple(ratios)), Latency(0, 0, (1.0,) * rounds))
    assert median_estimate(ratios[::-1]) == found
    left_out = int(found.low) - 1
    assert found == (np.median(ratios), 1 + left_out, rounds - left_out)
    assert left_out == 0 or stats.binom.cdf(left_out, rounds, 0.5) <= 0.025
    assert stats.binom.cdf(left_out + 1, rounds, 0.5) > 0.025
