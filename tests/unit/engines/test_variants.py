"""Several versions measured together: one complete row each."""

import shutil
from dataclasses import replace

import pytest
import torch

from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.saved import save_quantized
from utils.engines import variants
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_session import load_onnx_sentence_tagger, providers
from utils.engines.variants import LOADERS, Variant, engine, load_saved_tagger, measure_variants
from utils.files import CheckpointError
from utils.measure.latency import pinned_threads
from utils.measure.memory import BenchmarkError, Memory
from utils.measure.row import BACKENDS
from utils.measure.run import open_run
from utils.model.checkpoint import load_raner, save_raner
from utils.model.torch_tagger import load_tagger


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


def test_a_directory_for_openvino_says_what_is_missing(exported, tmp_path, monkeypatch):
    shutil.copytree(exported[2], tmp_path / "other", ignore=shutil.ignore_patterns("model.onnx"))
    (tmp_path / "other" / "model.xml").touch()
    monkeypatch.setattr(variants, "available", lambda: False)
    with pytest.raises(CheckpointError, match="OpenVINO, which is not installed; make course PEERS=1"):
        load_saved_tagger(tmp_path / "other")


def test_what_is_none_of_the_courses_own_kinds_is_left_to_the_usual_loader(tiny_published):
    text = "国家图书馆馆长陈默昨日在北京说"
    assert load_saved_tagger(tiny_published).predict([text]) == load_tagger(tiny_published).predict([text])
    with pytest.raises(CheckpointError, match="no such model directory"):
        load_saved_tagger("nowhere")


def test_every_backend_of_the_ledger_can_be_loaded():
    assert LOADERS.keys() == set(BACKENDS)


def test_a_variant_may_name_its_own_loader(tmp_path):
    loaded = Variant("x", "onnx-int8", tmp_path, None, loader=lambda path: ("mine", path)).load()
    assert loaded == ("mine", tmp_path)


def test_floats_of_torch_need_no_name(tmp_path):
    assert engine("torch-fp32", tmp_path) == {} and engine("onnx-int8", tmp_path) == {"provider": providers()[0]}
