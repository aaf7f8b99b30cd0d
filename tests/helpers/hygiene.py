"""What a committed notebook must look like. Every rule: notebook -> list of complaints, empty if clean.

Exercises are recognised by their cells: a stub that holds `...`, a call of `exercise(`, and then a cell
tagged `solution`, collapsed, that calls `exercise(` again and is told that it is right.
"""

import ast
import re
from functools import cache
from itertools import dropwhile
from pathlib import Path
from urllib.parse import unquote

import jupytext
from matplotlib import font_manager
from nbformat import NotebookNode

from utils.course.figures.style import FALLBACK, FONT

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"

PARAMETERS = {"run_dir": "", "model": "", "corpus": "", "seed": 1, "quick": False}
LONGEST_CELL = 15
PRIVATE = re.compile(r"/(?:home|Users|tmp|root|work|mnt|private)/\w+|[A-Z]:\\\\?Users|/site-packages/")
SHELL = re.compile(
    r"^\s*(?:[\w, ]+=\s*)?(?:!|%%?(?:bash|sh|system|sx|pip|conda)\b)|\b(?:get_ipython\(\)|os)\.(?:system|popen)\b", re.M
)
MISSING_GLYPH = re.compile(r"Glyph \d+ .*missing from")
LINK = re.compile(r"\]\(\s*<?([^)>\s]+)|(?:href|src)=[\"']([^\"']+)")
ELSEWHERE = re.compile(r"(?:https?|mailto|attachment|data):")

_NUMBER = r"(?<![\w.,])(\d+(?:[.,]\d+)*)\s*"
MEASURED = re.compile(
    _NUMBER + r"(?:ms|milliseconds?|s|seconds?|min|minutes?|[KM]i?B|points?|times (?:as|faster|smaller))(?!\w)"
    r"|" + _NUMBER + r"[×x](?!\s*\w)"  # a factor, not a product
    r"|(?<![\w.,])(\d+\.\d+)\s*%"
    r"|\bF1\s(?:is |of |was |= ?)?(\d+(?:\.\d+)?)"
)
QUOTED = {
    "320", "140", "100", "85", "820", "310", "330", "290", "420", "110", "90", "300", "120",
    "94.3", "93.5", "93.1", "93.3", "92.5", "78.6", "68.7", "0.8", "1.2", "1.5",
}  # fmt: skip
"""The article's numbers."""
MEASURED_FIELDS = {"f1", "p50", "p_value", "low", "high"}
"""Attributes and keys of what was measured: a score, a time, a p-value, the ends of an interval."""
COMPUTED = {"407"}
"""MB of a BERT-base in float32: counted, not measured."""


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def title(notebook: NotebookNode) -> list[str]:
    """It opens with a title and a table of what one will learn and need."""
    first = notebook.cells[0]
    opens = (
        first.cell_type == "markdown" and first.source.startswith("# ") and re.search(r"^\|.*\|$", first.source, re.M)
    )
    return [] if opens else ["the first cell is not a title with a table"]


def parameters(notebook: NotebookNode) -> list[str]:
    """Exactly one cell tagged `parameters`, which sets exactly the course's five, to their defaults."""
    tagged = [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        return [f"{len(tagged)} cells are tagged parameters"]
    try:
        found = {
            ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in ast.parse(tagged[0].source).body
        }
    except (AttributeError, ValueError, SyntaxError):
        return ["the parameters cell holds more than plain assignments"]
    return [] if found == PARAMETERS else [f"the parameters are {found}"]


def execution_counts(notebook: NotebookNode) -> list[str]:
    """Every code cell was run, once, in order: strict nbval compares no others."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    return [] if counts == list(range(1, len(counts) + 1)) else [f"execution counts are {counts}"]


def short_cells(notebook: NotebookNode) -> list[str]:
    """Code cells are short enough to be read at a glance; imports at the head of one do not count."""
    bodies = [list(dropwhile(_is_import, cell.source.split("\n"))) or [""] for cell in code_cells(notebook)]
    lengths = [(len(body), body[0]) for body in bodies]
    return [f"{length} lines in the cell that begins {first!r}" for length, first in lengths if length > LONGEST_CELL]


def _is_import(line: str) -> bool:
    return not line or line.startswith(("import ", "from "))


def outputs(notebook: NotebookNode) -> list[str]:
    """No traceback and nothing on stderr."""
    produced = [output for cell in code_cells(notebook) for output in cell.outputs]
    errors = [f"an output is the error {output.ename}" for output in produced if output.output_type == "error"]
    return errors + [f"stderr says {output.text!r}" for output in produced if output.get("name") == "stderr"]


def machine_paths(notebook: NotebookNode) -> list[str]:
    """No folder of the machine that built it, in sources, texts or HTML."""
    texts = [cell.source for cell in notebook.cells]
    for output in (output for cell in code_cells(notebook) for output in cell.outputs):
        texts += [output.get("text", "")]
        texts += [str(data) for kind, data in output.get("data", {}).items() if not kind.startswith("image/png")]
    return [f"a machine's path: {found[0]}" for text in texts if (found := PRIVATE.search(text))]


def shell_commands(notebook: NotebookNode) -> list[str]:
    """No `!command`: where one fails, nbval and papermill both look away."""
    sources = [cell.source for cell in code_cells(notebook)]
    return [f"a shell command: {found[0].strip()}" for source in sources if (found := SHELL.search(source))]


def measured_numbers(notebook: NotebookNode) -> list[str]:
    """Markdown states no measured number: a time, a size, a speed-up, a score, a broken percentage.

    Settings (20 %, 500 characters), requirements in GB, code, formulas and the article's numbers may stand.
    """
    complaints = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"`[^`]*`|\$[^$]*\$", "", cell.source)
            found = [match[0] for match in MEASURED.finditer(prose) if not set(match.groups()) & (QUOTED | COMPUTED)]
            complaints += [f"a measured number in Markdown: {number!r}" for number in found]
    return complaints


def exercises(notebook: NotebookNode) -> list[str]:
    """Every exercise is open, has a checker, and a collapsed solution that its checker accepts."""
    cells, complaints = code_cells(notebook), _unchecked(notebook)
    for number, cell in enumerate(cells):
        follower = cells[number + 1] if number + 1 < len(cells) else None
        if _is_solution(cell):
            complaints += _solution_faults(cell, cells[number - 1])
        elif _asks(cell) and not (follower and _is_solution(follower)):
            complaints.append(f"no solution after the exercise {cell.source!r}")
        elif _asks(cell) and "not attempted yet" not in _printed(cell):
            complaints.append(f"the exercise {cell.source!r} is not open")
    return complaints


def _unchecked(notebook: NotebookNode) -> list[str]:
    """Headings of exercises that no call of `exercise(` follows before the next one."""
    marks: list[str] = []  # headings, and an empty one for each check
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            marks += re.findall(r"^#+ (Exercise\b.*)$", cell.source, re.M)
        elif _asks(cell):
            marks.append("")
    return [f"no checker for {mark!r}" for mark, then in zip(marks, [*marks[1:], "end"], strict=True) if mark and then]


def _is_solution(cell: NotebookNode) -> bool:
    return "solution" in cell.metadata.get("tags", [])


def _asks(cell: NotebookNode) -> bool:
    return bool(re.search(r"^exercise\(", cell.source, re.M))


def _printed(cell: NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def _solution_faults(cell: NotebookNode, before: NotebookNode) -> list[str]:
    faults = {
        "follows no exercise": not _asks(before),
        "is not collapsed": not cell.metadata.get("jupyter", {}).get("source_hidden"),
        "is not checked": not _asks(cell),
        "is not right": "✓ right" not in _printed(cell) or "✗" in _printed(cell),
    }
    return [f"the solution {cell.source!r} {fault}" for fault, present in faults.items() if present]


def glyphs(notebook: NotebookNode) -> list[str]:
    """Every plot's text renders: nothing said that a glyph is missing, and the fonts have what its cell writes."""
    printed = [match[0] for cell in code_cells(notebook) for match in MISSING_GLYPH.finditer(_printed(cell))]
    plots = [cell for cell in code_cells(notebook) if any("image/png" in o.get("data", {}) for o in cell.outputs)]
    written = set().union(*(_literals(cell.source) for cell in plots))
    return printed + [f"no font of the course has {character!r}" for character in sorted(written - drawable())]


@cache
def drawable() -> set[str]:
    """Characters that the fonts of the course's pictures have, or that are white."""
    fonts = [font_manager.get_font(file) for file in (FONT, font_manager.findfont(FALLBACK))]
    return {chr(code) for font in fonts for code in font.get_charmap()} | set("\n\t")


def _literals(source: str) -> set[str]:
    """Characters of the strings in a cell, those of f-strings included."""
    values = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return set().union(*(value for value in values if isinstance(value, str)))


def point_estimates(notebook: NotebookNode) -> list[str]:
    """No `check` compares by hand what has an interval: the ends of one, or a score and a time, want a verdict."""
    return [
        f"a point, not a verdict: {ast.unparse(call)}"
        for cell in code_cells(notebook)
        for call in ast.walk(ast.parse(cell.source))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "check" and _compares_points(call)
    ]


def _compares_points(check: ast.Call) -> bool:
    compared = (node for part in (*check.args[1:], *check.keywords) for node in ast.walk(part))
    inside = (node for found in compared if isinstance(found, ast.Compare) for node in ast.walk(found))
    names = {getattr(node, "attr", getattr(node, "value", None)) for node in inside if _names_a_field(node)}
    return bool(names & MEASURED_FIELDS)


def _names_a_field(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def links(notebook: NotebookNode) -> list[str]:
    """Links of Markdown cells lead to files of the repository, seen from `notebooks/`, or to headings here."""
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    targets = [unquote(match[1] or match[2]) for text in prose for match in LINK.finditer(text)]
    headings = {h.replace(" ", "-") for text in prose for h in re.findall(r"^#+ (.*)$", text, re.M)}
    return [f"a link into nothing: {t}" for t in targets if not ELSEWHERE.match(t) and not _resolves(t, headings)]


def _resolves(target: str, headings: set[str]) -> bool:
    name, _, heading = target.partition("#")
    if not name:
        return heading in headings
    path = (FOLDER / name).resolve()
    return path.is_relative_to(FOLDER.parent) and path.exists()


def source_agrees(notebook: NotebookNode, source: str) -> list[str]:
    """The notebook was built from its source script as it stands: same cells, same tags."""
    built, written = (list(map(_essence, nb.cells)) for nb in (notebook, jupytext.reads(source, "py:percent")))
    if len(built) != len(written):
        return [f"{len(built)} cells in the notebook, {len(written)} in its source"]
    pairs = enumerate(zip(built, written, strict=True))
    return [f"cell {number} differs from its source: {b[1][:60]!r}" for number, (b, w) in pairs if b != w]


def _essence(cell: NotebookNode) -> tuple:
    hidden = cell.metadata.get("jupyter", {}).get("source_hidden", False)
    return cell.cell_type, cell.source, tuple(cell.metadata.get("tags", [])), hidden


RULES = (
    title, parameters, execution_counts, short_cells, outputs,
    machine_paths, shell_commands, measured_numbers, exercises, glyphs, links,
)  # fmt: skip
