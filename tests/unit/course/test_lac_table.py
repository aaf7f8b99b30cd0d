"""The table beside LAC: what the study holds is what both READMEs show, and nothing where there is no study."""

import json
import re

import pytest

from utils.course.lac_table import with_lac
from utils.studies import beside_lac

README = "# Title\n\n<!-- lac -->\nold\n<!-- /lac -->\n\n## Syllabus\n"
MACHINE = {
    "cpu": "A CPU", "flags": ["avx2"], "cores": 4, "memory_mb": 8000, "threads": 2, "versions": {"python": "3.11.7"},
}  # fmt: skip


def estimate(value, low, high):
    return {"value": value, "low": low, "high": high}


def row(stage, backend, megabytes, ms, f1, **compared):
    scores = {test: estimate(f1, f1 - 2, f1 + 2) for test in ("ours", "MSRA")}
    return {"stage": stage, "backend": backend, "bytes": megabytes * 10**6, "ms": ms, "f1": scores} | compared


def compared(fast, ours, msra):
    return {"times_as_fast": estimate(*fast), "difference": {"ours": estimate(*ours), "MSRA": estimate(*msra)}}


STUDY = {
    "command": "python -m a.study",
    "measured": "2026-01-31",
    "machine": MACHINE,
    "characters": 321,
    "sentences": {"ours": 10, "MSRA": 20},
    "rows": [
        row("lac", "onnx-fp32", 32.04, estimate(22.04, 21, 23), 70.0),
        row("original", "torch-fp32", 98.6, estimate(220, 210, 230), 89.0,
            **compared((0.1, 0.09, 0.11), (19, 17, 21), (18, 16, 20))),
        row("compressed", "onnx-int8", 11.3, estimate(20, 19, 21), 87.0,
            **compared((1.1, 0.98, 1.2), (17, 15, 19), (-3.04, -5, -1))),
    ],
}  # fmt: skip


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(beside_lac, "STUDY", tmp_path / "beside-lac.json")
    return tmp_path / "beside-lac.json"


@pytest.fixture
def written(file):
    file.write_text(json.dumps(STUDY), "utf-8")
    return lambda language: with_lac(README, language)


def cells_of(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_without_a_study_nothing_stands_there(file):
    for language in ("en", "zh"):
        empty = with_lac(README, language)
        assert empty == "# Title\n\n<!-- lac -->\n<!-- /lac -->\n\n## Syllabus\n" == with_lac(empty, language)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_study_stands_between_the_marks_and_is_written_once(written, language):
    text = written(language)
    assert text.startswith("# Title\n\n<!-- lac -->\n### ") and text.endswith("\n<!-- /lac -->\n\n## Syllabus\n")
    assert "old" not in text and with_lac(text, language) == text
    assert "`python -m a.study`" in text and "2026-01-31" in text and "A CPU" in text and "{" not in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_number_of_the_study_has_its_cell(written, language):
    header, rule, lac, original, compressed = cells_of(written(language))
    assert {len(cells) for cells in (header, rule, lac, original, compressed)} == {9}
    assert lac[1:] == ["ONNX Runtime, float32", "32.0", "22.0 [21.0, 23.0]", "–", *["70.0 [68.0, 72.0]", "–"] * 2]
    assert original[1:5] == ["PyTorch, float32", "98.6", "220.0 [210.0, 230.0]", "0.10× [0.09, 0.11]"]
    assert compressed[4:] == [
        "1.10× [0.98, 1.20]", "87.0 [85.0, 89.0]", "+17.0 [+15.0, +19.0]", "87.0 [85.0, 89.0]", "-3.0 [-5.0, -1.0]",
    ]  # fmt: skip


def test_the_smallest_is_judged_by_its_intervals(written):
    assert "smaller ✓, faster ?, higher F1: our test ✓, MSRA ✗" in written("en")
    assert "更小 ✓, 更快 ?, F1 更高：本课程测试集 ✓, MSRA ✗" in written("zh")


def test_it_says_that_types_are_mapped_and_guidelines_differ(written):
    assert re.search("types are mapped.*guidelines differ", written("en"))
    assert re.search("类型经过映射.*标注规范.*不同", written("zh"))
    assert all(re.search(r"\b321\b.*\b2 ", written(language)) for language in ("en", "zh"))


def test_one_test_gives_two_columns_less(file):
    rows = [{**row, "f1": {"ours": row["f1"]["ours"]}} for row in STUDY["rows"]]
    for row in rows[1:]:
        row["difference"] = {"ours": row["difference"]["ours"]}
    file.write_text(json.dumps(STUDY | {"sentences": {"ours": 10}, "rows": rows}), "utf-8")
    text = with_lac(README, "en")
    assert {len(cells) for cells in cells_of(text)} == {7} and "MSRA" not in text


def test_a_readme_without_marks_is_refused(written):
    with pytest.raises(ValueError, match="<!-- lac -->"):
        with_lac("# Title", "en")
