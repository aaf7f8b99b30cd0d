"""The checkers of the notebooks' exercises, one module a notebook. Reading on means reading the answers.

A checker takes an answer and returns None, or a hint that fits the misconception behind a wrong one: it is a
function `(answer) -> hint`, or makes one (`teaching.number`) from what the notebook measured.

In reading order: `published` (what several of them compute with), then `nb00` to `nb10`.

May import from every room below `course`, and `course.teaching`.
"""
