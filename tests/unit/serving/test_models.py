"""Which model is served: ONNX directory or file, torch, torch INT8, or the embedded one, built once."""

import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest
from onnxruntime import InferenceSession
from tiny_models import random_raner, tiny_tokenizer

from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.saved import save_quantized
from utils.engines.cascade_files import save_cascade
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_quantize import quantize_onnx
from utils.engines.openvino import export_openvino
from utils.files import CheckpointError
from utils.model.checkpoint import save_raner
from utils.model.torch_tagger import torch_tagger
from utils.serving import models
from utils.serving.models import default_model, open_model

TEXT = "天地玄黄宇宙洪荒"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One model in every form, in directories named by it."""
    folder, model, tokenizer = tmp_path_factory.mktemp("models"), random_raner(), tiny_tokenizer()
    save_raner(model, tokenizer, folder / "torch")
    export_onnx(model, tokenizer, folder / "onnx")
    quantize_onnx(folder / "onnx", folder / "onnx-int8")
    export_openvino(folder / "onnx", folder / "openvino")
    save_quantized(quantize(model), tokenizer, folder / "torch-int8")
    return folder


@pytest.fixture(scope="module")
def expected():
    return [entity.span for entity in torch_tagger(random_raner(), tiny_tokenizer()).predict([TEXT])[0]]


@pytest.mark.parametrize("form", ["torch", "onnx", "onnx/model.onnx", "openvino"])
def test_every_form_is_opened_and_answers_like_the_model(saved, expected, form):
    name, load = open_model(saved / form)
    assert name.startswith(f"{form.split('/')[0]}@")
    assert [entity.span for entity in load().predict([TEXT])[0]] == expected and expected


def test_a_cascade_is_opened_and_its_name_knows_both_halves_and_the_threshold(saved, expected, tmp_path):
    paths = [
        save_cascade(saved / "onnx-int8", saved / "onnx", threshold, tmp_path / f"{threshold}" / "cascade")
        for threshold in (1.5, 0.5)
    ]
    name, load = open_model(paths[0])
    assert name.startswith("cascade@") and name != open_model(paths[1])[0]
    assert [entity.span for entity in load().predict([TEXT], 1)[0]] == expected


def test_a_sentence_is_computed_by_as_many_threads_as_were_asked_for(saved, monkeypatch):
    opened = Mock(wraps=InferenceSession)
    monkeypatch.setattr("onnxruntime.InferenceSession", opened)
    for threads in (1, 2):
        open_model(saved / "onnx", threads)[1]()
    assert [call.args[1].intra_op_num_threads for call in opened.call_args_list] == [1, 2]


@pytest.mark.parametrize("form", ["onnx-int8", "torch-int8"])
def test_int8_forms_are_opened(saved, form):
    name, load = open_model(str(saved / form))
    assert name.startswith(f"{form}@") and load().predict([TEXT])[0]


def test_a_name_belongs_to_the_weights(saved, tmp_path):
    shutil.copytree(saved / "onnx", tmp_path / "onnx")
    assert open_model(tmp_path / "onnx")[0] == open_model(saved / "onnx")[0]
    shutil.copy(saved / "onnx-int8" / "model.onnx", tmp_path / "onnx")
    assert open_model(tmp_path / "onnx")[0] != open_model(saved / "onnx")[0]


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="absent.onnx"):
        open_model(tmp_path / "absent.onnx")
    name, load = open_model(tmp_path / "absent")
    with pytest.raises(CheckpointError, match="absent"):
        load()


def test_another_export_is_another_model(tmp_path, monkeypatch):
    code = tmp_path / "export.py"
    code.write_text("a = 1")
    monkeypatch.setattr(models, "EXPORTERS", (code,))
    first = models.exporter()
    assert models.exporter() == first and re.fullmatch("[0-9a-f]{8}", first)
    monkeypatch.setattr(models, "LIBRARIES", ("onnx",))
    second = models.exporter()
    assert second != first
    code.write_text("a = 2")
    assert models.exporter() != second


BUILDS = """
import sys
import utils.engines.onnx_export, utils.engines.onnx_quantize, utils.model.checkpoint
for name, module in list(sys.modules.items()):
    if name.startswith("utils."):
        print(module.__file__)
"""


def test_what_decides_is_code_that_an_export_runs():
    done = subprocess.run([sys.executable, "-c", BUILDS], capture_output=True, text=True, check=True)
    loaded = set(map(Path, done.stdout.splitlines()))
    assert set(models.EXPORTERS) <= loaded
    assert {file for file in loaded if file.name.startswith("onnx_")} <= set(models.EXPORTERS)


def test_two_that_need_the_default_at_once_build_it_once(tmp_path, monkeypatch):
    """As the workers of gunicorn do."""
    built = []

    def build(source, path):
        built.append(path)
        path.mkdir()

    monkeypatch.setattr(models, "ProcessPoolExecutor", lambda count, context: ThreadPoolExecutor(count))
    monkeypatch.setattr(models, "BUILT", tmp_path / "serving")
    monkeypatch.setattr(models, "build", build)
    with ThreadPoolExecutor(4) as workers:
        paths = [worker.result() for worker in [workers.submit(default_model) for _ in range(4)]]
    assert len(built) == 1 and {*paths} == {*built}


def test_the_default_is_built_once_in_int8(saved, tmp_path, monkeypatch):
    """Here in a thread; the server builds in a process of its own, so that torch stays out of it."""
    monkeypatch.setattr(models, "ProcessPoolExecutor", lambda count, context: ThreadPoolExecutor(count))
    monkeypatch.setattr(models, "EMBEDDED", saved / "torch")
    monkeypatch.setattr(models, "BUILT", tmp_path)
    path = default_model()
    built = (path / "model.onnx").stat()
    assert built.st_size < (saved / "onnx" / "model.onnx").stat().st_size
    assert default_model() == path
    assert (path / "model.onnx").stat().st_mtime_ns == built.st_mtime_ns
    assert [child.name for child in tmp_path.iterdir()] == [path.name]
    assert open_model(path)[1]().predict([TEXT])[0]
