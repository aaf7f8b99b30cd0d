"""The glossary explains each term once, and leads to a notebook that uses it."""

import re

import pytest

from utils.course.numbering import number_of
from utils.files import ROOT

FOLDER = ROOT / "notebooks"
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in (FOLDER / "glossary.md").read_text("utf-8").splitlines()
    if line.startswith("| **")
]
TERMS = [(term, row) for row in ROWS for term in re.findall(r"\*\*(.+?)\*\*", row[0])]


@pytest.mark.parametrize(("term", "row"), TERMS, ids=[term for term, _ in TERMS])
def test_a_term_is_explained_and_its_notebook_uses_it(term, row):
    _, explanation, link = row
    number, name = re.fullmatch(r"\[(.+)\]\((.+)\.ipynb\)", link).groups()
    assert number_of(name) == number and (FOLDER / f"{name}.ipynb").is_file()
    assert term.lower() in (FOLDER / "source" / f"{name}.py").read_text("utf-8").lower()
    assert len(re.findall(r"[.:](?: |$)", explanation)) <= 3 and len(explanation) < 200


def test_no_term_is_explained_twice():
    names = [term.lower() for term, _ in TERMS]
    assert len(names) == len(set(names)) > 40


def test_readers_are_led_to_it():
    texts = [ROOT / "README.md", ROOT / "README.zh-CN.md", FOLDER / "source" / "00_start_here.py"]
    assert [path.name for path in texts if "glossary.md)" not in path.read_text("utf-8")] == []
