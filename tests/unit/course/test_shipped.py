"""The tagger that `make compress` made of the embedded model, and that the course brings along."""

import json
import re
import subprocess
import sys

import pytest

from utils.engines.onnx_session import load_onnx_sentence_tagger
from utils.engines.openvino import load_openvino_sentence_tagger
from utils.files import DATA, ROOT
from utils.measure.evaluation import evaluate
from utils.measure.ledger import Ledger
from utils.measure.memory import MB, directory_bytes
from utils.model.checkpoint import MINI_RANER
from utils.serving.models import open_model
from utils.text.corpus import load_corpus

SHIPPED = DATA / "models" / "mini-raner-compressed"
LOADERS = {"onnx-int8": load_onnx_sentence_tagger, "openvino-int8": load_openvino_sentence_tagger}

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from utils.serving.models import open_model
name, load = open_model(sys.argv[1])
print([(entity.text, entity.type) for entity in load().predict([sys.argv[2]])[0]])
"""


@pytest.fixture(scope="module")
def rows():
    return {row["stage"]: row for row in Ledger(SHIPPED / "ledger.json").rows()}


def test_it_answers_without_torch():
    command = [sys.executable, "-c", WITHOUT_TORCH, str(SHIPPED / "onnx-int8"), "阿里巴巴与云汀日报社昨日在上海签约。"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "('上海', 'LOC')" in found and "ORG" in found


def test_it_is_a_few_megabytes_and_nothing_is_built_at_the_start():
    before = {path: path.stat().st_mtime_ns for path in SHIPPED.rglob("*")}
    assert directory_bytes(SHIPPED) < 25 * MB
    _, load = open_model(SHIPPED / "onnx-int8")
    load()
    assert {path: path.stat().st_mtime_ns for path in SHIPPED.rglob("*")} == before


def test_its_card_is_the_commands_and_says_what_the_ledger_has(rows):
    state = json.loads((SHIPPED / "compress.json").read_text("utf-8"))
    card = (SHIPPED / "README.md").read_text("utf-8")
    assert state["state"] == "finished" and state["command"] in card
    result = rows["compressed"]
    line = rf"\| compressed \| {result['backend']} \| {result['latency_ms']['p50']:.1f} .*\| {result['f1']:.1f} \["
    assert re.search(line, card)
    assert (SHIPPED / "NOTICE").read_bytes() == (MINI_RANER / "NOTICE").read_bytes()


def test_its_f1_is_that_of_the_rows(rows):
    """Read anew on the same sentences; engines round otherwise on other CPUs."""
    backend = rows["compressed"]["backend"]
    found = evaluate(LOADERS[backend](SHIPPED / backend), load_corpus().test)
    assert found.scores.f1 == pytest.approx(rows["compressed"]["f1"], abs=1.0)
