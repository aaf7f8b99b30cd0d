"""A solution is shown when it is asked for, and a wrong number is answered with the right ones."""

import jupytext
import pytest

from utils.course import solutions
from utils.course.numbering import number_of
from utils.course.solutions import solution
from utils.files import ROOT

SOURCE = """# %%
exercise(a, checker)

# %% tags=["solution"]
a = 1
exercise(a, checker)

# %% tags=["nbval-ignore-output"]
exercise(b, checker)


# %% jupyter={"source_hidden": true} tags=["solution"]
def b(x):
    return x


exercise(
    b,
    checker,
)
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    (tmp_path / "04_a.py").write_text(SOURCE, "utf-8")
    (tmp_path / "05_b.py").write_text("# %%\nx = 1\n", "utf-8")
    monkeypatch.setattr(solutions, "SOURCES", tmp_path)


def test_a_solution_is_code_without_its_check(course):
    assert solution("04", 1).data == "```python\na = 1\n```"
    assert solution("04", 2).data == "```python\ndef b(x):\n    return x\n```"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("04", 0), "notebook 04 has 2 solutions, .* no number 0"),
        (("04", 3), "notebook 04 has 2 solutions"),
        (("04", "1"), "no number '1'"),
        (("05", 1), "notebook 05 has 0 solutions"),
        (("06", 1), "no notebook '06' in .*; there are 04, 05"),
        ((4, 1), "no notebook 4 in .*; there are 04, 05"),
    ],
)
def test_a_wrong_number_is_told_the_right_ones(course, asked, words):
    with pytest.raises(ValueError, match=words):
        solution(*asked)


def test_all_solutions_of_the_course_can_be_seen_and_are_python():
    for source in sorted((ROOT / "notebooks" / "source").glob("[0-9]*.py")):
        solved = [cell for cell in jupytext.read(source).cells if solutions.is_solution(cell)]
        for number, cell in enumerate(solved, 1):
            shown = solution(number_of(source.name), number).data.removeprefix("```python\n").removesuffix("\n```")
            compile(shown, source.name, "exec")
            assert shown and cell.source.startswith(shown)
