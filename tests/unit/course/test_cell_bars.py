"""A running cell's bars reach the terminal, and leave the executed notebook as it is."""

import io
import json
import re
import sys
from itertools import count

import nbformat
import pytest
from tiny_course import write_notebook
from tqdm import tqdm
from transformers.utils.notebook import NotebookProgressBar

from utils.course.cell_bars import CellBars
from utils.course.notebooks import execute_notebook

EACH_STEP = "mininterval=0, miniters=1"
CELLS = {
    "imports": "import sys\nimport tqdm\nimport tqdm.auto",
    "widgets": f"for _ in tqdm.auto.tqdm(range(4), 'walking <far>', {EACH_STEP}): pass",
    "closed": f"for _ in tqdm.auto.tqdm(range(4), 'vanishing', {EACH_STEP}, leave=False): pass",
    "text": f"for _ in tqdm.tqdm(range(4), 'running', {EACH_STEP}): pass",
    "no bar": "print('nothing to see')\nprint('[12:30] 50 %', file=sys.stderr)",
    "endless widgets": f"for _ in tqdm.auto.tqdm(iter(range(3)), 'reading', {EACH_STEP}): pass",
    "endless text": f"for _ in tqdm.tqdm(iter(range(3)), {EACH_STEP}): pass",
    "nested": f"""for _ in tqdm.auto.tqdm(range(2), 'outer', {EACH_STEP}):
    for _ in tqdm.auto.tqdm(range(2), 'inner', {EACH_STEP}, leave=False): pass""",
    "left open": f"bar = tqdm.auto.tqdm(total=4, desc='left open', {EACH_STEP})\nbar.update(1)",
}
CODE = len(CELLS) + 2
"""Code cells of the notebook: its parameters, and those that papermill puts in, come first."""


class Screen(io.StringIO):
    """A terminal, or a file, that remembers what was written."""

    def __init__(self, terminal: bool):
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def executed(folder, terminal):
    """What a run of the notebook wrote to stderr, and the notebook after it."""
    folder.mkdir()
    write_notebook(folder.parent / "05_walk.ipynb", *CELLS.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", Screen(terminal))
        execute_notebook(folder.parent / "05_walk.ipynb", folder, {"seed": 7})
        return sys.stderr.getvalue(), nbformat.read(folder / "05_walk.ipynb", 4)


@pytest.fixture(scope="module")
def on_terminal(tmp_path_factory):
    return executed(tmp_path_factory.mktemp("terminal") / "run", True)


@pytest.fixture(scope="module")
def in_file(tmp_path_factory):
    return executed(tmp_path_factory.mktemp("file") / "run", False)


def said(written, cell):
    """What the line said of one cell, in order, each thing once; a time left goes without saying."""
    start = rf"05_walk  cell {list(CELLS).index(cell) + 3} of {CODE}(.*?)  \[\d\d:\d\d\]"
    lines = [re.sub(r" · \d+:\d\d left", "", words) for words in re.findall(start, written)]
    return [line for number, line in enumerate(lines) if line not in lines[:number]]


@pytest.mark.parametrize(("cell", "name"), [("widgets", "walking <far>"), ("closed", "vanishing"), ("text", "running")])
def test_a_bar_tells_how_far_it_is_until_it_is_done(on_terminal, cell, name):
    assert said(on_terminal[0], cell) == ["", *(f" · {name} {share} %" for share in (0, 25, 50, 75))]
    assert re.search(rf" · {name} 75 % · 0:\d\d left  \[", on_terminal[0])


def test_a_cell_without_bars_shows_none(on_terminal):
    assert said(on_terminal[0], "imports") == said(on_terminal[0], "no bar") == [""]


def test_a_bar_with_an_unknown_total_counts(on_terminal):
    assert said(on_terminal[0], "endless widgets") == ["", *(f" · reading {n} so far" for n in range(4))]
    assert said(on_terminal[0], "endless text") == ["", *(f" · {n} so far" for n in range(4))]


def test_of_nested_bars_the_outer_one_is_shown(on_terminal):
    assert said(on_terminal[0], "nested") == ["", " · outer 0 %", " · outer 50 %"]


def test_a_line_ends_without_the_bar_of_a_cell_that_left_it_open(on_terminal):
    assert said(on_terminal[0], "left open")[-1] == " · left open 25 %"
    last = re.split(r"[\r\n]", on_terminal[0].rstrip())[-1]
    assert re.fullmatch(rf"05_walk  cell {CODE} of {CODE}  \[\d\d:\d\d\]", last.rstrip())


def test_a_file_gets_what_tqdm_writes_for_each_cell_and_no_more(in_file):
    lines = [line for line in re.split(r"[\r\n]+", in_file[0]) if line.strip()]
    assert len(lines) <= CODE + 3  # the title's cell, the start and the end
    assert all(re.match(rf"05_walk: +\d+%\|.*\| \d+/{CODE + 1} \[.*cell", line) for line in lines)


def plain(notebook):
    """Outputs and widgets of a notebook as text, but for times, speeds and the names that widgets draw by lot."""
    widgets = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    texts = map(json.dumps, [[cell.get("outputs") for cell in notebook.cells], *widgets])
    return sorted(re.sub(r"[0-9a-f]{32}|\[\d\d:\d\d(<|&lt;|,).*?\] *", "...", text) for text in texts)


def test_the_executed_notebook_is_the_same_whoever_watches(on_terminal, in_file):
    assert plain(on_terminal[1]) == plain(in_file[1])
    assert on_terminal[1].metadata.keys() == in_file[1].metadata.keys()


class Display:
    """What a bar of the transformers library shows in, told as a kernel would tell it."""

    def __init__(self, bars):
        self.bars, self.said = bars, []

    def watch(self, bar):
        self.bar = bar
        return bar

    def display(self):
        self.bars.see({"msg_type": "update_display_data", "content": {"data": {"text/html": self.bar.html_code}}})
        self.said.append(self.bars.said())


def test_the_trainers_bar_is_told_too(monkeypatch):
    seconds = count(step=35)
    monkeypatch.setattr("transformers.utils.notebook.time.time", lambda: next(seconds))
    display = Display(CellBars())
    bar = display.watch(NotebookProgressBar(4, parent=display))
    for step in range(5):
        bar.update(step, comment="Epoch 1/1")
    assert display.said == [
        " · training 0 %",
        " · training 25 % · 1:45 left",
        " · training 50 % · 1:10 left",
        " · training 75 % · 0:35 left",
        "",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(24, "0:24"), (70, "1:10"), (750, "12:30"), (4000, "1:06:40"), (90000, "25:00:00")]
)
def test_time_left_is_read_as_tqdm_writes_it(seconds, words):
    bars, text = CellBars(), tqdm.format_meter(50, 100, seconds, prefix="step: 2")
    bars.see({"msg_type": "stream", "content": {"name": "stderr", "text": f"\r{text}"}})
    assert bars.said() == f" · step: 2 50 % · {words} left"


def test_other_widgets_are_no_bars():
    bars = CellBars()
    for name, state in {"a": {"_model_name": "HTMLModel", "value": "50%"}, "b": {"children": ["IPY_MODEL_a"]}}.items():
        bars.see({"msg_type": "comm_open", "content": {"comm_id": name, "data": {"state": state}}})
    bars.see({"msg_type": "comm_msg", "content": {"comm_id": "c", "data": {"method": "custom", "content": {}}}})
    assert bars.said() == ""
