"""Handouts and slides, against what the committed notebooks hold."""

import json
import re
from functools import cache

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from utils.course.notebooks import plain_notebook
from utils.course.workshop import handouts
from utils.files import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SOURCE = """# %% [markdown]
# # Title

# %%
exercise(answer, checker)

# %% tags=["solution"]
answer = "the solution"
exercise(answer, checker)
"""
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def source_of(path):
    return path.parent / "source" / f"{path.stem}.py"


def sources(cells):
    return [cell.source for cell in cells]


@each_notebook
def test_students_get_everything_but_outputs(path):
    raw = json.loads(path.read_text("utf-8"))["cells"]
    handout = handouts.student(nbformat.read(path, 4))
    assert sources(handout.cells) == ["".join(cell["source"]) for cell in raw]
    code = [cell for cell in handout.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@each_notebook
def test_no_solution_is_in_a_student_s_handout_and_every_exercise_is_open(path):
    handout, solved = handouts.student(nbformat.read(path, 4)), jupytext.read(source_of(path))
    solutions = [cell for cell in solved.cells if "solution" in cell.metadata.get("tags", [])]
    assert all(json.dumps(cell.source)[1:-1] not in nbformat.writes(handout) for cell in solutions)
    asked = [cell for cell in handout.cells if re.search(r"^exercise\(", cell.source, re.M)]
    assert len(asked) == len(solutions) > 0


def test_a_student_notebook_runs_to_its_end_and_says_what_is_not_attempted(tmp_path):
    handout = handouts.student(nbformat.read(NOTEBOOKS[0], 4))
    NotebookClient(handout, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in handout.cells if cell.cell_type == "code"]
    asked = [cell for cell in code if re.search(r"^exercise\(", cell.source, re.M)]
    assert asked and all("not attempted yet" in cell.outputs[0].text for cell in asked)
    assert all(cell.execution_count for cell in code)


@each_notebook
def test_instructors_get_outputs_and_the_source_s_solutions_unfolded(path):
    notebook, solved = nbformat.read(path, 4), jupytext.read(source_of(path))
    handout = handouts.instructor(notebook, source_of(path))
    assert sources(handout.cells) == sources(solved.cells)
    added = [cell for cell in handout.cells if "solution" in cell.metadata.get("tags", [])]
    assert added and not any(cell.metadata.get("jupyter", {}).get("source_hidden") for cell in added)
    assert [cell for cell in handout.cells if cell not in added] == notebook.cells
    nbformat.validate(handout)


def test_handouts_are_written_with_solutions_for_the_instructor_alone(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "00_a.py").write_text(SOURCE, "utf-8")
    built = plain_notebook(tmp_path / "source" / "00_a.py")
    nbformat.write(built, tmp_path / "00_a.ipynb")
    (tmp_path / "words.md").write_text("words", "utf-8")
    handouts.write_handouts([tmp_path / "00_a.ipynb"], tmp_path / "out")
    holders = {
        path.parent.name for path in (tmp_path / "out").glob("*/00_a.*") if "the solution" in path.read_text("utf-8")
    }
    assert holders == {"instructor", "slides"}
    assert (tmp_path / "out" / "student" / "words.md").is_file()


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
