"""INT8: what shrinks and what stays, arithmetic by hand, pruned models, and that saving changes nothing."""

import copy
import warnings

import pytest
import torch
from tiny_models import random_raner, random_rows, random_texts, stack, tiny_tokenizer
from torch import nn

from utils.compress.pruning.remove import prune_heads, prune_neurons, prune_vocabulary
from utils.compress.quantization import static as static_module
from utils.compress.quantization.dynamic import quantize, quantize_only
from utils.compress.quantization.integers import dequantize_tensor, quantize_tensor
from utils.compress.quantization.saved import WEIGHTS, engine_of, load_quantized, load_quantized_tagger, save_quantized
from utils.compress.quantization.static import choose_engine, convert_aware, prepare_aware, quantize_static
from utils.compress.quantization.storage import CHARACTERS, storage_plan
from utils.compress.recovery.fine_tuning import fine_tune
from utils.files import CheckpointError
from utils.model.checkpoint import load_raner, save_raner
from utils.model.torch_tagger import torch_tagger
from utils.text.entities import Corpus, Entity, Sentence

TEXTS = ["新华社北京二月十一日电", "a", "记者唐虹在北京说，天气很好。" * 3]
ENGINES = [engine for engine in torch.backends.quantized.supported_engines if engine != "none"]
TINY_TEXTS = random_texts(12)


def emissions(model, tokenizer, texts=TEXTS):
    return torch_tagger(model, tokenizer).backend(*tokenizer.batch(texts)[:2])


def static(model, tokenizer):
    return quantize_static(model, tokenizer, TINY_TEXTS)


def aware(model, tokenizer):
    return convert_aware(prepare_aware(model, tokenizer, TINY_TEXTS))


RECIPES = {
    "dynamic": lambda model, tokenizer: quantize(model),
    "dynamic, linear": lambda model, tokenizer: quantize(model, embeddings=False),
    "static": static,
    "aware": aware,
}


def pruned_models():
    model, tokenizer = random_raner(), tiny_tokenizer()
    yield "uneven heads", prune_heads(model, {0: [1, 2], 1: [3]}), tokenizer
    yield "a layer without heads", prune_heads(model, {1: [0, 1, 2, 3]}), tokenizer
    yield "a narrow network, one without neurons", prune_neurons(model, {0: [3, 4], 1: list(range(20))}), tokenizer
    yield "fewer characters", *prune_vocabulary(model, tokenizer, TINY_TEXTS[:4])


PRUNED = {name: (model, tokenizer) for name, model, tokenizer in pruned_models()}


@pytest.fixture(params=ENGINES)
def engine(request):
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = request.param
    yield request.param
    torch.backends.quantized.engine = before


# --- Predicting --------------------------------------------------------------------------------


def bytes_by_parameter(model):
    """Bytes of all tensors of a quantised model, under the names of the float parameters."""
    found = {}
    for name, value in model.state_dict().items():
        if isinstance(value, torch.dtype):
            continue
        parts = value if isinstance(value, tuple) else (value,)
        base = name.replace("._packed_params._packed_params", "").replace("._packed_params._packed_weight", ".weight")
        names = [f"{base}.weight", f"{base}.bias"] if isinstance(value, tuple) else [base]
        for one, tensor in zip(names, parts, strict=True):
            found[one] = tensor.numel() * tensor.element_size()
            if tensor.is_quantized and tensor.qscheme() != torch.per_tensor_affine:
                scales, zeros = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
                found[one] += scales.numel() * scales.element_size() + zeros.numel() * zeros.element_size()
    return {name: size for name, size in found.items() if not name.endswith((".scale", ".zero_point"))}


@pytest.mark.parametrize("embeddings", [True, False])
@pytest.mark.parametrize("name", ["whole", *PRUNED])
def test_bytes_are_predicted_tensor_by_tensor(name, embeddings):
    model = random_raner() if name == "whole" else PRUNED[name][0]
    plan = {stored.name: stored.bytes for stored in storage_plan(model, embeddings)}
    assert plan == bytes_by_parameter(quantize(model, embeddings))


def test_the_plan_says_what_stays_float_and_why():
    plan = {stored.name: stored for stored in storage_plan(random_raner(), embeddings=False)}
    assert plan["classifier.weight"].kind == "int8"
    for name, reason in {
        f"{CHARACTERS}.weight": "looked up",
        "bert.embeddings.position_embeddings.weight": "looked up",
        "bert.encoder.layer.0.output.LayerNorm.weight": "LayerNorm",
        "bert.encoder.layer.0.output.dense.bias": "bias",
        "crf.transitions": "CRF",
    }.items():
        assert plan[name].kind == "float32" and reason in plan[name].reason
    assert storage_plan(random_raner())[0].kind == "int8", "named in the recipe"


# --- Dynamic -----------------------------------------------------------------------------------


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


# --- Static, and trained for it ----------------------------------------------------------------


def test_vnni_decides_the_engine():
    before = torch.backends.quantized.engine
    assert choose_engine({"avx2": True, "avx512_vnni": False}) == before
    expected = "onednn" if "onednn" in ENGINES else before
    assert choose_engine({"avx_vnni": True}) == choose_engine({"avx512_vnni": True}) == expected
    assert torch.backends.quantized.engine == before


def skip_what_overflows(name):
    if name == "onednn" != choose_engine():
        pytest.skip("this CPU has no VNNI: sums of eight-bit activations overflow")


@pytest.mark.parametrize("name", ENGINES)
def test_a_static_layer_matches_the_formula_by_hand(name):
    """For every input where the CPU has VNNI; elsewhere for those in the seven bits that calibration uses."""
    skip_what_overflows(name)
    model = random_raner()
    layer = quantize_static(model, tiny_tokenizer(), TINY_TEXTS, engine=name).classifier
    scale, zero = layer.quant.scale, layer.quant.zero_point
    most = 255 if choose_engine() == "onednn" else 127
    inputs = torch.randn(7, 24, generator=torch.Generator().manual_seed(1)).clamp(max=((most - zero) * scale).item())
    read = ((inputs / scale + zero).round().clamp(0, 255) - zero) * scale
    exact = read @ layer.module.weight().dequantize().T + model.classifier.bias
    step = layer.module.scale
    lowest, highest = -layer.module.zero_point * step, (255 - layer.module.zero_point) * step
    assert (layer(inputs) - exact.clamp(lowest, highest)).abs().max() <= step / 2 * 1.01


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_saves_and_loads_what_it_calibrated(name, tmp_path):
    skip_what_overflows(name)
    model, tokenizer = random_raner(), tiny_tokenizer()
    quantized = quantize_static(model, tokenizer, TINY_TEXTS, engine=name)
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


@pytest.mark.parametrize("name", ENGINES)
def test_an_aware_model_simulates_the_integers(name):
    """One layer, so that no rounding of an earlier one tips a later one over: equal to one output step.

    Where seven bits are simulated, the real output may go on into the eighth.
    """
    skip_what_overflows(name)
    prepared = prepare_aware(random_raner(), tiny_tokenizer(), TINY_TEXTS, engine=name).eval()
    converted = convert_aware(prepared, engine=name)
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
    trained = fine_tune(prepared, tokenizer, corpus, tmp_path / "checkpoints", epochs=3)
    before, after = (m.bert.encoder.layer[0].output.dense.module.weight for m in (prepared, trained))
    assert not torch.equal(before, after), "nothing was learned"
    path = save_quantized(convert_aware(trained), tokenizer, tmp_path / "int8")
    assert load_quantized_tagger(path).predict(TINY_TEXTS)


# --- Any model, any recipe ---------------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", PRUNED)
def test_pruned_models_are_quantised_saved_and_loaded(name, recipe, tmp_path):
    model, tokenizer = PRUNED[name]
    quantized = RECIPES[recipe](model, tokenizer)
    exact, found = (emissions(m, tokenizer, TINY_TEXTS) for m in (model, quantized))
    assert 0 < abs(found - exact).mean() < 0.15 * abs(exact).mean(), "rounding is small against what it rounds"
    reloaded, _ = load_quantized(save_quantized(quantized, tokenizer, tmp_path / "int8"))
    assert (emissions(reloaded, tokenizer, TINY_TEXTS) == found).all()


@pytest.mark.parametrize("recipe", RECIPES)
def test_reloaded_answers_are_bit_equal(tiny_published, tmp_path, recipe):
    model, tokenizer = load_raner(tiny_published)
    quantized = RECIPES[recipe](model, tokenizer)
    path = save_quantized(quantized, tokenizer, tmp_path / "int8")
    reloaded, _ = load_quantized(path)
    assert (emissions(reloaded, tokenizer) == emissions(quantized, tokenizer)).all()
    assert load_quantized_tagger(path).predict(TEXTS) == torch_tagger(quantized, tokenizer).predict(TEXTS)


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_warning_escapes(tmp_path, recipe):
    model, tokenizer = random_raner(), tiny_tokenizer()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_quantized(save_quantized(RECIPES[recipe](model, tokenizer), tokenizer, tmp_path / "int8"))


def test_the_engine_is_put_back():
    before = torch.backends.quantized.engine
    for name in ENGINES:
        quantize_static(random_raner(), tiny_tokenizer(), TINY_TEXTS[:1], engine=name)
        assert torch.backends.quantized.engine == before


# --- What is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES)
def test_save_raner_names_the_right_function(tmp_path, recipe):
    model, tokenizer = random_raner(), tiny_tokenizer()
    with pytest.raises(CheckpointError, match="save_quantized"):
        save_raner(RECIPES[recipe](model, tokenizer), tokenizer, tmp_path / "float")
    assert not (tmp_path / "float").exists()


@pytest.mark.parametrize(
    "unfinished",
    [
        lambda model: model,
        lambda model: quantize_only(model, ["classifier"]),
        lambda model: prepare_aware(model, tiny_tokenizer(), TINY_TEXTS),
    ],
)
def test_what_is_not_wholly_quantised_is_not_saved(unfinished, tmp_path):
    with pytest.raises(CheckpointError, match="save_raner"):
        save_quantized(unfinished(random_raner()), tiny_tokenizer(), tmp_path / "int8")


def test_ranges_for_another_cpu_are_refused(monkeypatch, tmp_path):
    model, tokenizer = random_raner(), tiny_tokenizer()
    quantized = static(model, tokenizer)
    quantized.config.static_engine = "onednn"
    path = save_quantized(quantized, tokenizer, tmp_path / "int8")
    monkeypatch.setattr(static_module, "choose_engine", lambda: "x86")
    with pytest.raises(CheckpointError, match="calibrate it here"):
        load_quantized(path)
    save_quantized(quantize(model), tokenizer, path)
    assert engine_of(path) == torch.backends.quantized.engine
    load_quantized(path)


def test_float_directory_is_refused(tiny_published):
    with pytest.raises(CheckpointError, match=WEIGHTS):
        load_quantized(tiny_published)


def test_a_config_that_does_not_say_how_it_was_quantised_is_refused(tmp_path):
    model, tokenizer = random_raner(), tiny_tokenizer()
    path = save_quantized(quantize(model), tokenizer, tmp_path / "int8")
    model.config.save_pretrained(path)
    with pytest.raises(CheckpointError, match="quantized_embeddings"):
        load_quantized(path)


def test_truncated_file_is_refused(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    path = save_quantized(quantize(model), tokenizer, tmp_path / "int8")
    (path / WEIGHTS).write_bytes((path / WEIGHTS).read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=WEIGHTS):
        load_quantized(path)
