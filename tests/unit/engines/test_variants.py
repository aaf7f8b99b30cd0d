"""Several versions measured together: one complete row each."""

import torch

from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.saved import save_quantized
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_session import load_onnx_sentence_tagger, providers
from utils.engines.variants import LOADERS, Variant, engine, measure_variants
from utils.measure.row import BACKENDS
from utils.measure.run import open_run
from utils.model.checkpoint import load_raner, save_raner


def test_each_variant_gets_its_row(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    variants = [
        Variant("original", "torch-fp32", save_raner(model, tokenizer, tmp_path / "float"), model),
        Variant("quantized", "torch-int8", save_quantized(quantize(model), tokenizer, tmp_path / "int8"), model),
        Variant("original", "onnx-fp32", export_onnx(model, tokenizer, tmp_path / "onnx"), model),
        Variant("sentences", "onnx-fp32", tmp_path / "onnx", model, loader=load_onnx_sentence_tagger),
    ]
    run = open_run(str(tmp_path / "run"), quick=True)
    rows = measure_variants(run, variants, "99", "mini")
    assert rows == run.ledger.rows()
    assert [(row["stage"], row["backend"]) for row in rows] == [(v.stage, v.backend) for v in variants]
    assert all(row["latency_ms"]["p50"] > 0 and row["rss_mb"] > 50 and row["f1"] is None for row in rows)
    assert {row["machine"]["threads"] for row in rows} == {2}
    assert rows[1]["file_bytes"] < rows[0]["file_bytes"]
    assert [row["machine"]["versions"].get("provider") for row in rows] == [None, None, *[providers()[0]] * 2]
    assert rows[1]["machine"]["versions"]["quantized engine"] == torch.backends.quantized.engine


def test_every_backend_of_the_ledger_can_be_loaded():
    assert LOADERS.keys() == set(BACKENDS)


def test_a_variant_may_name_its_own_loader(tmp_path):
    loaded = Variant("x", "onnx-int8", tmp_path, None, loader=lambda path: ("mine", path)).load()
    assert loaded == ("mine", tmp_path)


def test_floats_of_torch_need_no_name(tmp_path):
    assert engine("torch-fp32", tmp_path) == {} and engine("onnx-int8", tmp_path) == {"provider": providers()[0]}
