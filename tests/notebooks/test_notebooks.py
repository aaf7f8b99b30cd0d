"""The committed notebooks: clean, equal to their sources, repeatable, runnable with other parameters."""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import hygiene
import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_output

from utils.compress.pruning.remove import prune_neurons, prune_vocabulary
from utils.course import edition, runs
from utils.course.cli import main
from utils.course.notebooks import with_solutions
from utils.course.report import ARTICLE, OWN
from utils.course.solutions import is_solution
from utils.measure.ledger import Ledger
from utils.measure.machine import machine
from utils.measure.row import Row
from utils.model.checkpoint import load_raner, save_raner
from utils.text.corpus import load_corpus
from utils.text.entities import Corpus

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ANSWERS_ONLY = {"PYTHONWARNINGS": "", "COURSE_REPEATS": "1"}
"""For runs of which nobody reads the times."""

FAST = "avx512f" in machine()["flags"]
"""Elsewhere the course takes several times as long, and all notebooks are compared in small sizes."""

SMALL = {
    "05_recovery",
    "06_dynamic_quantization",
    "07_onnx_runtime",
    "07b_reading",
    "08_the_whole_pipeline",
    "10_distillation",
    "11_adaptive_computation",
}
"""The longest: compared in small sizes everywhere, or `make test` would take too long."""

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


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """A folder for copies of notebooks and for the run in which they share their artifacts."""
    return tmp_path_factory.mktemp("notebooks")


def set_quick(notebook: NotebookNode, run_dir: Path) -> NotebookNode:
    """A copy with small sizes and a run of its own; outputs stay those of the full sizes, which `sizes` cells print."""
    small = copy.deepcopy(notebook)
    for cell in small.cells:
        if "sizes" in cell.metadata.get("tags", []):
            cell.metadata.tags.append(hygiene.NOISY)
    cell = next(cell for cell in small.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source = f'run_dir = {str(run_dir)!r}\nmodel = ""\ncorpus = ""\nseed = 1\nquick = True'
    return small


def with_right_solutions(path: Path) -> NotebookNode:
    """A notebook with its source's solutions, which print that they are right; what waits for them may print all."""
    solved = with_solutions(nbformat.read(path, 4), path.parent / "source" / f"{path.stem}.py")
    for cell in filter(is_solution, solved.cells):
        cell.outputs, cell.execution_count = [new_output("stream", text="✓ right\n")], 1
    for cell in filter(hygiene.waits, hygiene.code_cells(solved)):
        cell.metadata["tags"] = [*cell.metadata.get("tags", []), hygiene.NOISY]
    return solved


@pytest.mark.notebooks
@pytest.mark.timeout(1800)
@each_notebook
def test_a_second_execution_prints_the_same(path, workplace):
    """As it is published: without solutions, unless no other execution in this file would reach them."""
    if not FAST or path.stem in SMALL:
        small = set_quick(nbformat.read(path, 4) if FAST else with_right_solutions(path), workplace / "run")
        path = workplace / path.name
        nbformat.write(small, path)
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "-p", "no:cacheprovider", "-q"]
    command = [sys.executable, "-m", "pytest", *options, "--rootdir", str(path.parent), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ANSWERS_ONLY)
    assert done.returncode == 0, done.stdout[-8000:]


def check_ledger(run: Path, stages: set[tuple[str, str, str]]) -> None:
    """These `(stage, backend, scale)` are there, and every row is possible."""
    rows = Ledger(run / "ledger.json").rows()
    assert stages <= {(row["stage"], row["backend"], row["scale"]) for row in rows}
    for row in rows:
        assert row.keys() == Row.model_fields.keys()
        assert row["latency_ms"] is None or 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p95"]
        assert row["f1"] is None or 0 <= row["f1_low"] <= row["f1"] <= row["f1_high"] <= 100


def check_solutions(run: Path) -> None:
    """Every notebook of the run has solutions, and all of them are right."""
    for path in run.glob("[0-9]*.ipynb"):
        executed = nbformat.read(path, 4)
        assert any(map(is_solution, executed.cells)), path.stem
        assert hygiene.wrong_solutions(executed) == [], path.stem


VERSIONS = {(version.stage, version.backend, scale) for version in (*ARTICLE, *OWN) for scale in ("mini", "article")}


def write_conll(path: Path, sentences) -> None:
    """Characters and BIO tags in columns, an empty line behind each sentence."""
    with path.open("w", encoding="utf-8") as file:
        for sentence in sentences:
            tags = ["O"] * len(sentence.text)
            for start, end, kind in sentence.spans:
                tags[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
            file.writelines(f"{character} {tag}\n" for character, tag in zip(sentence.text, tags, strict=True))
            file.write("\n")


@pytest.fixture
def other_corpus(tmp_path) -> Path:
    """A directory of CoNLL files: some of our own sentences, without their domains and traps."""
    for name, sentences, count in zip(Corpus._fields, load_corpus(), (600, 30, 30), strict=True):
        write_conll(tmp_path / f"{name}.txt", [s for s in sentences if not re.search(r"\s", s.text)][-count:])
    return tmp_path


@pytest.fixture
def other_model(tmp_path) -> Path:
    """A directory with the embedded model, less a layer's neurons, some others, and the characters nobody needs."""
    model, tokenizer = load_raner()
    fewer = prune_neurons(model, {2: list(range(100)), 7: list(range(1536))})
    texts = [sentence.text for split in load_corpus() for sentence in split]
    return save_raner(*prune_vocabulary(fewer, tokenizer, texts), tmp_path / "model")


@pytest.mark.notebooks
@pytest.mark.timeout(3600)
def test_the_course_runs_with_other_parameters_and_its_solutions_are_right(
    tmp_path, other_corpus, other_model, monkeypatch
):
    for name, value in ANSWERS_ONLY.items():
        monkeypatch.setenv(name, value)
    settings = ["--quick", "--seed", "2", "--corpus", str(other_corpus), "--model", str(other_model)]
    chosen = [] if FAST else ["--notebooks", "00", "01", "03", "08"]  # the others were just run in small sizes
    with edition.plain_notebooks(solved=True) as notebooks:
        monkeypatch.setattr(runs, "NOTEBOOKS", notebooks)
        assert main(["run", *settings, *chosen, "--out", str(tmp_path / "runs")]) == 0
    check_solutions(tmp_path / "runs" / "latest")
    check_ledger(tmp_path / "runs" / "latest", VERSIONS)
    original = Ledger(tmp_path / "runs" / "latest" / "ledger.json").row("original", "mini", "torch-fp32")
    assert original["ffn_per_layer"] == [1536, 1536, 1436, *[1536] * 4, 0, *[1536] * 4]
    assert original["vocabulary"] < load_raner()[0].config.vocab_size
