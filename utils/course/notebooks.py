"""Executing notebooks: a run's copies through papermill, the committed ones from their sources.

A notebook appears under its own name only when all its cells went through.
"""

import copy
import json
import os
from pathlib import Path
from time import perf_counter

import jupytext
import nbformat
import papermill
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

from utils.course.cell_bars import line_options
from utils.course.kernels import ARGUMENTS, ENGINE, interruptible
from utils.course.solutions import is_solution
from utils.files import write_atomically

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class NotebookError(Exception):
    """A notebook that failed; the message names notebook, cell and error."""


def execute_notebook(notebook: Path, folder: Path, parameters: dict) -> float:
    """Run one notebook with its parameters set, in `folder` and into it; returns minutes.

    A notebook that fails is kept as `*.failed.ipynb`.

    Raises:
        NotebookError: a cell raised an error, or the kernel died.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    partial, failed = folder / f".{notebook.name}", folder / f"{notebook.stem}.failed.ipynb"
    options = {"engine_name": ENGINE, "kernel_name": KERNEL["name"], "progress_bar": line_options(notebook.stem)}
    start = perf_counter()
    try:
        papermill.execute_notebook(notebook, partial, parameters, cwd=folder, **options)
    except (papermill.PapermillExecutionError, RuntimeError) as error:
        os.replace(partial, failed)
        raise NotebookError(f"{notebook.name}, cell {_last_started(failed)}: {_reason(error)} (see {failed})") from None
    os.replace(partial, folder / notebook.name)
    failed.unlink(missing_ok=True)
    return (perf_counter() - start) / 60


def _last_started(notebook: Path) -> int:
    """Number of the code cell at which papermill stopped, from 1, the injected parameters counted."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    started = [cell["metadata"].get("papermill", {}).get("start_time") for cell in cells if cell["cell_type"] == "code"]
    return sum(time is not None for time in started)


def _reason(error: Exception) -> str:
    name, text = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", str(error))
    return f"{name}: {text}"


def plain_notebook(source: Path, solved: bool = False) -> nbformat.NotebookNode:
    """A jupytext percent script as a notebook that was not executed yet; the same one each time.

    Args:
        solved: with the solutions, which no published notebook has. All other cells have the same `id` either way.
    """
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03}"  # jupytext draws a random one: every build would differ
    notebook.cells = [cell for cell in notebook.cells if solved or not is_solution(cell)]
    return notebook


def with_solutions(notebook: nbformat.NotebookNode, source: Path) -> nbformat.NotebookNode:
    """A copy of the notebook that was built from `source`, with the solutions in their places, not executed."""
    built = {cell.id: cell for cell in copy.deepcopy(notebook.cells)}
    solved = plain_notebook(source, solved=True)
    solved.cells = [cell if is_solution(cell) else built[cell.id] for cell in solved.cells]
    solved.metadata = copy.deepcopy(notebook.metadata)
    return solved


def build_notebook(source: Path, target: Path) -> None:
    """One jupytext percent script to one notebook with outputs, as published; the old one stays where a cell fails.

    Raises:
        NotebookError: a cell raised an error, or the kernel died.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    notebook = plain_notebook(source)
    with tqdm(total=sum(cell.cell_type == "code" for cell in notebook.cells), desc=source.stem, unit="cell") as bar:
        _run_cells(notebook, target.parent, bar)
    write_notebook(notebook, target)


def write_notebook(notebook: nbformat.NotebookNode, target: Path) -> None:
    """Replace a notebook's file as a whole; what the kernel said about Python's version stays out of it."""
    notebook.metadata.language_info = {"name": "python"}
    write_atomically(target, nbformat.writes(notebook) + "\n")


def with_outputs(plain: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The plain notebook with the outputs of the same cells in `executed`, as if these had been all.

    Cells that papermill put in, its times and its parameters stay behind; executions are counted from 1.
    """
    outputs = {cell.id: cell.outputs for cell in executed.cells if cell.cell_type == "code"}
    code = [cell for cell in plain.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, 1):
        cell.outputs, cell.execution_count = outputs[cell.id], count
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
    if "widgets" in executed.metadata:
        plain.metadata.widgets = executed.metadata.widgets
    return plain


def _run_cells(notebook: nbformat.NotebookNode, folder: Path, bar: tqdm) -> None:
    client = NotebookClient(
        notebook,
        kernel_name=KERNEL["name"],
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        on_cell_executed=lambda **_: bar.update(),
        extra_arguments=list(ARGUMENTS),
    )
    try:
        with interruptible(client), client.setup_kernel():
            for number, cell in enumerate(notebook.cells):
                client.execute_cell(cell, number, execution_count=client.code_cells_executed + 1)
            client.set_widgets_metadata()
    except (CellExecutionError, RuntimeError) as error:
        raise NotebookError(f"{bar.desc}, cell {client.code_cells_executed}: {_reason(error)}") from None
