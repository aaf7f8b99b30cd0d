"""What each change gives, from times that are known, and cuts that lead from one model to another."""

import math

import numpy as np
import pytest
from tiny_models import random_raner

from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.measure.latency import Rounds, summarise
from utils.model.pruned_shape import pruning_map, size_of
from utils.studies import waterfall
from utils.studies.waterfall import Step, chain, cuts, factors, timed


def latency(*samples):
    return summarise(np.array(samples))


def test_each_version_is_compared_with_the_one_before_round_by_round():
    times = [latency(100.0, 200, 300), latency(50.0, 100, 100), latency(50.0, 50, 100)]
    first, second, third = factors("abc", times, [4.0, 2.0, 1.0])
    assert first.times == (1, 1, 1)
    assert second == ("b", 100, 2.0, (2, 2, 3))  # 100/50, 200/100, 300/100
    assert third == ("c", 50, 1.0, (1, 1, 2))


def test_cuts_lead_to_the_heads_and_then_to_the_neurons_of_the_result():
    original = random_raner()
    heads, neurons = {0: [1, 3], 1: [0]}, {1: [2, 5, 7]}
    result = prune_neurons(prune_heads(original, heads), neurons)
    found = cuts(original, result)
    assert list(found) == ["heads", "neurons"]
    assert pruning_map(found["heads"].config) == pruning_map(prune_heads(original, heads).config)
    assert pruning_map(found["neurons"].config) == pruning_map(result.config)
    assert cuts(original, original) == {}
    assert list(cuts(original, prune_neurons(original, neurons))) == ["neurons"]
    assert size_of(original) == size_of(random_raner())


@pytest.fixture
def clock(monkeypatch):
    """Taggers are numbers here: ms that they take."""

    def measured(taggers, texts, rounds):
        assert (texts, rounds) == (["天地"], Rounds(3))
        return {key: latency(*[ms] * 3) for key, ms in taggers.items()}

    monkeypatch.setattr(waterfall, "measure_taggers", measured)


@pytest.fixture
def step(tmp_path):
    def written(change, ms, size):
        path = tmp_path / change
        path.mkdir()
        (path / "weights").write_bytes(bytes(size))
        return Step(change, path, lambda path: ms)

    return written


@pytest.mark.parametrize(("whole", "apart", "fastest"), [(60.0, 80.0, "whole"), (90.0, 60.0, "apart")])
def test_what_follows_is_counted_from_the_fastest_start(clock, step, whole, apart, fastest):
    starts = [step("whole", whole, 4_000_000), step("apart", apart, 4_000_000)]
    steps = [step("engine", 40.0, 3_000_000), step("bits", 10.0, 1_000_000)]
    slowest, start, engine, bits = chain(starts, steps, timed([*starts, *steps], "天地", Rounds(3)))
    assert (start.name, start.milliseconds, engine.times.value) == (fastest, 60, 1.5)
    assert slowest.milliseconds == max(whole, apart) and slowest.times.value == 1
    assert [step.megabytes for step in (slowest, start, engine, bits)] == [4, 4, 3, 1]
    assert math.prod(step.times.value for step in (engine, bits)) == pytest.approx(60 / 10)


def test_two_chains_may_be_read_off_one_session(clock, step):
    start, left, right = step("start", 60.0, 2_000_000), step("left", 20.0, 1_000_000), step("right", 15.0, 1_000_000)
    times = timed([start, left, right], "天地", Rounds(3))
    ends = [chain([start], [end], times)[-1] for end in (left, right)]
    assert [end.times.value for end in ends] == [3, 4]


def test_what_has_two_names_is_loaded_once_and_has_one_time(clock, step):
    loaded = []

    def load(path):
        loaded.append(path)
        return 60.0

    first = step("first", 60.0, 1)._replace(load=load)
    one, other = timed([first, first._replace(change="again")], "天地", Rounds(3)).values()
    assert loaded == [first.path] and one is other


def test_without_a_start_there_is_no_waterfall(step):
    bits = step("bits", 1.0, 1)
    with pytest.raises(ValueError, match="no start"):
        chain([], [bits], {bits: latency(1.0)})
