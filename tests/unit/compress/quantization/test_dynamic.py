"""Dynamic INT8 against arithmetic by hand; only what is named is quantised."""

import pytest
import torch
from int8_models import ENGINES
from tiny_models import random_raner
from torch import nn

from utils.compress.quantization.dynamic import quantize, quantize_only
from utils.compress.quantization.integers import dequantize_tensor, quantize_tensor
from utils.compress.quantization.storage import CHARACTERS
from utils.model.checkpoint import load_raner


@pytest.fixture(params=ENGINES)
def engine(request):
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = request.param
    yield request.param
    torch.backends.quantized.engine = before


def test_a_linear_layer_matches_the_formula_by_hand(tiny_published, engine):
    model, _ = load_raner(tiny_published)
    inputs = torch.randn(5, model.config.hidden_size, generator=torch.Generator().manual_seed(1))
    weight, bias = model.classifier.weight, model.classifier.bias
    seven_bits = quantize_tensor(inputs, bits=8 if engine == "qnnpack" else 7, symmetric=False)
    by_hand = dequantize_tensor(seven_bits) @ dequantize_tensor(quantize_tensor(weight)).T + bias
    found = quantize(model).classifier(inputs)
    assert (found - by_hand).abs().max() < 1e-5
    assert (found - nn.functional.linear(inputs, weight, bias)).abs().max() > 1e-2, "nothing was rounded"


def test_embeddings_shrink_only_when_told(tiny_published):
    model, _ = load_raner(tiny_published)
    assert quantize(model, embeddings=False).bert.embeddings.word_embeddings.weight.dtype == torch.float32
    assert quantize(model).bert.embeddings.word_embeddings.weight().dtype == torch.quint8
    assert model.bert.embeddings.word_embeddings.weight.dtype == torch.float32, "the original stays"


def test_only_the_named_modules_are_quantised():
    model = random_raner()
    one = quantize_only(model, ["classifier"])
    floats = [name for name, module in one.named_modules() if isinstance(module, nn.Linear)]
    assert floats == [name for name, m in model.named_modules() if isinstance(m, nn.Linear) and name != "classifier"]
    table = quantize_only(model, [CHARACTERS])
    assert table.bert.embeddings.word_embeddings.weight().dtype == torch.quint8
    assert isinstance(table.classifier, nn.Linear)
