"""Targets and what of them is reached, what is to come, and how long it will take."""

import math

import pytest
from tiny_models import random_raner, tiny_tokenizer

from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.files import CheckpointError
from utils.measure.latency import Latency
from utils.studies.compression import plan
from utils.studies.compression.plan import (
    STAGES,
    Pace,
    Progress,
    Recipe,
    Sizes,
    Step,
    Target,
    check_unpruned,
    duration,
    measure_pace,
    planned,
)
from utils.text.entities import Span, annotate


def latency(*samples):
    return Latency(sorted(samples)[len(samples) // 2], max(samples), samples)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"speedup": 0.5}, "speed-up of 0.5: wanted is 1 or more"),
        ({"speedup": -8}, "1 or more"),
        ({"speedup": math.nan}, "1 or more"),
        ({"speedup": math.inf}, "1 or more"),
        ({"milliseconds": 0}, "at most 0 ms: wanted is more than 0"),
        ({"megabytes": -1}, "more than 0"),
        ({"milliseconds": math.nan}, "more than 0"),
        ({"speedup": 8, "lose": -1}, "-1 points of F1 to lose"),
        ({"speedup": 8, "lose": math.nan}, "points of F1 to lose"),
        ({}, "0 targets"),
        ({"speedup": 8, "megabytes": 30}, "2 targets"),
    ],
)
def test_a_target_that_means_nothing_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Target(**settings)


def test_a_speed_up_of_one_is_a_target():
    assert Target(speedup=1).words == "1 times as fast"


def test_what_is_reached_is_a_share_of_the_target_and_more_is_better():
    original, result = latency(90, 100, 110), latency(20, 25, 22)
    times = Target(speedup=2).reached(original, result, 5)
    assert times == pytest.approx((4.5 / 2, 4 / 2, 5 / 2))  # 90 / 20, 100 / 25, 110 / 22
    assert Target(milliseconds=11).reached(original, result, 5) == pytest.approx((11 / 22, 11 / 25, 11 / 20))
    assert Target(megabytes=10).reached(original, result, 5) == (2, 2, 2)


SIZES = Sizes(
    learned=40_000, step=1_250, chosen=6000, scored=11_000, mended=30_000, searched=6000, tested=14_000, timed=500
)


def seconds(target=None, recipe=None, sizes=SIZES, pace=None, parameters=10**8):
    steps = planned(recipe or Recipe(), target or Target(speedup=8), sizes, pace or Pace(1e-3, 4e-3), parameters)
    assert [step.name for step in steps] == list(STAGES) and all(step.words for step in steps)
    return {step.name: step.seconds for step in steps}


def test_what_takes_longer_is_foretold_so():
    usual = seconds()
    assert all(value > 0 for value in usual.values())
    assert seconds(recipe=Recipe(steps=(64, 256)))["baseline"] == pytest.approx(2 * usual["baseline"], rel=0.1)
    assert seconds(sizes=SIZES._replace(learned=80_000, step=2_500))["baseline"] > 1.7 * usual["baseline"]
    assert seconds(pace=Pace(2e-3, 8e-3))["search"] > usual["search"]
    assert seconds(recipe=Recipe(kept=(0.1, 0.2, 0.4, 0.6, 1.0)))["search"] > usual["search"]
    assert seconds(target=Target(speedup=16))["cut"] < usual["cut"] < seconds(target=Target(speedup=2))["cut"]


def test_the_fair_baseline_takes_what_its_steps_take():
    """A base model that learns 1,250 characters a step in 160 steps at 4 ms each, 800 s, and reads 40,000 once."""
    assert 800 < seconds()["baseline"] < 1.2 * 840


def test_the_pace_is_taken_and_leaves_the_model_as_it_was():
    model = random_raner()
    pace = measure_pace(model, model, tiny_tokenizer(), [annotate("天地玄黄", [Span(0, 2, "LOC")])] * 20)
    assert pace.reading > 0 and pace.learning > 0
    assert not model.training and all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("seconds", [3, 44, 89, 91, 1500, 5399, 5401, 36_000])
def test_a_duration_is_close_to_what_it_says(seconds):
    number, unit = duration(seconds).removeprefix("about ").split()
    said = float(number) * {"s": 1, "min": 60, "h": 3600}[unit]
    assert said == pytest.approx(seconds, rel=0.3, abs=5)


def test_time_left_follows_the_time_that_was_taken(monkeypatch):
    now, lines = [100.0], []
    monkeypatch.setattr(plan.time, "monotonic", lambda: now[0])
    progress = Progress([Step("one", "first", 600), Step("two", "second", 1200)], lines.append)
    progress.begin("one")
    now[0] += 1200  # twice as long as foretold
    progress.begin("two")
    now[0] += 2400
    progress.begin("two")
    assert lines[0] == "[1/2] first: about 10 min, about 30 min to the end"
    assert lines[1] == lines[2] == "[2/2] second: about 40 min, about 40 min to the end"


def test_stages_that_were_made_before_do_not_count(monkeypatch):
    now, lines = [100.0], []
    monkeypatch.setattr(plan.time, "monotonic", lambda: now[0])
    progress = Progress([Step(name, name, 600) for name in ("one", "two", "three")], lines.append)
    for name, seconds in (("one", 1), ("two", 1200), ("three", 0)):
        progress.begin(name)
        now[0] += seconds
    assert "about 20 min to the end" in lines[1] and "about 20 min to the end" in lines[2]


@pytest.mark.parametrize("prune", [lambda m: prune_heads(m, {0: [1]}), lambda m: prune_neurons(m, {1: [0, 3]})])
def test_a_pruned_model_is_refused(prune):
    check_unpruned(random_raner())
    with pytest.raises(CheckpointError, match="pruned already: [78] of 8 heads and (40|38) of 40 neurons are left"):
        check_unpruned(prune(random_raner()))
