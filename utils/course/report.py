"""What a run shows: the table as text, the parts of `report.html`, and the tables inside the two READMEs.

The article compares four versions of RaNER. Each has its row here, the article's words and numbers
beside what the ledger holds; versions of our own stand below. A time, a size and a memory come from the
article-scale row where one was measured; F1 comes from the mini-RaNER row, whose function the
article-scale twin computes.
"""

import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from IPython.display import Markdown
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from matplotlib.figure import Figure

from utils.compress.recipes import COMPRESSED
from utils.course.numbering import number_of
from utils.course.tables import UNMEASURED, markdown_table, table
from utils.measure.memory import MB
from utils.measure.row import ORIGINAL, preferred
from utils.measure.verdict import Verdict
from utils.studies import own_versions
from utils.studies.recovery_bars import STUDY

SCORES = ("precision", "recall", "f1", "f1_low", "f1_high", "f1_by_type", "f1_difference", "batch_size")


class TableRow(NamedTuple):
    """A row of the article's table (its section 4.1), and the stage and backend that answer it."""

    chinese: str
    english: str
    stage: str
    backend: str
    milliseconds: str
    megabytes: str
    f1: str


ARTICLE = (
    TableRow("原始 RaNER", "original RaNER", "original", "torch-fp32", "320 ± 15", "820", "94.3"),
    TableRow("仅量化", "quantised", "quantized", "torch-int8", "140 ± 8", "310", "93.5"),
    TableRow("量化+剪枝", "pruned, quantised", "pruned-quantized", "torch-int8", "100 ± 6", "330", "93.1"),
    TableRow("ONNX Runtime + 量化", "ONNX Runtime, quantised", "quantized", "onnx-int8", "85 ± 5", "290", "93.3"),
)

OWN = tuple(
    TableRow(f"本课程：{chinese}，{engine}", f"this course: {english}, {engine}", stage, backend, *3 * [UNMEASURED])
    for chinese, english, stage in (
        ("压缩版", "compressed", "compressed"),
        ("再压缩版", "compressed more", "compressed-more"),
    )
    for engine, backend in (("ONNX Runtime", "onnx-int8"), ("OpenVINO", "openvino-int8"))
)
"""Versions that the article does not have, shown below its own where a run measured them."""

COMPARISON_HEADER = {
    "en": ("version", "ms, article", "ms, here", "speed-up [95 %]", "MB, article", "peak MB", "file MB", "F1, article",
           "F1, here [95 %]", "against its baseline [95 %]"),
    "zh": ("版本", "原文 ms", "实测 ms", "加速 [95 %]", "原文 MB", "内存峰值 MB", "文件 MB", "原文 F1",
           "实测 F1 [95 %]", "与其基线之差 [95 %]"),
}  # fmt: skip

STAGES_HEADER = (
    "stage", "scale", "backend", "notebook", "heads", "parameters", "file MB", "ms (p95)", "peak MB", "F1 [95 %]",
)  # fmt: skip

PICTURE = {"en": "Time, size, memory and F1 of the measured versions", "zh": "各版本的时间、体积、内存与 F1"}

QUICK = "A quick run, at small sizes, to see that all steps go through: what it measured here means nothing."

WATERFALL = {"en": "What each step of the compression gives", "zh": "压缩的每一步各带来多少"}

BESIDE = {
    "en": "{:,} sentences of MSRA, which had no say in the cuts, see more of their price (F1 in float32 against "
    "the same baseline, by `python -m utils.studies.own_versions`): {}.",
    "zh": "另取 {:,} 句 MSRA 的句子，它们没有参与剪枝比例的选择，从中能看出更多代价（float32 的 F1，与同一基线相比，"
    "由 `python -m utils.studies.own_versions` 测得）：{}。",
}

MEASURED_ON = {"en": "Measured by `make edition` on {}, on {}.", "zh": "由 `make edition` 于 {} 测得，机器：{}。"}


FINALE = "08"
"""The notebook whose rows are the headline: one session, one way of reading."""


def headline(rows: Sequence[dict]) -> Sequence[dict]:
    """The rows of `FINALE`, or all of them where it has not measured any at article scale."""
    own = [row for row in rows if row["notebook"] == FINALE]
    return own if any(row["scale"] == "article" for row in own) else rows


def versions(rows: Iterable[dict]) -> list[dict]:
    """One ledger row per stage and backend: costs of the larger scale that was measured, scores wherever they stand.

    Of several notebooks' rows the `preferred` one speaks; scores that it lacks are its notebook's own, if that has any:
    another one may have let the model read otherwise.
    Two scales never stand side by side: once anything was measured at article scale, what was not is left out.
    """
    rows = list(rows)
    largest = "article" if any(row["scale"] == "article" for row in rows) else "mini"
    return [row | _scores(row, rows) for row in preferred(rows) if row["scale"] == largest]


def _scores(row: dict, rows: Sequence[dict]) -> dict:
    """The row's own scores, or those of the same stage and backend at the other scale."""
    version = row["stage"], row["backend"]
    scored = [r for r in rows if (r["stage"], r["backend"]) == version and r["f1"] is not None]
    own = [r for r in scored if r["notebook"] == row["notebook"]]
    source = row if row["f1"] is not None else next(iter(preferred(own or scored)), row)
    return {name: source[name] for name in SCORES}


def comparison(rows: Iterable[dict], language: str = "en") -> list[list[str]]:
    """The article's four versions, claimed and measured, then those of `OWN`, as cells below `COMPARISON_HEADER`."""
    found = {(row["stage"], row["backend"]): row for row in versions(rows)}
    table = []
    measured = [version for version in OWN if (version.stage, version.backend) in found]
    for version in (*ARTICLE, *measured):
        row = found.get((version.stage, version.backend))
        name = version.english if language == "en" else version.chinese
        here = [_latency(row), _speed_up(row), _number(row, "rss_mb", 1), _number(row, "file_bytes", MB)]
        scores = version.f1, _f1(row), _lost(row)
        table.append([name, version.milliseconds, *here[:2], version.megabytes, *here[2:], *scores])
    return table


def stages(rows: Iterable[dict]) -> list[list[str]]:
    """Every ledger row as cells below `STAGES_HEADER`."""
    return [
        [row["stage"], row["scale"], row["backend"], row["notebook"], _heads(row), _number(row, "parameters", 1),
         _number(row, "file_bytes", MB), _latency(row), _number(row, "rss_mb", 1), _f1(row)]
        for row in rows
    ]  # fmt: skip


def _number(row: dict | None, column: str, unit: int) -> str:
    if row is None or row[column] is None:
        return UNMEASURED
    value = row[column] / unit
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _latency(row: dict | None) -> str:
    latency = row and row["latency_ms"]
    return f"{latency['p50']:.1f} ({latency['p95']:.1f})" if latency else UNMEASURED


def _speed_up(row: dict | None) -> str:
    """Against the original, if that was the base of the row's session."""
    fast = row and row["times_as_fast"]
    if not fast or not fast["base"].startswith("/".join(ORIGINAL) + "/"):
        return UNMEASURED
    interval = "" if fast["low"] == fast["high"] else f" [{fast['low']:.1f}, {fast['high']:.1f}]"
    return f"{fast['value']:.2f}×{interval}"


def _f1(row: dict | None) -> str:
    if row is None or row["f1"] is None:
        return UNMEASURED
    interval = "" if row["f1_low"] is None else f" [{row['f1_low']:.1f}, {row['f1_high']:.1f}]"
    return f"{row['f1']:.1f}{interval}"


def _lost(row: dict | None) -> str:
    """F1 minus that of the baseline which the row names."""
    lost = row and row["f1_difference"]
    return f"{lost['value']:+.1f} [{lost['low']:+.1f}, {lost['high']:+.1f}]" if lost else UNMEASURED


def _heads(row: dict) -> str:
    return UNMEASURED if row["heads_per_layer"] is None else str(sum(row["heads_per_layer"]))


def machine_line(machine: dict) -> str:
    """Processor, cores, memory, instructions and versions, in one line."""
    software = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    flags = " ".join(machine["flags"]) or "no vector flags seen"
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mb'] / 1000:.0f} GB, {flags}; {software}"


def png(figure: Figure) -> bytes:
    """The figure as a PNG of 150 dots an inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
    return buffer.getvalue()


def page_template(name: str) -> Template:
    """A page of this folder, which escapes all that it is given, and fails where it is given too little."""
    folder = FileSystemLoader(Path(__file__).parent)
    rules = Environment(loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return rules.get_template(name)


def filled_readme(text: str, rows: Sequence[dict], run: dict, language: str, waterfall: bool = False) -> str:
    """A README with its results table, its pictures and the minutes of its syllabus written anew.

    Args:
        text: the README; it holds `<!-- results -->` ... `<!-- /results -->` and rows `| 03 | ... | minutes |`.
        language: `en` or `zh`.
        waterfall: whether there is `data/reference/waterfall.png` to show.

    Raises:
        ValueError: the two marks are not there.
    """
    table = markdown_table(COMPARISON_HEADER[language], comparison(headline(rows), language))
    place = MEASURED_ON[language].format(run["started"][:10], machine_line(run["machine"]))
    pictures = [f"![{PICTURE[language]}](data/reference/results.png)"]
    pictures += [f"![{WATERFALL[language]}](data/reference/waterfall.png)"] * waterfall
    block = "\n\n".join([*pictures, table, place, *_beside(language)])
    text = between_marks(text, "results", block)
    for entry in run["notebooks"]:
        row = re.compile(rf"^(\| {number_of(entry['name'])} \|.*\| )[^|]*( \|)$", re.M)
        text = row.sub(lambda match, entry=entry: f"{match[1]}{entry['minutes']:.1f}{match[2]}", text)
    return text


def between_marks(text: str, name: str, block: str) -> str:
    """The text with `block` in place of what stands between `<!-- name -->` and `<!-- /name -->`.

    Raises:
        ValueError: the two marks are not there.
    """
    marks = re.compile(rf"(<!-- {name} -->\n).*?(?<=\n)(<!-- /{name} -->)", re.S)
    if not marks.search(text):
        raise ValueError(f"no <!-- {name} --> ... <!-- /{name} --> to write between")
    return marks.sub(lambda match: match[1] + block + "\n" * bool(block) + match[2], text)


def _beside(language: str) -> list[str]:
    """What the course's own cuts lose on another corpus, where the study that chose them asked one."""
    study = json.loads(own_versions.STUDY.read_text("utf-8")) if own_versions.STUDY.is_file() else {"rows": []}
    lost = {(row["heads"], row["neurons"]): row["difference"].get("beside") for row in study["rows"]}
    found = {name: lost.get((cut.heads, cut.neurons)) for name, cut in COMPRESSED.items()}
    told = ["*{}* {:+.1f} [{:+.1f}, {:+.1f}]".format(name, *points) for name, points in found.items() if points]
    return [BESIDE[language].format(study["sentences"]["beside"], ", ".join(told))] if told else []


def study_table() -> Markdown:
    """The rows of `STUDY`, a study by `utils.studies.recovery_bars`; one sentence where it is missing or too old."""
    if not STUDY.is_file():
        return Markdown(f"`data/reference/{STUDY.name}` is not there: this study has not been made yet.")
    study = json.loads(STUDY.read_text("utf-8"))
    if "baseline" not in study:
        reason = f"`data/reference/{STUDY.name}` holds no verdicts against the original with the same training"
        return Markdown(f"{reason}. Delete it and make it anew: `{study['command']}`")
    original = study["original"]
    start = ("original", "", "", "", f"{original['f1']:.1f}", "", "", "")
    header = ("", "heads", "neurons", "F1 after the cut", "F1 recovered", "difference", "95 % interval", "bar")
    return table(header, [start, *map(_study_row, study["rows"])])


def _study_row(row: dict) -> tuple:
    d, cut = row["difference"], f"{row['f1_pruned']:.1f}" if "f1_pruned" in row else ""
    bar = f"-{row['allowed']} {Verdict(row['verdict']).mark}" if "verdict" in row else ""
    interval = f"{d['low']:+.2f} to {d['high']:+.2f}"
    counts = (row["stage"], row.get("heads", ""), row.get("neurons", ""))
    return (*counts, cut, f"{row['f1_recovered']:.1f}", f"{d['value']:+.2f}", interval, bar)
