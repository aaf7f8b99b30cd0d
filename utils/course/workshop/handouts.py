"""One committed notebook, three handouts: for students, for the instructor, and as slides."""

import copy
import re
import shutil
from pathlib import Path

import nbformat
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert import SlidesExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from traitlets.config import Config

from utils.course.notebooks import with_solutions
from utils.course.solutions import is_solution

REVEAL = Path(__file__).with_name("reveal")
"""reveal.js and RequireJS, copied beside the slides."""

WIDGET = "application/vnd.jupyter.widget-view+json"
"""The type of an output that only a running kernel can draw."""

NOTHING = "data:text/javascript,"
"""Stands for a script that would come from the network, and that slides do without."""

NO_DIAGRAMS = "data:text/javascript,export default {initialize() {}}"
"""The same for Mermaid, which the page imports as a module."""

STYLE = """
<style>
:root { --jp-code-font-size: 15px; --jp-content-font-size1: 18px; --jp-cell-prompt-width: 0px; }
.reveal .slides { text-align: left; }
.reveal .slides > section > section { max-height: 100%; overflow-y: auto; }
.reveal h1, .reveal h2, .reveal h3 { text-transform: none; }
.reveal h1 { font-size: 40px; }
.reveal h2 { font-size: 32px; }
.reveal h3 { font-size: 26px; }
.reveal pre { white-space: pre-wrap; }
.reveal table { font-size: 15px; }
.jp-InputPrompt, .jp-OutputPrompt { display: none; }
</style>
</head>"""
"""Long lines wrap, and a slide longer than the screen scrolls."""


def student(notebook: NotebookNode) -> NotebookNode:
    """A copy without outputs and execution counts; exercises and their checkers stay."""
    handout = copy.deepcopy(notebook)
    for cell in handout.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return handout


def instructor(notebook: NotebookNode, source: Path) -> NotebookNode:
    """A copy with outputs and with the source's solutions, unfolded."""
    handout = with_solutions(notebook, source)
    for cell in filter(is_solution, handout.cells):
        cell.metadata.pop("jupyter", None)
    return handout


def slides(notebook: NotebookNode, title: str) -> str:
    """The notebook as an HTML page of slides, shown without a network beside a copy of `REVEAL` named `reveal`."""
    shown = with_slide_types(without_widgets(notebook))
    shown.metadata["title"] = title
    exporter = _Slides(config=_offline())
    exporter.mermaid_js_url = NO_DIAGRAMS
    html, _ = exporter.from_notebook_node(shown)
    return html.replace("</head>", STYLE, 1)


class _Formulas(IPythonRenderer):
    """Markdown whose TeX becomes MathML, which browsers draw by themselves."""

    def inline_math(self, body: str) -> str:
        return _without_namespace(convert(body))

    def block_math(self, body: str) -> str:
        return _without_namespace(convert(body, display="block"))


def _without_namespace(formula: str) -> str:
    """As HTML wants it: nbconvert gives namespaces a prefix where it puts anchors into headings."""
    return formula.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")


class _Slides(SlidesExporter):
    @pass_context
    def markdown2html(self, context, source: str) -> str:
        return MarkdownWithMath(renderer=_Formulas(escape=False, anchor_link_text=self.anchor_link_text)).render(source)


def _offline() -> Config:
    config = Config()
    config.SlidesExporter.reveal_url_prefix = "reveal"
    config.SlidesExporter.require_js_url = "reveal/require.js"
    config.SlidesExporter.jquery_url = NOTHING  # used only by an option that we leave off
    config.SlidesExporter.mathjax_url = NOTHING
    config.SlidesExporter.reveal_theme = "white"
    config.SlidesExporter.reveal_number = "c/t"
    return config


def without_widgets(notebook: NotebookNode) -> NotebookNode:
    """A copy without widgets, which need a kernel, and a network to be drawn: progress bars, boxes to type into."""
    shown = copy.deepcopy(notebook)
    shown.metadata.pop("widgets", None)
    for cell in shown.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
    return shown


def with_slide_types(notebook: NotebookNode) -> NotebookNode:
    """A copy whose cells know their place in the slides.

    A heading begins a slide, a smaller heading a slide below it, and so does the next code after an output: at most
    one output a slide. Solutions are the speaker's notes (key S); the parameters are left out.
    """
    shown = copy.deepcopy(notebook)
    has_output = False
    for cell in shown.cells:
        kind = _slide_type(cell, has_output)
        cell.metadata["slideshow"] = {"slide_type": kind}
        if kind in ("slide", "subslide"):
            has_output = False
        has_output |= kind not in ("notes", "skip") and bool(cell.get("outputs"))
    return shown


def _slide_type(cell: NotebookNode, has_output: bool) -> str:
    if is_solution(cell):
        return "notes"
    if "parameters" in cell.metadata.get("tags", []):
        return "skip"
    if cell.cell_type == "markdown":
        heading = re.match(r"(#+) ", cell.source)
        return {1: "slide", 2: "slide"}.get(len(heading[1]), "subslide") if heading else "-"
    return "subslide" if has_output else "-"


def write_handouts(notebooks: list[Path], folder: Path) -> None:
    """Write `student/`, `instructor/` and `slides/` of the notebooks into `folder`.

    The notebooks' sources are read too, from `source/` beside them; texts beside them go along.
    """
    for name in ("student", "instructor", "slides"):
        (folder / name).mkdir(parents=True)
    shutil.copytree(REVEAL, folder / "slides" / "reveal")
    for text in notebooks[0].parent.glob("*.md"):
        shutil.copy(text, folder / "student")
        shutil.copy(text, folder / "instructor")
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        solved = instructor(notebook, path.parent / "source" / f"{path.stem}.py")
        for name, handout in (("student", student(notebook)), ("instructor", solved)):
            (folder / name / path.name).write_text(nbformat.writes(handout) + "\n", "utf-8")
        (folder / "slides" / f"{path.stem}.html").write_text(slides(solved, path.stem), "utf-8")
        print(f"  {path.stem}", flush=True)
