"""What other notebooks left is used as it is; what they did not leave is made as they make it."""

from pathlib import Path

import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.batches import make_batches
from utils.compress.importance.gradients import michel_per_example
from utils.compress.importance.registry import save_scores
from utils.measure.run import open_run
from utils.model.checkpoint import load_raner
from utils.model.pruned_shape import pruning_map
from utils.serving.models import open_model
from utils.studies import pipeline
from utils.text.entities import Span, annotate


def never(*_):
    raise AssertionError("it is there already")


def test_four_versions_are_built_once_and_can_be_served(tmp_path, monkeypatch):
    run = open_run(str(tmp_path), quick=True)
    versions = pipeline.article_versions(run)
    assert list(versions) == ["original", "quantised", "pruned, quantised", "ONNX Runtime, quantised"]
    for path in versions.values():
        name, load = open_model(path)
        assert name.startswith(path.name) and load().predict(["陈默在北京。"])
    recovered, _ = load_raner(tmp_path / "artifacts" / "mini" / "recovered-seed1")
    left = sum(len(kept) for kept in pruning_map(recovered.config).heads)
    assert left == 144 - round(0.2 * 144)
    for builder in ("save_recovered", "export_onnx", "save_raner", "save_quantized", "quantize_onnx"):
        monkeypatch.setattr(pipeline, builder, never)
    assert pipeline.article_versions(run) == versions


def test_graphs_are_those_that_notebook_07_left_or_made_alike(tmp_path, monkeypatch):
    run, (model, tokenizer) = open_run(str(tmp_path), quick=True), (random_raner(), tiny_tokenizer())
    places = [run.artifact(f"mini/original-{kind}-seed1", Path.mkdir) for kind in ("onnx", "onnx-int8")]
    monkeypatch.setattr(pipeline, "export_onnx", never)
    monkeypatch.setattr(pipeline, "quantize_onnx", never)
    asked = []

    def quantize_openvino(source, path, texts):
        asked.append((source, texts))
        path.mkdir()

    monkeypatch.setattr(pipeline, "quantize_openvino", quantize_openvino)
    graphs = pipeline.engine_graphs(run, "mini", model, tokenizer)
    assert [graphs["onnx-fp32"], graphs["onnx-int8"]] == places and graphs["openvino-int8"].is_dir()
    assert asked == [(places[0], pipeline.calibration_texts(run))]
    assert pipeline.engine_graphs(run, "mini", model, tokenizer) == graphs and len(asked) == 1


def test_calibration_texts_are_short_ones_of_train(tmp_path):
    run = open_run(str(tmp_path))
    known = {sentence.text for sentence in run.corpus.train}
    mini, article = (pipeline.calibration_texts(run, scale) for scale in ("mini", "article"))
    assert len(mini) == 32 and article == mini[:16] and set(mini) <= known and max(map(len, mini)) <= 200


def test_the_fair_baseline_is_the_original_trained_as_every_cut_is_and_made_once(tmp_path, monkeypatch):
    run, seen = open_run(str(tmp_path), seed=3, quick=True), []

    def fine_tune(model, tokenizer, corpus, out, schedule):
        seen.append((corpus, schedule))
        out.mkdir()
        model.classifier.bias.data += 1
        return model

    monkeypatch.setattr(pipeline, "fine_tune", fine_tune)
    original, tokenizer = run.model()
    before = original.classifier.bias.clone()
    schedule = pipeline.recovery_schedule(run)
    baseline = pipeline.fair_baseline(run, original, tokenizer, schedule)
    assert seen == [(run.training, schedule)] and (schedule.steps, schedule.seed) == (4, 3)
    assert torch.equal(baseline.classifier.bias, before + 1)
    kept = tmp_path / "artifacts" / "mini"
    assert [path.name for path in kept.iterdir() if path.is_dir()] == ["original-again-4-seed3"]
    monkeypatch.setattr(pipeline, "fine_tune", never)
    again = pipeline.fair_baseline(run, run.model()[0], tokenizer, schedule)
    assert all(torch.equal(a, b) for a, b in zip(baseline.parameters(), again.parameters(), strict=True))


def test_head_scores_are_those_of_notebook_03_or_else_michels_kept_for_the_next(tmp_path):
    model = random_raner()
    sentences = [annotate(text, [Span(0, 2, "ORG")]) for text in random_texts(8)]
    batches = make_batches(sentences, tiny_tokenizer(), model.labels)
    alone = open_run(str(tmp_path / "alone"))
    for known in (batches, []):
        name, scores = pipeline.head_scores(alone, model, known)
        assert name == "Michel, per example" and torch.equal(scores, michel_per_example(model, batches))
    chosen = open_run(str(tmp_path / "after 03"))
    chosen.artifact("scores", lambda path: save_scores(path, "Fisher", torch.ones(2, 4)))
    name, scores = pipeline.head_scores(chosen, model, batches)
    assert name == "Fisher" and torch.equal(scores, torch.ones(2, 4))
