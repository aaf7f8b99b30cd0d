"""Solutions of the exercises: cells tagged `solution` in the notebooks' sources, which published notebooks leave out.

So whoever reads on does not read the answer; whoever asks for it gets it.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.display import Markdown

from utils.course.numbering import numbered
from utils.files import ROOT

if TYPE_CHECKING:
    from nbformat import NotebookNode

SOURCES = ROOT / "notebooks" / "source"

CHECK = re.compile(r"^exercise\(.*\Z", re.M | re.S)
"""The end of a solution's cell, which checks it."""


def is_solution(cell: "NotebookNode") -> bool:
    """Is the cell tagged `solution`?"""
    return "solution" in cell.metadata.get("tags", [])


def solution(notebook: str, number: int) -> Markdown:
    """One way to solve an exercise, as code.

    Args:
        notebook: its number, such as "04" or "07b".
        number: which solution of that notebook, from 1.

    Raises:
        ValueError: there is no such notebook or solution; the message says which there are.
    """
    known = numbered(SOURCES, "py")
    if notebook not in known:
        raise ValueError(f"no notebook {notebook!r} in {SOURCES}; there are {', '.join(known) or 'none'}")
    found = solutions_of(known[notebook])
    if number not in range(1, len(found) + 1):
        raise ValueError(f"notebook {notebook} has {len(found)} solutions, counted from 1, and no number {number!r}")
    return Markdown(f"```python\n{found[number - 1]}\n```")


def solutions_of(source: Path) -> list[str]:
    """The solutions in a jupytext script, in its order, without the lines that check them."""
    import jupytext  # here: every notebook imports this module, few ask for a solution

    return [CHECK.sub("", cell.source).rstrip() for cell in jupytext.read(source).cells if is_solution(cell)]
