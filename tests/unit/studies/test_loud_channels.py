"""A planted channel changes no answer, only what eight bits see; smoothing takes it away again."""

import numpy as np
import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.model.torch_tagger import torch_tagger
from utils.studies.loud_channels import planted, smoothed
from utils.studies.rounding import ONNX_RUNTIME, inputs_of, rounded
from utils.tagger.tagger import emissions_of

TEXTS = random_texts(6)
MIXING = "bert.encoder.layer.1.attention.output.dense"


def emissions(model):
    return np.concatenate([emissions_of(torch_tagger(model, tiny_tokenizer()), text) for text in TEXTS])


def read(model):
    return inputs_of(model, lambda: torch_tagger(model, tiny_tokenizer()).predict(TEXTS, batch_size=1))


def test_a_planted_channel_is_as_loud_as_asked_and_changes_nothing():
    model = random_raner()
    loud = planted(model, 64)
    assert np.allclose(emissions(loud), emissions(model), atol=1e-4)
    times = read(loud)[MIXING].abs().amax(0) / read(model)[MIXING].abs().amax(0)
    expected = torch.ones(24)
    expected[0] = 64
    assert torch.allclose(times, expected, rtol=1e-3)


def test_smoothing_shares_the_size_between_inputs_and_weights():
    loud = planted(random_raner(), 64)
    before = read(loud)
    even = smoothed(loud, before)
    assert np.allclose(emissions(even), emissions(loud), atol=1e-4)
    inputs, weights = read(even)[MIXING].abs().amax(0), even.get_submodule(MIXING).weight.abs().amax(0)
    assert torch.allclose(inputs, weights, rtol=1e-3), "with a strength of a half, both reach equally far"
    geometric = (before[MIXING].abs().amax(0) * loud.get_submodule(MIXING).weight.abs().amax(0)).sqrt()
    assert torch.allclose(inputs, geometric, rtol=1e-3)


def test_smoothing_helps_eight_bits():
    loud = planted(random_raner(), 256)
    even, exact = smoothed(loud, read(loud)), emissions(loud)
    errors = [np.abs(emissions(rounded(model, ONNX_RUNTIME)) - exact).mean() for model in (loud, even)]
    assert errors[1] < errors[0] / 2
