"""Dynamic INT8: what shrinks, what stays, and that saving changes nothing."""

import warnings

import pytest
import torch
from torch import nn

from utils.quantization import WEIGHTS, load_quantized, load_quantized_tagger, quantize, save_quantized
from utils.raner import CheckpointError, load_raner
from utils.tagger import torch_tagger

TEXTS = ["新华社北京二月十一日电", "a", "记者唐虹在北京说，天气很好。" * 3]


def emissions(model, tokenizer):
    return torch_tagger(model, tokenizer).backend(*tokenizer.batch(TEXTS)[:2])


def test_reloaded_answers_are_bit_equal(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    quantized = quantize(model)
    path = save_quantized(quantized, tokenizer, tmp_path / "int8")
    reloaded, _ = load_quantized(path)
    assert (emissions(reloaded, tokenizer) == emissions(quantized, tokenizer)).all()
    assert load_quantized_tagger(path).predict(TEXTS) == torch_tagger(quantized, tokenizer).predict(TEXTS)


def test_a_linear_layer_matches_the_formula_by_hand(tiny_published):
    model, _ = load_raner(tiny_published)
    inputs = torch.randn(5, model.config.hidden_size, generator=torch.Generator().manual_seed(1))
    weight, bias = model.classifier.weight, model.classifier.bias
    w_scale = weight.abs().max() / 127.5
    q_w = (weight / w_scale).round().clamp(-128, 127)
    steps = 255 if torch.backends.quantized.engine == "qnnpack" else 127  # x86 keeps a bit free against overflow
    low, high = inputs.min().clamp(max=0), inputs.max().clamp(min=0)
    x_scale = (high - low) / steps
    zero = (-low / x_scale).round()
    q_x = (inputs / x_scale + zero).round().clamp(0, steps)
    by_hand = w_scale * x_scale * ((q_x - zero) @ q_w.T) + bias
    found = quantize(model).classifier(inputs)
    assert (found - by_hand).abs().max() < 1e-5
    assert (found - nn.functional.linear(inputs, weight, bias)).abs().max() > 1e-2, "nothing was rounded"


def test_embeddings_shrink_only_when_told(tiny_published):
    model, _ = load_raner(tiny_published)
    assert quantize(model, embeddings=False).bert.embeddings.word_embeddings.weight.dtype == torch.float32
    assert quantize(model).bert.embeddings.word_embeddings.weight().dtype == torch.quint8
    assert model.bert.embeddings.word_embeddings.weight.dtype == torch.float32, "the original stays"


def test_no_warning_escapes(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_quantized(save_quantized(quantize(model), tokenizer, tmp_path / "int8"))


def test_float_directory_is_refused(tiny_published):
    with pytest.raises(CheckpointError, match=WEIGHTS):
        load_quantized(tiny_published)


def test_truncated_file_is_refused(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    path = save_quantized(quantize(model), tokenizer, tmp_path / "int8")
    (path / WEIGHTS).write_bytes((path / WEIGHTS).read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=WEIGHTS):
        load_quantized(path)
