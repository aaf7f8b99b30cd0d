"""The bound against multiply-adds that torch counts and a division by hand; peaks against a clock that is made up."""

import numpy as np
import pytest
from graphs import CUTS, WIDE
from tiny_models import multiply_adds, random_raner, tiny_tokenizer

from utils.engines import arithmetic_bound as bounds
from utils.engines.arithmetic_bound import arithmetic_bound, byte_peak, float_peak
from utils.measure.latency import Latency, Rounds

MODELS = {"whole": lambda model, tokenizer: (model, tokenizer), **CUTS}


@pytest.mark.parametrize("cut", MODELS.values(), ids=MODELS)
def test_with_one_peak_it_is_all_that_torch_multiplies(cut):
    model, _ = cut(random_raner(3, **WIDE), tiny_tokenizer())
    found = arithmetic_bound(model.config, [(2, 30), (1, 7)], 5.0, 5.0)
    operations = 2 * (multiply_adds(model, 30, texts=2) + multiply_adds(model, 7))
    assert found.milliseconds == pytest.approx(operations / 5e9 * 1000)


def test_only_attention_s_own_products_are_floats():
    """Of one row of 10 positions: scores and sums of 3 layers of 12 heads of 4 features, 10 x 10 each."""
    model = random_raner(3, **WIDE)
    found = arithmetic_bound(model.config, [(1, 10)], 1.0, 2.0)
    assert found.floats == pytest.approx(2 * 3 * 2 * 12 * 4 * 10 * 10 / 2e9 * 1000)
    rest = multiply_adds(model, 10) - 3 * 2 * 12 * 4 * 10 * 10
    assert found.bytes == pytest.approx(2 * rest / 1e9 * 1000)


def test_attention_grows_with_the_square_of_a_row_all_else_with_its_length():
    config = random_raner().config
    short, long = (arithmetic_bound(config, [(1, n)], 1.0, 1.0) for n in (50, 100))
    assert long.bytes == pytest.approx(2 * short.bytes) and long.floats == pytest.approx(4 * short.floats)


def test_a_peak_is_the_best_rate_of_the_fastest_product(monkeypatch):
    monkeypatch.setattr(bounds, "PRODUCTS", ((2, 4, 8), (4, 8, 16)))
    samples = {(2, 4, 8): (0.5, 0.25, 0.75), (4, 8, 16): (4.0, 2.0, 8.0)}
    monkeypatch.setattr(
        bounds, "measure_latency", lambda calls, _: {shape: Latency(0, 0, samples[shape]) for shape in calls}
    )
    operations_a_second = max(2 * 2 * 4 * 8 / 0.25e-3, 2 * 4 * 8 * 16 / 2e-3)
    assert byte_peak(1) == float_peak(1) == pytest.approx(operations_a_second / 1e9)


@pytest.mark.parametrize(("operator", "left", "right"), [("MatMulInteger", "u1", "i1"), ("MatMul", "f4", "f4")])
def test_what_is_timed_is_the_product(tmp_path, operator, left, right):
    """As numpy multiplies the same numbers, drawn from the same seed."""
    (product,) = bounds._product(tmp_path, operator, (3, 5, 7), left, right, threads=1)()
    draw = np.random.default_rng(0)
    weight = draw.integers(0, 128, (5, 7))
    assert (product == draw.integers(0, 256, (3, 5)) @ weight).all()


def test_a_peak_is_measured(monkeypatch):
    monkeypatch.setattr(bounds, "PRODUCTS", ((16, 64, 64),))
    monkeypatch.setattr(bounds, "ROUNDS", Rounds(3))
    assert 0 < byte_peak(1) < 1e6
