"""Committed notebooks are built from their sources: the same bytes again, and the old ones where a cell fails."""

import nbformat
import pytest

from utils.course import notebooks

SOURCE = '# %% [markdown]\n# # Title\n\n# %% tags=["parameters"]\nseed = 1\n\n# %%\nprint(seed + 1)\n'


def test_build_executes_a_source_twice_to_the_same_bytes(tmp_path):
    (tmp_path / "00_a.py").write_text(SOURCE)
    target = tmp_path / "00_a.ipynb"
    notebooks.build_notebook(tmp_path / "00_a.py", target)
    first = target.read_bytes()
    notebooks.build_notebook(tmp_path / "00_a.py", target)
    notebook = nbformat.read(target, 4)
    assert target.read_bytes() == first
    assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2]
    assert notebook.cells[1].metadata.tags == ["parameters"] and notebook.cells[2].outputs[0].text == "2\n"


def test_build_keeps_the_old_notebook_where_a_cell_fails(tmp_path):
    (tmp_path / "00_a.py").write_text(SOURCE + "\n# %%\n1 / 0\n")
    (tmp_path / "00_a.ipynb").write_text("old")
    with pytest.raises(notebooks.NotebookError, match="00_a, cell 3: ZeroDivisionError: division by zero"):
        notebooks.build_notebook(tmp_path / "00_a.py", tmp_path / "00_a.ipynb")
    assert (tmp_path / "00_a.ipynb").read_text() == "old"


SOLVED = f"""{SOURCE}
# %% jupyter={{"source_hidden": true}} tags=["solution"]
seed = 7

# %%
print(seed)
"""


def test_a_built_notebook_has_no_solution_and_does_not_feel_it(tmp_path):
    (tmp_path / "00_a.py").write_text(SOLVED)
    notebooks.build_notebook(tmp_path / "00_a.py", tmp_path / "00_a.ipynb")
    built = nbformat.read(tmp_path / "00_a.ipynb", 4)
    assert "seed = 7" not in nbformat.writes(built)
    assert [cell.outputs[0].text for cell in built.cells[2:]] == ["2\n", "1\n"]


def test_solutions_come_back_to_their_places_and_all_else_stays(tmp_path):
    (tmp_path / "00_a.py").write_text(SOLVED)
    notebooks.build_notebook(tmp_path / "00_a.py", tmp_path / "00_a.ipynb")
    built = nbformat.read(tmp_path / "00_a.ipynb", 4)
    before = nbformat.writes(built)
    solved = notebooks.with_solutions(built, tmp_path / "00_a.py")
    assert [cell.id for cell in solved.cells] == [f"cell-{number:03}" for number in range(5)]
    assert solved.cells[3].source == "seed = 7" and solved.cells[3].outputs == []
    solved.cells.pop(3)
    assert nbformat.writes(solved) == nbformat.writes(built) == before
