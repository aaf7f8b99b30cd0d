"""The committed notebooks: clean, equal to their sources, repeatable, runnable with other parameters."""

import os
import subprocess
import sys
from pathlib import Path

import hygiene
import nbformat
import pytest

from utils.course import main
from utils.ledger import Ledger
from utils.report import ARTICLE

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ROW = {
    "stage", "notebook", "scale", "backend", "heads_per_layer", "ffn_per_layer", "vocabulary", "parameters",
    "file_bytes", "precision", "recall", "f1", "f1_low", "f1_high", "f1_by_type", "latency_ms", "rss_mb", "machine",
}  # fmt: skip

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_the_stations_of_this_course_are_there():
    built = {path.stem for path in NOTEBOOKS}
    assert built == {path.stem for path in FOLDER.glob("source/*.py")}
    assert {"00_start_here", "01_raner_and_its_data", "02_measuring_fairly", "08_the_whole_pipeline"} <= built


@each_notebook
@pytest.mark.parametrize("rule", hygiene.RULES, ids=lambda rule: rule.__name__)
def test_hygiene(path, rule):
    assert rule(nbformat.read(path, 4)) == []


@each_notebook
def test_the_notebook_was_built_from_its_source(path):
    source = (FOLDER / "source" / f"{path.stem}.py").read_text("utf-8")
    assert hygiene.source_agrees(nbformat.read(path, 4), source) == []


@pytest.mark.notebooks
@pytest.mark.timeout(1800)
@each_notebook
def test_a_second_execution_prints_the_same(path):
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "-p", "no:cacheprovider", "-q"]
    command = [sys.executable, "-m", "pytest", *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONWARNINGS": ""})
    assert done.returncode == 0, done.stdout[-8000:]


@pytest.mark.notebooks
@pytest.mark.timeout(1800)
def test_the_whole_course_runs_with_another_seed(tmp_path):
    assert main(["run", "--quick", "--seed", "2", "--out", str(tmp_path)]) == 0
    rows = Ledger(tmp_path / "latest" / "ledger.json").rows()
    found = {(row["stage"], row["backend"], row["scale"]) for row in rows}
    assert {(v.stage, v.backend, scale) for v in ARTICLE for scale in ("mini", "article")} <= found
    for row in rows:
        assert row.keys() == ROW
        assert row["latency_ms"] is None or 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p95"]
        assert row["f1"] is None or 0 <= row["f1_low"] <= row["f1"] <= row["f1_high"] <= 100
