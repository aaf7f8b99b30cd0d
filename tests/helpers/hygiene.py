"""What a notebook and its source must look like. Every rule: notebook -> list of complaints, empty if clean.

Exercises are recognised by their cells: a stub that holds `...`, a call of `exercise(`, and then, in the source alone,
a cell tagged `solution`, collapsed, that calls `exercise(` again and is told that it is right.
"""

import ast
import re
import symtable
from functools import cache
from itertools import dropwhile
from pathlib import Path
from urllib.parse import unquote

import jupytext
from matplotlib import font_manager
from nbformat import NotebookNode

from utils.course.figures.style import FALLBACK, FONT
from utils.course.solutions import is_solution

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
OPEN = "not attempted yet"
"""What an exercise without an answer prints."""
NOISY = "nbval-ignore-output"
"""The tag of cells whose output is measured, and another one each time."""
HEADED = re.compile(r"^#+ ((?:Exercise|Build it)\b.*)$", re.M)
"""The heading of an exercise."""
STUCK = 'Stuck? `solution("{notebook}", {number})` shows one way.'
"""A line of the text that begins an exercise."""
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
    """Every exercise is open and has a checker; solutions are not published."""
    asked = [cell for cell in code_cells(notebook) if not is_solution(cell) and _asks(cell)]
    complaints = [f"a solution: {cell.source!r}" for cell in code_cells(notebook) if is_solution(cell)]
    complaints += [f"{c.source!r} is not open" for c in asked if OPEN not in _printed(c)]
    return complaints + _unchecked(notebook)


def solutions(source: NotebookNode) -> list[str]:
    """In the source, every exercise is followed by a collapsed solution that is checked, too."""
    cells, complaints = code_cells(source), _unchecked(source)
    for before, cell in zip([None, *cells], [*cells, None], strict=True):
        if before and _asks(before) and not is_solution(before) and not (cell and is_solution(cell)):
            complaints.append(f"no solution after the exercise {before.source!r}")
        if cell and is_solution(cell):
            complaints += _solution_faults(cell, before)
    return complaints


def wrong_solutions(executed: NotebookNode) -> list[str]:
    """Solutions that their checkers did not call right, and cells that waited for them in vain, or were let down.

    A cell with the tag of what is measured may find that a claim does not hold.
    """
    waiting = [cell for cell in code_cells(executed) if not is_solution(cell) and waits(cell)]
    solved = [cell for cell in code_cells(executed) if is_solution(cell)]
    return [
        f"the solution {cell.source!r} prints {_printed(cell)!r}"
        for cell in solved
        if "✓ right" not in _printed(cell) or "✗" in _printed(cell)
    ] + [
        f"{cell.source!r}, after the solution, prints {_printed(cell)!r}"
        for cell in waiting
        if OPEN in _printed(cell) or ("✗" in _printed(cell) and NOISY not in cell.metadata.get("tags", []))
    ]


def answers_needed(source: NotebookNode) -> list[str]:
    """Cells that read what a solution was the last to set: without it they fail, or print something else.

    Under `if attempted(answer):` they may. What is set there is known to nobody else while the answer is open.
    """
    set_by_solutions, complaints = set(), []
    for cell in code_cells(source):
        if is_solution(cell):
            set_by_solutions |= global_names(cell.source)[1]
            continue
        always, waiting = _parts(cell.source)
        read, written = global_names(always)
        set_by_solutions |= global_names(waiting)[1] - written
        needed = sorted(read & set_by_solutions)
        complaints += [f"{', '.join(needed)} of a solution in the cell {cell.source!r}"] if needed else []
        set_by_solutions -= written
    return complaints


def waits(cell: NotebookNode) -> bool:
    """Whether a part of the cell runs only when an exercise was attempted."""
    return bool(_parts(cell.source)[1])


def _parts(source: str) -> tuple[str, str]:
    """What a cell does always, and what only under `if attempted(...):`."""
    always, waiting = ast.Module([], []), ast.Module([], [])
    for statement in ast.parse(source).body:
        guarded = isinstance(statement, ast.If) and ast.unparse(statement.test).startswith("attempted(")
        always.body += statement.orelse if guarded else [statement]
        waiting.body += statement.body if guarded else []
    return ast.unparse(always), ast.unparse(waiting)


def global_names(source: str) -> tuple[set[str], set[str]]:
    """The global names that a cell reads from others, functions included, and those that it sets."""
    top = symtable.symtable(source, "cell", "exec")
    written = {name.get_name() for name in top.get_symbols() if name.is_assigned() or name.is_imported()}
    read = {name.get_name() for table in _tables(top) for name in table.get_symbols() if _reads(name, table)}
    return read - _set_before_read(source), written


def _tables(table: symtable.SymbolTable) -> list[symtable.SymbolTable]:
    return [table, *(inner for child in table.get_children() for inner in _tables(child))]


def _reads(name: symtable.Symbol, table: symtable.SymbolTable) -> bool:
    return name.is_referenced() and (name.is_global() or table.get_type() == "module")


def _set_before_read(source: str) -> set[str]:
    """Names whose first statement in the cell sets them without reading them, in whatever is a plain assignment."""
    met, ours = set(), set()
    for statement in ast.parse(source).body:
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        stored |= {statement.name} if isinstance(statement, ast.FunctionDef) else set()
        ours |= stored - read - met if isinstance(statement, ast.Assign | ast.FunctionDef | ast.For) else set()
        met |= read | stored
    return ours


def stuck(source: NotebookNode, notebook: str) -> list[str]:
    """The text that begins an exercise says how to see its solution, whose number is right."""
    texts = enumerate(_texts_before_solutions(source), 1)
    wanted = [(text, STUCK.format(notebook=notebook, number=number)) for number, text in texts]
    return [f"not said: {line}" for text, line in wanted if line not in text.split("\n")]


def _texts_before_solutions(source: NotebookNode) -> list[str]:
    """Of each solution, the Markdown with the heading of its exercise."""
    found, asking = [], ""
    for cell in source.cells:
        if cell.cell_type == "markdown" and HEADED.search(cell.source):
            asking = cell.source
        elif is_solution(cell):
            found.append(asking)
    return found


def _unchecked(notebook: NotebookNode) -> list[str]:
    """Headings of exercises that no call of `exercise(` follows before the next one."""
    marks: list[str] = []  # headings, and an empty one for each check
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            marks += HEADED.findall(cell.source)
        elif _asks(cell):
            marks.append("")
    return [f"no checker for {mark!r}" for mark, then in zip(marks, [*marks[1:], "end"], strict=True) if mark and then]


def _asks(cell: NotebookNode) -> bool:
    return bool(re.search(r"^exercise\(", cell.source, re.M))


def _printed(cell: NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def _solution_faults(cell: NotebookNode, before: NotebookNode | None) -> list[str]:
    faults = {
        "follows no exercise": not (before and _asks(before)),
        "is not collapsed": not cell.metadata.get("jupyter", {}).get("source_hidden"),
        "is not checked": not _asks(cell),
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
    """The notebook was built from its source script as it stands, but for solutions: same cells, same tags."""
    built = [_essence(cell) for cell in notebook.cells]
    written = [_essence(cell) for cell in jupytext.reads(source, "py:percent").cells if not is_solution(cell)]
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
