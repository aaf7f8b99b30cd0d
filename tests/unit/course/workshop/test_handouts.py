"""Handouts and slides, against what the committed notebooks hold."""

import json
import re
from functools import cache

import nbformat
import pytest
from nbclient import NotebookClient

from utils.course.workshop import handouts
from utils.files import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def tagged(cells):
    return [cell for cell in cells if "solution" in cell.metadata.get("tags", [])]


def sources(cells):
    return [cell.source for cell in cells]


@each_notebook
def test_students_get_everything_but_solutions_and_outputs(path):
    raw = json.loads(path.read_text("utf-8"))["cells"]
    kept = ["".join(cell["source"]) for cell in raw if "solution" not in cell["metadata"].get("tags", [])]
    handout = handouts.student(nbformat.read(path, 4))
    assert sources(handout.cells) == kept and len(kept) < len(raw)
    code = [cell for cell in handout.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@each_notebook
def test_no_solution_text_is_left_and_every_exercise_is_open(path):
    notebook = nbformat.read(path, 4)
    handout = handouts.student(notebook)
    text = nbformat.writes(handout)
    assert all(json.dumps(cell.source)[1:-1] not in text for cell in tagged(notebook.cells))
    asked = [cell for cell in handout.cells if re.search(r"^exercise\(", cell.source, re.M)]
    assert len(asked) == len(tagged(notebook.cells)) > 0


def test_names_are_followed_through_cells_and_functions():
    new = nbformat.v4
    cells = [new.new_code_cell(source) for source in (
        "answer = ...",
        "exercise(answer, checker)",
        "answer = 42",
        "twice = 2 * answer",
        "def f(answer):\n    return answer",
        "def g():\n    return twice",
        "other = [answer for answer in range(3)]",
        "g()",
    )]  # fmt: skip
    cells[2].metadata["tags"] = ["solution"]
    assert handouts.waiting_cells(cells) == {1, 3, 5, 7}


@each_notebook
def test_no_cell_needs_a_name_that_only_a_solution_sets(path):
    notebook = nbformat.read(path, 4)
    code = [cell for cell in handouts.student(notebook).cells if cell.cell_type == "code"]
    read, written = (
        set().union(*names) for names in zip(*(handouts.global_names(c.source) for c in code), strict=True)
    )
    solved = set().union(*(handouts.global_names(cell.source)[1] for cell in tagged(notebook.cells)))
    assert read & solved <= written


def test_a_student_notebook_runs_to_its_end_and_says_what_is_not_attempted(tmp_path):
    handout = handouts.student(nbformat.read(NOTEBOOKS[0], 4))
    NotebookClient(handout, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in handout.cells if cell.cell_type == "code"]
    asked = [cell for cell in code if re.search(r"^exercise\(", cell.source, re.M)]
    assert asked and all("not attempted yet" in cell.outputs[0].text for cell in asked)
    assert all(cell.execution_count for cell in code)


@each_notebook
def test_instructors_get_solutions_unfolded_and_outputs(path):
    notebook = nbformat.read(path, 4)
    handout = handouts.instructor(notebook)
    assert sources(handout.cells) == sources(notebook.cells)
    assert not any(cell.metadata.get("jupyter", {}).get("source_hidden") for cell in tagged(handout.cells))
    assert [cell.get("outputs") for cell in handout.cells] == [cell.get("outputs") for cell in notebook.cells]


def small_notebook():
    new = nbformat.v4
    output = new.new_output("stream", text="42")
    return new.new_notebook(
        cells=[
            new.new_markdown_cell("# Title"),
            new.new_code_cell("seed = 1", metadata={"tags": ["parameters"]}),
            new.new_markdown_cell("## Section"),
            new.new_code_cell("one", outputs=[output]),
            new.new_code_cell("answer = 42", outputs=[output], metadata={"tags": ["solution"]}),
            new.new_code_cell("two", outputs=[output]),
            new.new_markdown_cell("text"),
            new.new_markdown_cell("### Part"),
            new.new_code_cell("three"),
        ]
    )


def test_headings_begin_slides_and_a_slide_has_one_output():
    kinds = [cell.metadata.slideshow.slide_type for cell in handouts.with_slide_types(small_notebook()).cells]
    assert kinds == ["slide", "skip", "slide", "-", "notes", "subslide", "-", "subslide", "-"]


@cache
def slides_of(path):
    return handouts.slides(nbformat.read(path, 4), path.stem)


@each_notebook
def test_slides_take_nothing_from_the_network(path):
    html = slides_of(path)
    code = re.sub(r"^\s*//.*", "", html, flags=re.M)
    fetched = re.findall(r"""https?://[^"'\s]+\.m?js\b|src=["']https?:[^"']+|<link[^>]+href=["']https?:[^"']+""", code)
    assert fetched == []
    local = set(re.findall(r"""["'](reveal/[^"']+)["']""", html))
    assert len(local) >= 4 and all((handouts.REVEAL.parent / name).is_file() for name in local)


@each_notebook
def test_slides_draw_each_formula_once(path):
    """In headings too, and without TeX that was not understood; dollars in code are no formulas."""
    cells = nbformat.read(path, 4).cells
    text = re.sub(r"`[^`\n]+`", "", "\n".join(cell.source for cell in cells if cell.cell_type == "markdown"))
    drawn = re.findall(r"<math.*?</math>", slides_of(path), re.S)
    assert len(drawn) == len(re.findall(r"\$\$[^$]+\$\$|\$[^$\n]+\$", text))
    assert not [formula for formula in drawn if "\\" in formula]


def test_slides_show_no_widgets_and_keep_all_else():
    new = nbformat.v4
    widget = new.new_output("display_data", data={handouts.WIDGET: {"model_id": "1"}, "text/plain": "VBox()"})
    picture = new.new_output("display_data", data={"image/png": "aa"})
    shown = handouts.without_widgets(new.new_notebook(cells=[new.new_code_cell("box", outputs=[widget, picture])]))
    assert shown.cells[0].outputs == [picture]
