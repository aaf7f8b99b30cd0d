"""A notebook's number is what its name begins with, and files come in the order of the course."""

import pytest

from utils.course.numbering import number_of, numbered


@pytest.mark.parametrize("name", ["07b_reading", "07b_reading.ipynb", "07b_reading_and_more.py"])
def test_the_number_is_all_before_the_first_underscore(name):
    assert number_of(name) == "07b"


def test_a_notebook_that_was_added_stands_behind_its_elder(tmp_path):
    for name in ("08_c.py", "07b_b.py", "07_a.py", "10_d.py", "07_a.ipynb", "glossary.py", "7_x.py", "_07_y.py"):
        (tmp_path / name).touch()
    assert list(numbered(tmp_path, "py").items()) == [
        (number, tmp_path / f"{number}_{letter}.py")
        for number, letter in zip(("07", "07b", "08", "10"), "abcd", strict=True)
    ]
    assert list(numbered(tmp_path, "ipynb")) == ["07"]
