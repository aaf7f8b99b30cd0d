"""Which engines are choices, which are picked, and which stand on the front."""

import numpy as np
import pytest
from engine_rows import FRONT, ROWS

from utils.engines import pareto
from utils.measure.latency import summarise
from utils.measure.verdict import Estimate


def test_choices_join_the_times_of_one_scale_with_the_f1_of_the_other():
    found = pareto.choices(ROWS, "07")
    assert [(c.backend, c.milliseconds, c.f1) for c in found] == [
        ("openvino-int8", 150, 88.0), ("onnx-int8", 200, 89.6), ("onnx-fp32", 400, None), ("torch-fp32", 700, 90.0),
    ]  # fmt: skip
    assert found[0].megabytes == 4 and found[0].memory == 200


def test_f1_is_that_of_the_notebook_that_was_asked_for():
    others = [row | {"notebook": "08", "f1": 1.0} for row in ROWS]
    assert pareto.choices([*ROWS, *others], "07") == pareto.choices(ROWS, "07")


STEADY, RESTLESS = np.zeros(10), np.array([30, -30] * 5)
TURNS = {
    name: summarise(ms + noise)
    for name, ms, noise in [
        ("slow", 100, STEADY), ("quick", 50, STEADY), ("as quick", 52, RESTLESS), ("slower", 53, STEADY),
    ]
}  # fmt: skip
LOST = {
    "slow": Estimate(0, 0, 0), "quick": Estimate(-0.4, -1.2, 0.4), "as quick": Estimate(-0.2, -0.9, 0.5),
    "slower": Estimate(0.3, -0.4, 1.0),
}  # fmt: skip


def test_whoever_is_not_surely_slower_stands_beside_the_fastest():
    assert pareto.fastest(TURNS) == ["quick", "as quick"]


@pytest.mark.parametrize(
    ("margin", "picked"),
    [(0.1, ["slow"]), (0.5, ["slower"]), (1.0, ["as quick", "slower"]), (1.5, ["quick", "as quick"])],
)
def test_only_what_surely_loses_little_is_picked(margin, picked):
    assert pareto.pick(TURNS, LOST, margin) == picked


def test_where_all_may_lose_too_much_nothing_is_picked():
    assert pareto.pick(TURNS, {"quick": LOST["quick"]}, 1.0) == []


def test_the_front_is_what_brute_force_finds():
    scored = [c for c in FRONT if c.f1 is not None]
    beaten = {a for a in scored for b in scored if b != a and b.milliseconds <= a.milliseconds and b.f1 >= a.f1}
    assert set(pareto.front(FRONT)) == set(scored) - beaten
    assert [c.stage for c in pareto.front(FRONT)] == ["fast", "between", "slow and good"]
