"""Several versions measured together: one complete row each."""

import shutil
from dataclasses import replace

import pytest
import torch

from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.saved import load_quantized_tagger, save_quantized
from utils.engines import variants
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_quantize import quantize_onnx, quantize_onnx_static
from utils.engines.onnx_session import load_onnx_sentence_tagger, providers
from utils.engines.openvino import export_openvino, quantize_openvino
from utils.engines.variants import LOADERS, Variant, engine, load_saved_tagger, measure_variants
from utils.files import CheckpointError
from utils.measure.evaluation import evaluate
from utils.measure.latency import Rounds, measure_taggers, pinned_threads
from utils.measure.memory import BenchmarkError, Memory
from utils.measure.row import BACKENDS
from utils.measure.run import open_run
from utils.model.checkpoint import load_raner, save_raner
from utils.model.torch_tagger import load_tagger
from utils.tagger.tagger import by_sentence


def test_each_variant_gets_its_row(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    parts = [
        Variant("original", "torch-fp32", save_raner(model, tokenizer, tmp_path / "float"), model),
        Variant("quantized", "torch-int8", save_quantized(quantize(model), tokenizer, tmp_path / "int8"), model),
        Variant("original", "onnx-fp32", export_onnx(model, tokenizer, tmp_path / "onnx"), model),
        Variant("sentences", "onnx-fp32", tmp_path / "onnx", model, loader=load_onnx_sentence_tagger),
    ]
    run = open_run(str(tmp_path / "run"), quick=True)
    rows = measure_variants(run, parts, "99", "mini")
    assert rows == run.ledger.rows()
    assert [(row["stage"], row["backend"]) for row in rows] == [(v.stage, v.backend) for v in parts]
    assert all(row["latency_ms"]["p50"] > 0 and row["rss_mb"] > 50 and row["f1"] is None for row in rows)
    assert {row["machine"]["threads"] for row in rows} == {2}
    assert rows[1]["file_bytes"] < rows[0]["file_bytes"]
    assert [row["machine"]["versions"].get("provider") for row in rows] == [None, None, *[providers()[0]] * 2]
    assert rows[1]["machine"]["versions"]["quantized engine"] == torch.backends.quantized.engine
    assert [row["reading"] for row in rows] == ["whole", "whole", "whole", "packed"]
    assert len({row["session"] for row in rows}) == 1 and rows[0]["session"]
    assert {row["times_as_fast"]["base"] for row in rows} == {"original/torch-fp32/whole"}
    assert [rows[0]["times_as_fast"][key] for key in ("value", "low", "high")] == [1.0] * 3
    assert {row["seed"] for row in rows} == {run.seed} and {row["steps"] for row in rows} == {None}
    again = measure_variants(run, parts[2:], "98", "mini")
    assert run.ledger.rows() == rows + again and again[0]["session"] != rows[0]["session"]
    assert again[1]["times_as_fast"]["base"] == "original/onnx-fp32/whole"


def test_times_of_a_session_that_is_over_are_the_rows_own(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    path, run = save_raner(model, tokenizer, tmp_path / "float"), open_run(str(tmp_path / "run"), quick=True)
    session = measure_taggers({"first": load_tagger(path), "second": load_tagger(path)}, ["天地"], Rounds(3))
    parts = [Variant(stage, "torch-fp32", path, model) for stage in session]
    rows = measure_variants(run, parts, "99", "mini", times=list(session.values()))
    assert [row["latency_ms"]["p50"] for row in rows] == [round(each.p50, 3) for each in session.values()]
    assert {row["session"] for row in rows} == {session["first"].session}


def test_a_scored_variant_says_how_it_was_scored_and_how_far_it_is_from_its_baseline(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    path = save_quantized(quantize(model), tokenizer, tmp_path / "int8")
    sentences = open_run(quick=True).test[:8]
    scored = evaluate(load_quantized_tagger(path), sentences)
    known = {"steps": 40, "seed": 7, "baseline": ("original", scored), "reading": "whole", "batch_size": 1}
    part = Variant("quantized", "torch-int8", path, model, scored, **known)
    (row,) = measure_variants(open_run(str(tmp_path / "run"), quick=True), [part], "99", "mini")
    assert (row["batch_size"], row["steps"], row["seed"]) == (1, 40, 7)
    assert row["f1_difference"] == {"base": "original", "value": 0.0, "low": 0.0, "high": 0.0}


def test_what_is_scored_otherwise_than_it_is_timed_is_not_measured(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    path, run = save_raner(model, tokenizer, tmp_path / "float"), open_run(str(tmp_path / "run"), quick=True)
    scored = evaluate(by_sentence(load_tagger(path)), run.test[:2])
    for known in ({"evaluation": scored}, {"reading": "packed"}, {"evaluation": scored, "batch_size": 1}):
        with pytest.raises(ValueError, match="original/torch-fp32: what is scored must be what is timed, not "):
            measure_variants(run, [Variant("original", "torch-fp32", path, model, **known)], "99", "mini")
    assert run.ledger.rows() == []


def test_what_was_measured_is_kept_when_one_memory_fails(tiny_published, tmp_path, monkeypatch):
    model, tokenizer = load_raner(tiny_published)
    path = save_raner(model, tokenizer, tmp_path / "float")
    names = ("first", "second", "third")
    parts = [Variant(name, "torch-fp32", shutil.copytree(path, tmp_path / name), model) for name in names]

    def measured(loader, path, text, threads):
        if path.name == "second":
            raise BenchmarkError("no memory of the second")
        return Memory(200.0 + len(path.name), 100.0)

    monkeypatch.setattr(variants, "peak_memory", measured)
    run = open_run(str(tmp_path / "run"), quick=True)
    with pytest.raises(BenchmarkError, match="no memory of the second"):
        measure_variants(run, parts, "99", "mini")
    assert {row["stage"]: row["rss_mb"] for row in run.ledger.rows()} == {
        "first": 205.0,
        "second": None,
        "third": 205.0,
    }
    assert all(row["latency_ms"] and row["file_bytes"] for row in run.ledger.rows())


def test_both_time_and_memory_are_taken_on_two_threads(tiny_published, tmp_path, monkeypatch):
    seen = {"time": set(), "memory": set()}

    def load(path):
        tagger = load_tagger(path)

        def backend(ids, mask):
            seen["time"].add(torch.get_num_threads())
            return tagger.backend(ids, mask)

        return replace(tagger, backend=backend)

    def measured(loader, path, text, threads):
        seen["memory"].add(threads)
        return Memory(2.0, 1.0)

    monkeypatch.setattr(variants, "peak_memory", measured)
    model, tokenizer = load_raner(tiny_published)
    variant = Variant("original", "torch-fp32", save_raner(model, tokenizer, tmp_path / "float"), model, loader=load)
    with pinned_threads(3):
        (row,) = measure_variants(open_run(str(tmp_path / "run"), quick=True), [variant], "99", "mini")
    assert seen == {"time": {2}, "memory": {2}} and row["machine"]["threads"] == 2


def test_what_is_none_of_the_courses_own_kinds_is_left_to_the_usual_loader(tiny_published):
    text = "国家图书馆馆长陈默昨日在北京说"
    assert load_saved_tagger(tiny_published).predict([text]) == load_tagger(tiny_published).predict([text])
    with pytest.raises(CheckpointError, match="no such model directory"):
        load_saved_tagger("nowhere")


def test_what_is_in_eight_bits_knows_it(exported, tmp_path):
    model, tokenizer, path = exported
    texts = ["国家图书馆馆长陈默昨日在北京说", "新华社北京电"]
    saved = save_quantized(quantize(model), tokenizer, tmp_path / "torch")
    rounded = [quantize_onnx(path, tmp_path / "int8"), quantize_onnx_static(path, tmp_path / "static", texts)]
    rounded.append(quantize_openvino(path, tmp_path / "openvino", texts))
    assert all(load_saved_tagger(each).eight_bits for each in (saved, *rounded))
    assert load_onnx_sentence_tagger(rounded[0]).eight_bits
    exact = save_raner(model, tokenizer, tmp_path / "fp32"), export_openvino(path, tmp_path / "openvino32")
    assert not any(load_saved_tagger(each).eight_bits for each in (path, *exact))


def test_every_backend_of_the_ledger_can_be_loaded():
    assert LOADERS.keys() == set(BACKENDS)


def test_a_variant_may_name_its_own_loader(tmp_path):
    loaded = Variant("x", "onnx-int8", tmp_path, None, loader=lambda path: ("mine", path)).load()
    assert loaded == ("mine", tmp_path)


def test_floats_of_torch_need_no_name(tmp_path):
    assert engine("torch-fp32", tmp_path) == {} and engine("onnx-int8", tmp_path) == {"provider": providers()[0]}
