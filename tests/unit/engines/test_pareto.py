"""Which engines are choices, which is picked, and which stand on the front."""

import pytest
from engine_rows import FRONT, ROWS

from utils.engines import pareto


def test_choices_join_the_times_of_one_scale_with_the_f1_of_the_other():
    found = pareto.choices(ROWS, "07")
    assert [(c.backend, c.milliseconds, c.f1) for c in found] == [
        ("openvino-int8", 150, 88.0), ("onnx-int8", 200, 89.6), ("onnx-fp32", 400, None), ("torch-fp32", 700, 90.0),
    ]  # fmt: skip
    assert found[0].megabytes == 4 and found[0].memory == 200


def test_f1_is_that_of_the_notebook_that_was_asked_for():
    others = [row | {"notebook": "08", "f1": 1.0} for row in ROWS]
    assert pareto.choices([*ROWS, *others], "07") == pareto.choices(ROWS, "07")


@pytest.mark.parametrize(("margin", "backend"), [(0.3, "torch-fp32"), (0.5, "onnx-int8"), (2.5, "openvino-int8")])
def test_the_pick_is_the_fastest_within_the_margin(margin, backend):
    assert pareto.pick(pareto.choices(ROWS, "07"), margin).backend == backend


def test_nothing_is_picked_without_the_original():
    with pytest.raises(ValueError, match="original/torch-fp32"):
        pareto.pick(pareto.choices(ROWS[2:], "07"), 1)


def test_the_front_is_what_brute_force_finds():
    scored = [c for c in FRONT if c.f1 is not None]
    beaten = {a for a in scored for b in scored if b != a and b.milliseconds <= a.milliseconds and b.f1 >= a.f1}
    assert set(pareto.front(FRONT)) == set(scored) - beaten
    assert [c.stage for c in pareto.front(FRONT)] == ["fast", "between", "slow and good"]
