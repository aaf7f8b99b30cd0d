"""Fixed ranges: arithmetic by hand, calibration, and a training that rounds."""

import copy
from contextlib import nullcontext

import pytest
import torch
from int8_models import ENGINES, TINY_TEXTS, aware, emissions, static
from tiny_models import random_raner, random_rows, stack, tiny_tokenizer

from utils.compress.quantization import static as static_module
from utils.compress.quantization.saved import engine_of, load_quantized, load_quantized_tagger, save_quantized
from utils.compress.quantization.static import choose_engine, convert_aware, prepare_aware, quantize_static
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Schedule
from utils.text.entities import Corpus, Entity, Sentence


@pytest.mark.parametrize(
    ("features", "has_vnni"),
    [({"avx2": True, "avx512_vnni": False}, False), ({"avx_vnni": True}, True), ({"avx512_vnni": True}, True)],
)
def test_vnni_decides_the_engine(monkeypatch, features, has_vnni):
    before = torch.backends.quantized.engine
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert choose_engine() == ("onednn" if has_vnni and "onednn" in ENGINES else before)
    assert torch.backends.quantized.engine == before


@pytest.fixture(params=ENGINES)
def name(request, monkeypatch):
    """Every engine in turn, as if this CPU's features had chosen it."""
    if request.param == "onednn" != choose_engine():
        pytest.skip("this CPU has no VNNI: sums of eight-bit activations overflow")
    monkeypatch.setattr(static_module, "choose_engine", lambda: request.param)
    return request.param


def test_a_static_layer_matches_the_formula_by_hand(name):
    """For every input where the CPU has VNNI; elsewhere for those in the seven bits that calibration uses."""
    model = random_raner()
    layer = quantize_static(model, tiny_tokenizer(), TINY_TEXTS).classifier
    scale, zero = layer.quant.scale, layer.quant.zero_point
    most = 255 if choose_engine() == "onednn" else 127
    inputs = torch.randn(7, 24, generator=torch.Generator().manual_seed(1)).clamp(max=((most - zero) * scale).item())
    read = ((inputs / scale + zero).round().clamp(0, 255) - zero) * scale
    exact = read @ layer.module.weight().dequantize().T + model.classifier.bias
    step = layer.module.scale
    lowest, highest = -layer.module.zero_point * step, (255 - layer.module.zero_point) * step
    assert (layer(inputs) - exact.clamp(lowest, highest)).abs().max() <= step / 2 * 1.01


def test_every_engine_saves_and_loads_what_it_calibrated(name, tmp_path):
    model, tokenizer = random_raner(), tiny_tokenizer()
    quantized = quantize_static(model, tokenizer, TINY_TEXTS)
    reloaded, _ = load_quantized(save_quantized(quantized, tokenizer, tmp_path / "int8"))
    assert engine_of(tmp_path / "int8") == name
    assert (emissions(reloaded, tokenizer, TINY_TEXTS) == emissions(quantized, tokenizer, TINY_TEXTS)).all()


def test_ranges_come_from_the_texts():
    model, tokenizer = random_raner(), tiny_tokenizer()
    few, many = (quantize_static(model, tokenizer, texts) for texts in (TINY_TEXTS[:1], TINY_TEXTS))
    assert few.classifier.quant.scale != many.classifier.quant.scale
    with torch.no_grad():
        model.bert.encoder.layer[-1].output.LayerNorm.weight *= 3  # the classifier reads three times as much
    wider = quantize_static(model, tokenizer, TINY_TEXTS).classifier.quant.scale
    assert wider > 2 * many.classifier.quant.scale


def test_calibration_leaves_the_original_alone():
    model, tokenizer = random_raner(), tiny_tokenizer()
    before = copy.deepcopy(model.state_dict())
    static(model, tokenizer), aware(model, tokenizer)
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not hasattr(model.config, "static_engine")


def test_nothing_to_calibrate_on_is_refused():
    for build in (quantize_static, prepare_aware):
        with pytest.raises(ValueError, match="no texts"):
            build(random_raner(), tiny_tokenizer(), [])


def test_an_aware_model_simulates_the_integers(name):
    """One layer, so that no rounding of an earlier one tips a later one over: equal to one output step.

    Where seven bits are simulated, the real output may go on into the eighth.
    """
    prepared = prepare_aware(random_raner(), tiny_tokenizer(), TINY_TEXTS).eval()
    converted = convert_aware(prepared)
    observer = prepared.classifier.quant.activation_post_process.activation_post_process
    inputs = torch.linspace(observer.min_val, observer.max_val, 7 * 24).reshape(24, 7).T
    simulated = prepared.classifier.module.weight_fake_quant(prepared.classifier.module.weight)
    assert torch.allclose(simulated, converted.classifier.module.weight().dequantize(), atol=1e-6)
    output = prepared.classifier.module.activation_post_process
    reach = [(end - output.zero_point) * output.scale for end in (output.quant_min, output.quant_max)]
    difference = (prepared.classifier(inputs) - converted.classifier(inputs).clamp(*reach)).abs().max()
    assert difference <= converted.classifier.module.scale * 1.01
    assert (prepared.classifier(inputs) - prepared.classifier.module(inputs)).abs().max() > 0, "inputs are rounded"


def test_gradients_pass_and_only_ranges_of_weights_move():
    prepared = prepare_aware(random_raner(), tiny_tokenizer(), TINY_TEXTS)
    batch = stack(random_rows(prepared), batch_size=5)[0]
    layer = prepared.bert.encoder.layer[0].output.dense
    activation, weight = layer.quant.activation_post_process, layer.module.weight_fake_quant
    scales = activation.scale.clone(), weight.scale.clone()
    with torch.no_grad():
        layer.module.weight *= 1000
    with torch.autocast("cpu", torch.bfloat16):
        prepared.train()(**batch).loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in (layer.module.weight, layer.module.bias))
    assert torch.equal(activation.scale, scales[0]) and (weight.scale > scales[1]).all()


def test_fine_tuning_takes_an_aware_model(tmp_path):
    model, tokenizer = random_raner(hidden_dropout_prob=0.0), tiny_tokenizer()
    sentences = [Sentence(text, (Entity(0, 1, "PER", text[:1]),)) for text in TINY_TEXTS]
    corpus = Corpus(sentences, sentences[:4], sentences[:4])
    prepared = prepare_aware(model, tokenizer, TINY_TEXTS)
    trained = fine_tune(prepared, tokenizer, corpus, tmp_path / "checkpoints", Schedule(epochs=3))
    before, after = (m.bert.encoder.layer[0].output.dense.module.weight for m in (prepared, trained))
    assert not torch.equal(before, after), "nothing was learned"
    path = save_quantized(convert_aware(trained), tokenizer, tmp_path / "int8")
    assert load_quantized_tagger(path).predict(TINY_TEXTS)


@pytest.mark.parametrize("texts", [TINY_TEXTS[:1], []])
def test_the_engine_is_put_back(name, texts):
    before = torch.backends.quantized.engine
    with nullcontext() if texts else pytest.raises(ValueError):
        quantize_static(random_raner(), tiny_tokenizer(), texts)
    assert torch.backends.quantized.engine == before


def test_a_prepared_model_is_in_evaluation_mode():
    prepared = prepare_aware(random_raner(), tiny_tokenizer(), TINY_TEXTS[:1])
    assert not any(module.training for module in prepared.modules())
