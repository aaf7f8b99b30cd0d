"""Timing logic on a clock of our own."""

import time

import pytest
import torch

from utils.measure import latency
from utils.measure.latency import (
    Rounds,
    idle_milliseconds,
    latency_grid,
    measure_latency,
    measure_taggers,
    pinned_threads,
    time_ratio,
)


class Clock:
    """Seconds that pass only when a variant says so."""

    def __init__(self, monkeypatch):
        self.now, self.calls = 0.0, []
        monkeypatch.setattr(latency, "perf_counter", lambda: self.now)

    def variant(self, name: str, milliseconds):
        costs = iter(milliseconds)

        def call():
            self.calls.append(name)
            self.now += next(costs) / 1000

        return call


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_variants_take_turns_and_warm_up_is_not_counted(clock):
    variants = {"a": clock.variant("a", [900, 900, 1, 2, 3, 4]), "b": clock.variant("b", [900, 900, 50, 60, 70, 80])}
    found = measure_latency(variants, Rounds(4))
    assert clock.calls == ["a", "b"] * 6
    assert found["a"].samples == pytest.approx((1, 2, 3, 4))
    assert found["b"].samples == pytest.approx((50, 60, 70, 80))


def test_summary_is_median_and_p95(clock):
    samples = [5.0, 1.0, 100.0, 3.0, 2.0, 4.0, 6.0]
    latency = measure_latency({"a": clock.variant("a", [1, 1, *samples])}, Rounds(7))["a"]
    assert latency.samples == pytest.approx(samples)
    assert latency.p50 == pytest.approx(4)
    assert latency.p95 == pytest.approx(6 + 0.7 * 94)


@pytest.mark.parametrize(
    ("milliseconds", "rounds", "samples"),
    [
        ([9000, 1, 2], Rounds(15, 2), [1, 2]),
        ([900, 900, 1, 2], Rounds(15, 2), [1, 2]),
        ([90_000, 1], Rounds(1, 2), [1]),
        ([9, 9, 1, 2, 3], Rounds(3, 2), [1, 2, 3]),
        ([2000, 9, 1, 2, 3], Rounds(3, 2), [1, 2, 3]),
        ([2000, 2000, 1, 2, 3], Rounds(3), [1, 2, 3]),
    ],
    ids=["very slow", "slow", "slow but once", "quick", "quick after a cold start", "slow and nobody minds"],
)
def test_what_takes_long_may_be_timed_less_often(clock, milliseconds, rounds, samples):
    found = measure_latency({"a": clock.variant("a", milliseconds)}, rounds)
    assert found["a"].samples == pytest.approx(samples)


def test_the_environment_changes_nothing_here(clock, monkeypatch):
    monkeypatch.setenv("COURSE_REPEATS", "1")
    assert len(measure_latency({"a": clock.variant("a", [9000] * 5)}, Rounds(3))["a"].samples) == 3


def test_taggers_take_turns_on_the_same_texts(clock):
    asked = []

    class Counting:
        def __init__(self, milliseconds):
            self.milliseconds = milliseconds

        def predict(self, texts, batch_size):
            asked.append((self.milliseconds, texts, batch_size))
            clock.now += self.milliseconds / 1000

    found = measure_taggers({("a", 1): Counting(10), ("b", 1): Counting(30)}, ["天", "地"], Rounds(2), batch_size=2)
    assert {key: latency.p50 for key, latency in found.items()} == pytest.approx({("a", 1): 10, ("b", 1): 30})
    assert asked == [(10, ["天", "地"], 2), (30, ["天", "地"], 2)] * 4


def test_a_ratio_taken_round_by_round_survives_a_slow_spell(clock):
    whole, half = [9, 9, 10, 80, 80, 80], [9, 9, 5, 5, 40, 40]  # the spell begins between the two calls of round 2
    variants = {"whole": clock.variant("whole", whole), "half": clock.variant("half", half)}
    latencies = measure_latency(variants, Rounds(4))
    assert time_ratio(latencies["half"], latencies["whole"]) == pytest.approx(0.5)
    assert time_ratio(latencies["whole"], latencies["half"]) == pytest.approx(2)


@pytest.mark.parametrize(("milliseconds", "shown"), [(290, False), (310, True)])
def test_progress_bar_only_for_measurements_over_three_seconds(clock, monkeypatch, milliseconds, shown):
    bars = []

    def bar(rounds, *args, disable, **kwargs):
        bars.append(not disable)
        return rounds

    monkeypatch.setattr(latency, "tqdm", bar)
    measure_latency({"a": clock.variant("a", [milliseconds] * 12)}, Rounds(10))
    assert bars == [shown]


def test_a_failing_variant_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        measure_latency({"a": lambda: 1 / 0}, Rounds(1))


@pytest.mark.parametrize(("calls", "rounds"), [({}, Rounds(1)), ({"a": lambda: None}, Rounds(0))])
def test_nothing_to_measure_is_an_error(calls, rounds):
    with pytest.raises(ValueError, match="at least 1"):
        measure_latency(calls, rounds)


def test_pinned_threads_hold_inside_and_are_given_back():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), pinned_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise KeyError
    assert torch.get_num_threads() == before


def test_no_thread_is_an_error():
    with pytest.raises(ValueError, match="0 threads"), pinned_threads(0):
        pass


class Recorder:
    """A tagger that notes what it was asked."""

    def __init__(self):
        self.asked = []

    def predict(self, texts, batch_size):
        self.asked.append((len(texts), batch_size))


def test_the_grid_asks_for_each_input_as_one_batch():
    one, other = Recorder(), Recorder()
    curves = latency_grid({"a": one, "b": other}, {1: ["天"], 3: ["天"] * 3}, Rounds(2))
    assert list(curves) == ["a", "b"] and list(curves["a"]) == [1, 3]
    assert all(ms > 0 for curve in curves.values() for ms in curve.values())
    assert set(one.asked) == set(other.asked) == {(1, 1), (3, 3)}


def test_idle_time_is_the_time_after_the_call(monkeypatch):
    monkeypatch.setattr(latency, "IDLE", 0.02)

    def busy():
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    assert idle_milliseconds(busy) < 20
