"""Saving and loading changes nothing, whatever the recipe; what is no quantised model is refused."""

import warnings

import pytest
import torch
from int8_models import PRUNED, RECIPES, TEXTS, TINY_TEXTS, emissions, static
from tiny_models import random_raner, tiny_tokenizer

from utils.compress.quantization import saved
from utils.compress.quantization.dynamic import quantize, quantize_only
from utils.compress.quantization.saved import WEIGHTS, engine_of, load_quantized, load_quantized_tagger, save_quantized
from utils.compress.quantization.static import prepare_aware
from utils.files import CheckpointError
from utils.model.checkpoint import load_raner, save_raner
from utils.model.torch_tagger import torch_tagger


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


def test_case_32_a_git_lfs_pointer_is_called_one(tmp_path):
    path = save_quantized(quantize(random_raner()), tiny_tokenizer(), tmp_path)
    (path / "model.int8.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n")
    with pytest.raises(CheckpointError, match=r"model\.int8\.pt: a Git LFS pointer"):
        load_quantized(path)


def test_case_15_its_vocabulary_is_looked_at_too(tmp_path):
    path = save_quantized(quantize(random_raner()), tiny_tokenizer(), tmp_path)
    (path / "vocab.txt").write_bytes("天地".encode("gbk"))
    with pytest.raises(CheckpointError, match=r"vocab\.txt, line 1: not UTF-8"):
        load_quantized(path)


def test_ranges_for_another_cpu_are_refused(monkeypatch, tmp_path):
    model, tokenizer = random_raner(), tiny_tokenizer()
    quantized = static(model, tokenizer)
    quantized.config.static_engine = "onednn"
    path = save_quantized(quantized, tokenizer, tmp_path / "int8")
    monkeypatch.setattr(saved, "choose_engine", lambda: "x86")
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
