"""Tables: text for a terminal, Markdown for READMEs and notebooks, byte for byte as they are committed."""

import re

import nbformat
import pytest

from utils.course.tables import markdown_table, table, text_table
from utils.files import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def test_text_columns_stand_below_each_other():
    lines = text_table(("a", "b"), [["xxxxx", "1.50"], ["陈默", "ok"]]).splitlines()
    assert lines[0] == "a      b" and set(lines[1]) == {"-", " "}
    assert lines[2:] == ["xxxxx  1.50", "陈默   ok"], "a Chinese character is two columns wide, a number stays a text"


def test_markdown_table():
    assert markdown_table(("a", "b"), [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"


def test_a_table_keeps_bars_inside_their_cells():
    assert table(("a", "b"), [(1, "x|y")]).data == "| a | b |\n| --- | --- |\n| 1 | x\\|y |"


def test_a_table_says_what_was_not_measured():
    assert table(("ms", "MB"), [(None, 0)]).data.endswith("| not measured | 0 |")


def test_a_cell_is_written_as_python_writes_it():
    assert table(("", "x"), [(1.50, True), ("1e5", " -  "), ("", 10**9)]).data.splitlines() == [
        "|  | x |", "| --- | --- |", "| 1.5 | True |", "| 1e5 |  -   |", "|  | 1000000000 |",
    ]  # fmt: skip


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_tables_of_a_committed_notebook_are_written_again_to_the_same_bytes(path):
    cells = nbformat.read(path, 4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = [output.get("data", {}).get("text/markdown", "") for output in outputs]
    for text in filter(re.compile(r"\| .*\n\| --- ").match, shown):
        header, _, *rows = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in text.split("\n")]
        plain = [[cell.replace(r"\|", "|") for cell in line] for line in (header, *rows)]
        assert table(plain[0], plain[1:]).data == text
