"""Exported graphs against torch, at every batch and length, pruned models included."""

import copy
import os
import shutil

import numpy as np
import pytest
import torch
from graphs import furthest
from tiny_models import random_raner, tiny_tokenizer

from utils.compress.quantization.dynamic import quantize
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_files import GRAPH_FILE, operator_counts
from utils.engines.onnx_session import load_onnx_tagger
from utils.files import CheckpointError
from utils.model.torch_tagger import torch_tagger
from utils.tagger.viterbi import viterbi
from utils.text.tags import spans_from_bioes


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("length", [1, 2, 37, 500])
def test_every_graph_of_a_whole_model_agrees_with_torch(exported, written_out, optimized, batch, length):
    model, _, path = exported
    for graph in (path, written_out, optimized):
        assert furthest(graph, model, batch, length) < 1e-4


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("length", [1, 2, 37, 500])
def test_pruned_models_agree_with_torch(cut, batch, length):
    model, _, path = cut
    assert furthest(path, model, batch, length) < 1e-4


def test_every_layer_with_heads_has_one_attention_operator(cut):
    model, _, path = cut
    layers = sum(hasattr(layer.attention.self, "query") for layer in model.bert.encoder.layer)
    assert operator_counts(path)["Attention"] == layers
    assert operator_counts(path)["Softmax"] == 0


def test_written_out_attention_has_its_softmax(exported, written_out):
    layers = exported[0].config.num_hidden_layers
    assert operator_counts(written_out)["Softmax"] == layers and operator_counts(written_out)["Attention"] == 0


@pytest.mark.parametrize("training", [True, False])
def test_export_leaves_the_model_as_it_was(exported, tmp_path, training):
    model, tokenizer, path = exported
    again = export_onnx(model.train(training), tokenizer, tmp_path)
    assert {module.training for module in model.modules()} == {training}
    assert model.eval().config._attn_implementation == "eager"
    assert (again / GRAPH_FILE).read_bytes() == (path / GRAPH_FILE).read_bytes()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_case_33_a_model_of_other_numbers_is_exported_as_float32(dtype, tmp_path):
    model, tokenizer = random_raner().to(dtype), tiny_tokenizer()
    path = export_onnx(model, tokenizer, tmp_path)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    whole = torch_tagger(copy.deepcopy(model).float(), tokenizer)
    ids, mask = tokenizer.batch(["天地玄黄", "宇宙洪荒，日月"])[:2]
    assert np.abs(load_onnx_tagger(path).backend(ids, mask) - whole.backend(ids, mask))[mask > 0].max() < 1e-4


def test_case_33_a_model_in_part_of_other_numbers_too(tmp_path):
    model, tokenizer = random_raner(), tiny_tokenizer()
    model.bert.to(torch.bfloat16)
    assert load_onnx_tagger(export_onnx(model, tokenizer, tmp_path)).predict(["天地玄黄"]) is not None


def test_an_int8_model_is_not_exported(tmp_path):
    with pytest.raises(CheckpointError, match="export the float32 one"):
        export_onnx(quantize(random_raner()), tiny_tokenizer(), tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_case_32_a_graph_that_is_a_git_lfs_pointer_is_called_one(exported, tmp_path):
    path = shutil.copytree(exported[2], tmp_path / "copy")
    (path / GRAPH_FILE).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n")
    with pytest.raises(CheckpointError, match=r"model\.onnx: a Git LFS pointer"):
        load_onnx_tagger(path)


def test_no_stack_trace_of_this_machine_is_in_the_file(exported):
    assert os.getcwd().encode() not in (exported[2] / GRAPH_FILE).read_bytes()


def test_predictions_are_those_of_torch(exported):
    model, tokenizer, path = exported
    texts = ["新华社北京二月十一日电（记者唐虹）", "", "eh 摇滚狗涂鸦 Abc123", "天气" * 400]
    found, expected = load_onnx_tagger(path).predict(texts), torch_tagger(model, tokenizer).predict(texts)
    assert [[e.span for e in text] for text in found] == [[e.span for e in text] for text in expected]


def test_decoding_is_the_course_s_own(exported):
    """The graph ends at the emissions: numpy finds the same entities in them."""
    model, tokenizer, path = exported
    tagger, text = load_onnx_tagger(path), "新华社北京二月十一日电"
    encoding = tokenizer.batch([text])
    rows = tagger.backend(encoding.input_ids, encoding.attention_mask)[:, 1:-1]
    (tags,) = viterbi(rows, np.array([len(text)]), *model.crf.scores())
    spans = spans_from_bioes([model.labels[tag] for tag in tags])
    assert [tuple(e.span) for e in tagger.predict([text])[0]] == [tuple(span) for span in spans]
