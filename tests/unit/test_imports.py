"""What a process need not load for its work: each case in a fresh process, by its `sys.modules` at the end."""

import json
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_models import random_raner, tiny_tokenizer

import utils.text
from utils.engines.onnx_export import export_onnx
from utils.engines.openvino import export_openvino
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tagger import Tagger, by_sentence

ROOT = Path(__file__).resolve().parents[2]
TEXT = "天地玄黄。宇宙洪荒"
TEXT_MODULES = [module.name for module in pkgutil.walk_packages(utils.text.__path__, "utils.text.")]
HEAVY = {"torch", "transformers"}

TAG = """
import sys
from utils.engines.onnx_session import {loader}
(found,) = {loader}(sys.argv[1]).predict([sys.argv[2]])
spans = [list(entity.span) for entity in found]
"""

SERVE = """
import sys
from starlette.testclient import TestClient
from utils.serving.app import create_app
from utils.serving.models import open_model

name, load = open_model(sys.argv[1])
app = create_app(load, name)
with TestClient(app, base_url="http://127.0.0.1:8000") as client:
    client.portal.call(lambda: app.state.loading)
    (result,) = client.post("/v1/entities", json={"text": sys.argv[2]}).json()["results"]
spans = [[e["start"], e["end"], e["type"]] for e in result["entities"]]
"""


def run_alone(code: str, *arguments: str) -> tuple[set[str], list | None]:
    """The modules that a fresh process has loaded at the end of `code`, and what it calls `spans`."""
    report = "import json, sys\nprint(json.dumps([sorted(sys.modules), globals().get('spans')]))"
    command = [sys.executable, "-c", f"{code}\n{report}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    modules, spans = json.loads(done.stdout)
    return set(modules), spans


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    return export_onnx(random_raner(), tiny_tokenizer(), tmp_path_factory.mktemp("exported"))


def found_by_torch(reading: Callable[[Tagger], Tagger]) -> list[list]:
    (found,) = reading(torch_tagger(random_raner(), tiny_tokenizer())).predict([TEXT])
    return [list(entity.span) for entity in found]


@pytest.mark.parametrize(
    ("names", "unwanted"),
    [
        (["utils"], {*HEAVY, "numpy"}),
        (TEXT_MODULES, HEAVY),
        (["utils.tagger.tagger"], {"torch"}),
        (["utils.engines.onnx_checks"], {"torch", "matplotlib"}),
        (["utils.serving.app", "utils.serving.models"], {"torch"}),
        (["utils.compress.recipes"], {"transformers.trainer", "matplotlib"}),
        (["utils.model.pruned_shape"], {"transformers.trainer", "matplotlib"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_importing_does_not_load(names, unwanted):
    loaded, _ = run_alone(f"import {', '.join(names)}")
    assert set(names) <= loaded and not loaded & unwanted


def test_the_text_room_is_looked_through_whole():
    """The list above holds the readers in their own package, too."""
    assert {"utils.text.corpus", "utils.text.hub_datasets", "utils.text.formats.conll"} <= set(TEXT_MODULES)


@pytest.mark.parametrize(
    ("loader", "reading"), [("load_onnx_tagger", replace), ("load_onnx_sentence_tagger", by_sentence)]
)
def test_an_onnx_tagger_loads_and_runs_without_torch(exported, loader, reading):
    loaded, spans = run_alone(TAG.format(loader=loader), exported, TEXT)
    assert "onnxruntime" in loaded and not loaded & {"torch", "onnx", "matplotlib"}
    assert spans == found_by_torch(reading) and spans


def test_serving_an_onnx_model_loads_no_torch(exported):
    loaded, spans = run_alone(SERVE, exported, TEXT)
    assert "onnxruntime" in loaded and not loaded & {"torch", "openvino", "nncf"}
    assert spans == found_by_torch(by_sentence) and spans


def test_serving_an_openvino_model_loads_no_torch(exported, tmp_path):
    loaded, spans = run_alone(SERVE, export_openvino(exported, tmp_path), TEXT)
    assert "openvino" in loaded and not loaded & {"torch", "nncf"}
    assert spans == found_by_torch(by_sentence) and spans
