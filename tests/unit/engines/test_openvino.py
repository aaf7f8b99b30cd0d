"""OpenVINO against torch."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.pruning.remove import prune_heads
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_files import GRAPH_FILE
from utils.engines.openvino import (
    OPENVINO_FILE,
    export_openvino,
    load_openvino_sentence_tagger,
    load_openvino_tagger,
    quantize_openvino,
)
from utils.files import ROOT, CheckpointError
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tagger import by_sentence


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model with 4 and 1 heads."""
    model, tokenizer = prune_heads(random_raner(4), {1: [0, 2, 3]}), tiny_tokenizer()
    return model, tokenizer, export_onnx(model, tokenizer, tmp_path_factory.mktemp("onnx"))


def inputs(model, batch, length):
    ids = np.random.default_rng(length).integers(5, model.config.vocab_size, (batch, length))
    mask = np.ones_like(ids)
    mask[-1, length // 2 + 1 :] = 0
    return ids, mask


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, 2), (8, 37), (1, 500), (8, 500)])
def test_float32_is_float32(exported, tmp_path_factory, batch, length):
    """Left alone, OpenVINO would compute in bfloat16 on CPUs that can, hundreds of times as far off."""
    model, tokenizer, source = exported
    path = export_openvino(source, tmp_path_factory.mktemp("openvino"))
    ids, mask = inputs(model, batch, length)
    difference = load_openvino_tagger(path, 1).backend(ids, mask) - torch_tagger(model, tokenizer).backend(ids, mask)
    assert np.abs(difference[mask.astype(bool)]).max() < 1e-4


def test_int8_is_smaller_and_close(exported, tmp_path):
    _, tokenizer, source = exported
    texts = random_texts(12)
    whole, small = export_openvino(source, tmp_path / "f"), quantize_openvino(source, tmp_path / "q", texts)
    sizes = [path.with_suffix(".bin").stat().st_size for path in (whole / OPENVINO_FILE, small / OPENVINO_FILE)]
    assert sizes[1] < 0.75 * sizes[0]
    batch = tokenizer.batch(texts)
    exact, rounded = (load_openvino_tagger(path, 1).backend(*batch[:2]) for path in (whole, small))
    real = batch.attention_mask.astype(bool)
    assert 0 < np.abs(exact - rounded)[real].max() < 0.2 * np.abs(exact[real]).max()


def test_sentences_can_be_packed_there_too(exported, tmp_path):
    model, tokenizer, source = exported
    path = export_openvino(source, tmp_path)
    texts = ["天地。玄黄宇宙！洪荒abc。", *random_texts(4)]
    found = load_openvino_sentence_tagger(path, 1).predict(texts)
    wanted = by_sentence(torch_tagger(model, tokenizer)).predict(texts)
    assert [[e.span for e in text] for text in found] == [[e.span for e in text] for text in wanted]


@pytest.mark.parametrize("at_once", [1, 2])
def test_several_threads_may_ask(exported, tmp_path, at_once):
    tagger, texts = load_openvino_tagger(export_openvino(exported[2], tmp_path), 1, at_once), random_texts(40)
    wanted = [tagger.predict([text]) for text in texts]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda text: tagger.predict([text]), texts)) == wanted


def test_quantising_says_nothing(exported, tmp_path, capsys):
    quantize_openvino(exported[2], tmp_path, random_texts(2))
    assert capsys.readouterr().out == ""


def test_quantising_tells_nobody_who_does_it(exported, tmp_path):
    """Left alone, both libraries make up an id for the user, keep it in the home folder and send it to their makers."""
    home, folders = tmp_path / "home", (str(exported[2]), str(tmp_path / "out"))
    home.mkdir()
    code = f"from utils.engines.openvino import quantize_openvino; quantize_openvino(*{folders!r}, ['天地玄黄'])"
    environment = os.environ | {"HOME": str(home), "USERPROFILE": str(home), "CI": ""}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True)
    assert (tmp_path / "out" / OPENVINO_FILE).is_file() and list(home.rglob("*cid*")) == []


def test_broken_graphs_are_clear_errors(exported, tmp_path):
    (tmp_path / GRAPH_FILE).write_bytes(b"not a graph")
    with pytest.raises(CheckpointError, match="OpenVINO cannot read"):
        export_openvino(tmp_path, tmp_path / "out")
    with pytest.raises(CheckpointError, match="OpenVINO cannot read"):
        load_openvino_tagger(tmp_path, 1)
