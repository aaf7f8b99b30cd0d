"""TODO course.tables."""

from collections.abc import Iterable, Sequence
from html import escape

from IPython.display import Markdown

UNMEASURED = "–"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded with spaces, the header underlined."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A GitHub-flavoured table; the first column is aligned left, the others right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *rows])


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A `<table>` with a header row; all cells escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> Markdown:
    """A Markdown table of any values; None is `not measured`, a bar inside a cell is escaped."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return Markdown("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))


def _cell(value: object) -> str:
    return "not measured" if value is None else str(value).replace("|", r"\|")
