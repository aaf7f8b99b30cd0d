"""What notebook 08 left is used; what it did not leave is made under another name, and once."""

import pytest
import torch
from tiny_compression import save_corpus, save_model

from utils.compress.recipes import COMPRESSED
from utils.engines.onnx_session import load_onnx_tagger
from utils.measure.run import open_run
from utils.model.checkpoint import load_raner, save_raner
from utils.model.pruned_shape import size_of
from utils.studies.adaptive import models


def never(*_):
    raise AssertionError("it is there already")


@pytest.fixture
def run(tmp_path):
    model = save_model(tmp_path / "model")
    corpus = save_corpus(tmp_path / "corpus", model)
    return open_run(str(tmp_path / "run"), str(model), str(corpus), quick=True)


def test_what_08_left_is_used_as_it_is(run, monkeypatch):
    original, tokenizer = run.model()
    for name in ("compressed", models.OWN_BASELINE):
        run.artifact(f"mini/{name}-seed1", lambda path: save_raner(original, tokenizer, path))
    monkeypatch.setattr(models, "fine_tune", never)
    monkeypatch.setattr(models.pipeline, "fair_baseline", never)
    assert models.compressed(run, "compressed") == ("compressed", run.artifacts / "mini" / "compressed-seed1")
    name, baseline = models.fair_baseline(run)
    assert name == models.OWN_BASELINE and torch.equal(baseline.classifier.weight, original.classifier.weight)


def test_without_08_the_same_cut_is_recovered_under_another_name(run, monkeypatch):
    name, path = models.compressed(run, "compressed")
    assert name == "compressed-short" and not run.has("mini/compressed-seed1")
    before, after = size_of(run.model()[0]), size_of(load_raner(path)[0])
    cut = COMPRESSED["compressed"]
    assert after == (round((1 - cut.heads) * before.heads), round((1 - cut.neurons) * before.neurons))
    assert [folder for folder in path.parent.iterdir() if "checkpoints" in folder.name] == []
    monkeypatch.setattr(models, "fine_tune", never)
    assert models.compressed(run, "compressed") == (name, path)
    assert models.fair_baseline(run)[0] == "original-again"


def test_the_shallow_one_is_distilled_out_of_some_layers_and_runs_in_eight_bits(run):
    original, tokenizer = run.model()
    path = models.shallow(run, "original", original, steps=2)
    student, _ = load_raner(path)
    assert student.config.num_hidden_layers == min(models.SHALLOW, original.config.num_hidden_layers)
    assert models.shallow(run, "original", original, steps=2) == path
    quick = models.in_eight_bits(run, "mini", "shallow", student, tokenizer)
    assert quick.name == "shallow-onnx-int8-seed1" and load_onnx_tagger(quick).eight_bits
