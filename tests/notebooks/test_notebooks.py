"""The committed notebooks: clean, equal to their sources, repeatable, runnable with other parameters."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import hygiene
import nbformat
import pytest
from executions import ANSWERS_ONLY, ELSEWHERE, FAST
from nbformat import NotebookNode
from nbformat.v4 import new_output

from utils.course.notebooks import with_solutions
from utils.course.numbering import number_of
from utils.course.solutions import is_solution

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SMALL = {
    "04_pruning",
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
@pytest.mark.timeout(3600)
@each_notebook
def test_a_second_execution_prints_the_same(path, workplace):
    """As it is published, or with its solutions, where no other test executes those."""
    elsewhere = number_of(path.stem) in ELSEWHERE
    notebook = nbformat.read(path, 4) if elsewhere else with_right_solutions(path)
    if not FAST or path.stem in SMALL:
        notebook = set_quick(notebook, workplace / "run")
    path = workplace / path.name
    nbformat.write(notebook, path)
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=900", "-p", "no:cacheprovider", "-q"]
    command = [sys.executable, "-m", "pytest", *options, "--rootdir", str(path.parent), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ANSWERS_ONLY)
    assert done.returncode == 0, done.stdout[-8000:]
