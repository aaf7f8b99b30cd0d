"""Minutes are counted by the stated rule, and plans add up."""

import re

import nbformat
import pytest

from utils.course.workshop import timetable
from utils.files import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def minutes(number, run, reading, exercises=0):
    return timetable.Minutes(f"{number}_x", run, reading, exercises)


def test_minutes_are_counted_by_the_stated_rule(tmp_path):
    new = nbformat.v4
    cells = [
        new.new_markdown_cell("word " * 119 + "字"),
        new.new_code_cell("guess = ..."),
        new.new_code_cell("answer = ..."),
        new.new_code_cell("exercise(answer, checker)"),
    ]
    nbformat.write(new.new_notebook(cells=cells), tmp_path / "00_x.ipynb")
    found = timetable.notebook_minutes(tmp_path / "00_x.ipynb", {"00_x": 0.25})
    assert found == ("00_x", 0.25, 1 + 3 * 0.5, 5 + 1)
    assert found.total == 10  # 8.75, rounded up to five


@pytest.mark.parametrize("name", timetable.PLANS)
def test_plans_add_up_and_follow_on_each_other(name):
    sessions, order = timetable.PLANS[name]
    measured = timetable.measured_minutes(ROOT / "data" / "reference" / "run.json")
    known = [timetable.notebook_minutes(path, measured) for path in NOTEBOOKS]
    blocks = timetable.plan(sessions, order, known)
    assert sum(block.minutes for block in blocks) == sum(length for _, length in sessions)
    assert all(now.start + now.minutes == then.start for now, then in zip(blocks, blocks[1:], strict=False))
    for entry in known:
        spent = sum(block.minutes for block in blocks if block.what.startswith(entry.name))
        assert spent in (0, entry.total)
    assert any(block.what.startswith("00_") for block in blocks)


def test_a_plan_splits_at_the_break_and_leaves_out_what_does_not_fit():
    sessions = (("teaching", 20), ("break", 10), ("teaching", 20))
    known = [minutes("00", 0.1, 24), minutes("01", 1, 29), minutes("02", 1, 4), minutes("03", None, 1)]
    blocks = timetable.plan(sessions, ("00", "01", "02", "03"), known)
    assert [(block.start - 540, block.minutes, block.what) for block in blocks] == [
        (0, 20, "00_x"),
        (20, 10, "break"),
        (30, 5, "00_x, continued"),
        (35, 5, "02_x"),
        (40, 10, "questions"),
    ]


def test_the_sheet_sums_and_says_what_is_estimated():
    text = timetable.sheet([minutes("00", 0.1, 20, 5), minutes("09", None, 20, 5)])
    assert "**estimate**" in text and "| 00_x | 0.1 | 20 | 5 | 30 |" in text and "| 09_x | – | 20 | 5 | – |" in text
    for day in text.split("\n## ")[1:]:
        numbers = [int(number) for number in re.findall(r"(\d+) \|$", day, re.M)]
        assert sum(numbers[:-1]) == numbers[-1]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "{",
        "[]",
        '{"state": "finished", "notebooks": [{"name": "00"}]}',
        '{"state": "finished", "notebooks": [{"name": "00", "minutes": null}]}',
        '{"state": "running", "notebooks": [{"name": "00", "minutes": 1}]}',
        '{"state": "finished", "notebooks": [{"name": "00", "minutes": NaN}]}',
    ],
)
def test_a_broken_run_is_a_clear_error_with_a_remedy(tmp_path, content):
    file = tmp_path / "run.json"
    if content is not None:
        file.write_text(content, "utf-8")
    with pytest.raises(timetable.TimingError, match=r"run\.json: .*report --reference"):
        timetable.measured_minutes(file)
