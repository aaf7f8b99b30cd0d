"""INT8 in pieces: the simulation is what the engines compute, and 16-bit sums are cut off pair by pair."""

import numpy as np
import pytest
import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.integers import dequantize_tensor, quantize_tensor
from utils.model.torch_tagger import torch_tagger
from utils.studies.rounding import (
    ONNX_RUNTIME,
    TORCH,
    Rounding,
    inputs_of,
    linears,
    lost_in_pairs,
    on_range,
    ranges_of,
    risky_pairs,
    rounded,
)
from utils.tagger.tagger import emissions_of

TEXTS = random_texts(6)


def emissions(model, text=TEXTS[0]):
    return emissions_of(torch_tagger(model, tiny_tokenizer()), text)


def read(model, texts=TEXTS):
    return inputs_of(model, lambda: torch_tagger(model, tiny_tokenizer()).predict(texts, batch_size=1))


@pytest.mark.skipif(torch.backends.quantized.engine == "qnnpack", reason="its activations have eight bits")
def test_torch_taken_to_pieces_is_torch():
    model = random_raner()
    assert np.allclose(emissions(rounded(model, TORCH)), emissions(quantize(model, embeddings=False)), atol=1e-3)


def test_nothing_rounded_is_the_model_and_the_model_stays():
    model = random_raner()
    before = emissions(model)
    assert np.array_equal(emissions(rounded(model, Rounding())), before)
    assert not np.array_equal(emissions(rounded(model, ONNX_RUNTIME)), before)
    assert np.array_equal(emissions(model), before)


def test_a_grid_for_each_row_is_that_of_the_row_alone():
    model = random_raner()
    for name, layer in linears(rounded(model, Rounding(weights=4, by_row=True))).items():
        weight = model.get_submodule(name).weight.detach()
        alone = torch.stack([dequantize_tensor(quantize_tensor(row, 4)) for row in weight])
        assert torch.allclose(layer.weight, alone)


def test_fixed_limits_cut_off_and_round_to_the_nearest_point():
    found = on_range(torch.tensor([-9.0, -1.0, 0.0, 0.4, 9.0]), 2, (-1.0, 2.0))
    assert found.integers.tolist() == [0, 0, 1, 1, 3]
    assert dequantize_tensor(found).tolist() == [-1, -1, 0, 0, 2]
    same, free = (on_range(torch.tensor([-1.0, 0.3, 2.0]), 8, limits) for limits in ((-1.0, 2.0), None))
    assert torch.equal(same.integers, free.integers.ravel()) and float(same.scale) == pytest.approx(float(free.scale))


def test_ranges_come_from_what_flowed_in():
    model = random_raner()
    inputs = read(model)
    name = "bert.encoder.layer.1.output.dense"
    assert inputs.keys() == linears(model).keys() and inputs[name].shape == (sum(map(len, TEXTS)) + 12, 20)
    whole, most = ranges_of(inputs)[name], ranges_of(inputs, 0.9)[name]
    assert whole == (float(inputs[name].min()), float(inputs[name].max()))
    outside = (inputs[name] < most[0]) | (inputs[name] > most[1])
    assert float(outside.float().mean()) == pytest.approx(0.1, abs=0.01)


def test_a_layer_with_the_range_of_its_inputs_fixed_answers_as_one_that_finds_it():
    model = random_raner()
    inputs = read(model)
    name = "bert.encoder.layer.0.output.dense"
    free, fixed = (rounded(model, ONNX_RUNTIME, ranges).get_submodule(name) for ranges in (None, ranges_of(inputs)))
    assert torch.allclose(free(inputs[name].clone()), fixed(inputs[name].clone()), atol=1e-4)
    assert not torch.allclose(free(inputs[name] * 3), fixed(inputs[name] * 3), atol=0.1), "the wider part is cut off"


def by_pairs(q, w):
    """The instruction itself, pair by pair, in Python's integers."""
    total = 0
    for place in range(0, len(q), 2):
        pair = q[place] * w[place] + q[place + 1] * w[place + 1]
        total += max(-(2**15), min(2**15 - 1, pair))
    return total


def test_sums_of_pairs_are_cut_off_at_sixteen_bits():
    draw = torch.Generator().manual_seed(0)
    inputs = quantize_tensor(torch.rand(5, 8, generator=draw), symmetric=False)
    weights = quantize_tensor(torch.randn(7, 8, generator=draw), axis=0)
    q, w = inputs.integers.tolist(), weights.integers.tolist()
    exact = [[sum(a * b for a, b in zip(x, row, strict=True)) for row in w] for x in q]
    expected = [[by_pairs(x, row) for row in w] for x in q]
    lost = lost_in_pairs(inputs, risky_pairs(weights, 8), 7)
    assert lost.abs().max() > 0
    assert torch.equal(lost, torch.tensor(expected) - torch.tensor(exact))


@pytest.mark.parametrize(("inputs", "weights"), [(7, 8), (8, 7)])
def test_with_seven_bits_on_either_side_no_pair_is_at_risk(inputs, weights):
    loudest = quantize_tensor(torch.tensor([[1.0, 1.0, -1.0, -1.0]]), weights)
    assert len(risky_pairs(loudest, inputs).rows) == 0 and len(risky_pairs(loudest, 8).rows) == 2 * (weights == 8)


def test_a_narrow_layer_is_the_exact_one_less_what_is_lost():
    model = random_raner()
    name = "bert.encoder.layer.0.intermediate.dense"
    exact, narrow = (rounded(model, Rounding(8, 8, True, narrow)).get_submodule(name) for narrow in (False, True))
    inputs = read(model)[name].clone()
    grid = on_range(inputs, 8)
    lost = grid.scale * exact.grid.scale.ravel() * lost_in_pairs(grid, risky_pairs(exact.grid, 8), exact.out_features)
    assert lost.any() and torch.allclose(narrow(inputs) - exact(inputs), lost, atol=1e-4)
