"""Every table of text: padded for a terminal, Markdown for the READMEs and the notebooks. `report.html` has its own.

The library `tabulate` writes them. Its own Markdown pads each column to its widest cell; ours does not, so that one
new number changes one line of a README or of a notebook's output, and not all of them.
"""

from collections.abc import Iterable, Sequence

from IPython.display import Markdown
from tabulate import DataRow, TableFormat, tabulate

UNMEASURED = "–"

_ROW = DataRow("| ", " | ", " |")

UNPADDED = TableFormat(
    lineabove=None,
    linebelowheader=None,
    linebetweenrows=None,
    linebelow=None,
    headerrow=_ROW,
    datarow=_ROW,
    padding=0,
    with_header_hide=None,
)
"""Cells between bars; the rule below the header is the first row."""


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded with spaces, the header underlined."""
    return tabulate(rows, header, disable_numparse=True)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A GitHub-flavoured table; the first column is aligned left, the others right."""
    return _unpadded(header, ["---", *["---:"] * (len(header) - 1)], rows)


def table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> Markdown:
    """A Markdown table of any values; None is `not measured`, a bar inside a cell is escaped."""
    names = [_cell(name) for name in header]
    return Markdown(_unpadded(names, ["---"] * len(names), ([_cell(value) for value in row] for row in rows)))


def _unpadded(header: Sequence[str], rule: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return tabulate([rule, *rows], header, UNPADDED, stralign=None, disable_numparse=True)


def _cell(value: object) -> str:
    return "not measured" if value is None else str(value).replace("|", r"\|")
