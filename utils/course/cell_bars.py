"""What a running cell says of its own progress, told to the terminal, where a notebook has one line.

A cell draws its bars for the notebook. They are of three kinds: `tqdm.auto`'s are three widgets in a row, plain
`tqdm`'s are text on stderr, and the transformers `Trainer`'s are HTML. Here they are read from the kernel's messages,
which are only looked at: the executed notebook is the same with and without.
"""

import re
import sys
from html import unescape

from papermill.clientwrap import PapermillNotebookClient

ROW = ["HTMLModel", "FloatProgressModel", "HTMLModel"]
"""The widgets of one of `tqdm.auto`'s bars: description, bar, numbers."""

SHARE = re.compile(r"(?:(?P<name>.*): )?\s*(?P<percent>\d+)%.*\[[\d:]+<(?P<left>[\d:]*)")
"""A bar of tqdm whose end is known: `training:  34%|###   | 34/100 [00:12<00:24, 2.7it/s]`."""

COUNT = re.compile(r"(?:(?P<name>.*): )?\s*(?P<count>\d[\d.]*[kMGTP]?)[^\[]*\[[\d:]+[<,]")
"""One whose end is not known: `reading: 34it [00:12, 2.7it/s]`, or as widgets `reading:  34/? [00:12<?, 2.7it/s]`."""

TRAINER = re.compile(r"<progress value='(\d+)' max='([1-9]\d*)'[^>]*></progress>\s*\[[^<\]]*(?:< (\d[\d:]*))?")
"""The Trainer's: `<progress value='34' max='100' ...></progress> [ 34/100 00:12 < 00:24, 2.7 it/s, Epoch 1/3]`."""


def on_terminal() -> bool:
    """Whether somebody watches; a file or a pipe gets tqdm's usual line for each cell and no more."""
    return sys.stderr.isatty()


def line_options(name: str) -> dict:
    """How tqdm is to draw a notebook's line: on a terminal the words of a `TerminalClient`, and the time so far."""
    return {"desc": "", "bar_format": f"{name}{{desc}}  [{{elapsed}}]"} if on_terminal() else {"desc": name}


class TerminalClient(PapermillNotebookClient):
    """papermill's client; its line says which code cell runs and how far that one is.

    Cells are counted as in the message of one that fails.
    """

    def __init__(self, nb_man, **options):
        super().__init__(nb_man, **options)
        self.line, self.told, self.cell_bars = nb_man.pbar, "", CellBars()
        self.on_cell_execute = self.on_cell_executed = self._forget

    def _forget(self, cell_index: int, **_) -> None:
        self.cell_bars = CellBars()
        self._show(cell_index)

    def process_message(self, msg: dict, cell: dict, cell_index: int) -> dict | None:
        """Do what papermill does, and show what the message tells of a bar."""
        output = super().process_message(msg, cell, cell_index)
        self.cell_bars.see(msg)
        self._show(cell_index)
        return output

    def _show(self, cell_index: int) -> None:
        code = [cell.cell_type == "code" for cell in self.nb.cells]
        words = f"  cell {sum(code[: cell_index + 1])} of {sum(code)}{self.cell_bars.said()}"
        if words != self.told:
            self.told = words
            self.line.set_description_str(words)


class CellBars:
    """The bars of one cell, as far as its messages tell."""

    def __init__(self):
        self.widgets: dict[str, dict] = {}
        self.text = self.html = ""

    def see(self, message: dict) -> None:
        """Take in a message of the kernel; most have nothing to do with bars."""
        kind, content = message["msg_type"], message["content"]
        if kind in ("comm_open", "comm_msg"):
            self.widgets.setdefault(content["comm_id"], {}).update(content["data"].get("state", {}))
        elif kind == "comm_close":
            self.widgets.pop(content["comm_id"], None)
        elif kind == "stream" and content["name"] == "stderr":
            self.text = re.split(r"[\r\n]", content["text"])[-1]  # a bar that is done has ended its line
        elif kind in ("display_data", "update_display_data"):
            html = content["data"].get("text/html", "")
            self.html = html if "<progress" in html else self.html

    def said(self) -> str:
        """What the terminal tells of the bar that was opened first and is not done, as ` · training 34 % · 1:10 left`.

        Empty where there is none.
        """
        rows = [self._row(widget.get("children", [])) for widget in self.widgets.values()]
        return next(filter(None, map(_tqdm_words, [*rows, self.text])), "") or _trainer_words(self.html)

    def _row(self, children: list[str]) -> str:
        """The text of a bar that is made of widgets; nothing for other widgets, and for a bar that was closed."""
        parts = [self.widgets.get(child.removeprefix("IPY_MODEL_"), {}) for child in children]
        if [part.get("_model_name") for part in parts] != ROW or parts[1].get("bar_style") in ("success", "danger"):
            return ""
        text = unescape(parts[0]["value"] + parts[2]["value"])
        return text.replace("\u2007", " ")  # tqdm's spaces are as wide as digits


def _tqdm_words(text: str) -> str:
    if found := SHARE.match(text):
        return _words(found["name"], int(found["percent"]), found["left"])
    found = COUNT.match(text)
    return f" · {found['name'] or ''} {found['count']} so far".replace("  ", " ") if found else ""


def _trainer_words(html: str) -> str:
    found = TRAINER.search(html)
    return _words("training", 100 * int(found[1]) // int(found[2]), found[3]) if found else ""


def _words(name: str | None, percent: int, left: str | None) -> str:
    share, time = f"{name or ''} {percent} %".strip(), f" · {left.removeprefix('0')} left" if left else ""
    return f" · {share}{time}" if percent < 100 else ""
