"""Tables and pages: what a ledger row says is what a reader sees."""

import json

import pytest

from utils.compress.training import Schedule
from utils.course import report
from utils.course.report import (
    ARTICLE,
    COMPARISON_HEADER,
    STAGES_HEADER,
    comparison,
    filled_readme,
    stages,
    study_table,
    versions,
)
from utils.course.tables import UNMEASURED, markdown_table, text_table
from utils.measure.row import Row
from utils.model.checkpoint import load_raner
from utils.studies.recovery_bars import AGAIN, TRIALS, Study, run_study
from utils.text.entities import Corpus
from utils.text.formats.bracketed import parse_bracketed

MACHINE = {"cpu": "A <CPU>", "flags": ["avx2"], "cores": 2, "memory_mb": 24000, "versions": {"python": "3.11.7"}}
RUN = {
    "state": "finished",
    "started": "2026-01-31T09:30:00+00:00",
    "settings": {"model": "", "corpus": "", "seed": 1, "quick": False},
    "machine": MACHINE,
    "notebooks": [
        {"name": "00_start_here", "state": "done", "minutes": 1.26},
        {"name": "03_heads", "state": "failed", "minutes": None},
    ],
}


def row(stage, backend, scale, **values):
    names = {"stage": stage, "notebook": "08", "scale": scale, "backend": backend}
    return dict.fromkeys(Row.model_fields) | names | values


def costs(p50, megabytes):
    return {"latency_ms": {"p50": p50, "p95": p50 + 1}, "file_bytes": megabytes * 10**6, "rss_mb": 2.0 * megabytes}


def fast(value, base="original/torch-fp32/whole"):
    spread = 0.1 if value > 1 else 0
    return {"times_as_fast": {"base": base, "value": value, "low": value - spread, "high": value + spread}}


LOST = {"f1_difference": {"base": "original/torch-fp32/whole", "value": -1.0, "low": -1.5, "high": 0.2}}


ROWS = [
    row("original", "torch-fp32", "mini", f1=86.04, f1_low=85.0, f1_high=87.0, **costs(30.0, 25)),
    row("quantized", "torch-int8", "mini", f1=85.0, **costs(20.0, 9), **LOST),
    row("original", "torch-fp32", "article", **costs(750.0, 407), **fast(1.0)),
    row("quantized", "torch-int8", "article", **costs(300.0, 150), **fast(2.4)),
    row("quantized", "onnx-int8", "mini", f1=84.0, f1_low=83.0, f1_high=85.0, **costs(10.0, 8)),
]


def test_costs_come_from_the_article_scale_and_scores_from_the_mini_in_any_order():
    for rows in (ROWS, ROWS[::-1]):
        found = {(v["stage"], v["backend"]): v for v in versions(rows)}
        original = found["original", "torch-fp32"]
        assert (original["scale"], original["file_bytes"], original["f1"]) == ("article", 407 * 10**6, 86.04)
        assert {v["scale"] for v in versions(rows)} == {"article"} and len(found) == 2


def test_a_run_of_one_scale_shows_all_its_rows():
    mini = [r for r in ROWS if r["scale"] == "mini"]
    assert [(v["stage"], v["backend"]) for v in versions(mini)] == [(r["stage"], r["backend"]) for r in mini]


def test_scores_are_those_of_the_notebook_that_measured_the_costs():
    other = row("original", "torch-fp32", "mini", f1=70.0, **costs(30.0, 25)) | {"notebook": "09"}
    for rows in ([other, *ROWS], [*ROWS, other]):
        assert versions(rows)[0]["f1"] == 86.04
    assert versions([other, *ROWS[1:]])[0]["f1"] == 70.0


def test_rows_are_left_as_they_were():
    before = [dict(r) for r in ROWS]
    versions(ROWS)
    assert before == ROWS


def test_the_comparison_says_what_was_measured_and_what_was_not():
    table = comparison(ROWS)
    assert table[0][2:-1] == ["750.0 (751.0)", "1.00×", "820", "814", "407", "94.3", "86.0 [85.0, 87.0]"]
    assert table[1][2:4] == ["300.0 (301.0)", "2.40× [2.3, 2.5]"] and table[1][-2:] == ["85.0", "-1.0 [-1.5, +0.2]"]
    assert table[2][2:4] == [UNMEASURED, UNMEASURED] and table[2][-2:] == [UNMEASURED, UNMEASURED]


def test_own_versions_follow_where_they_were_measured():
    own = row("compressed", "onnx-int8", "article", **costs(75.0, 36), **fast(10.0))
    (line,) = comparison([*ROWS, own])[len(ARTICLE) :]
    assert line[1:] == [
        UNMEASURED, "75.0 (76.0)", "10.00× [9.9, 10.1]", UNMEASURED, "72.0", "36.0", *3 * [UNMEASURED],
    ]  # fmt: skip


def test_times_of_two_scales_never_stand_side_by_side():
    assert comparison(ROWS)[3][2:4] == [UNMEASURED, UNMEASURED]


def test_times_of_two_sessions_are_never_divided():
    alone = row("quantized", "onnx-int8", "article", **costs(75.0, 36))
    assert comparison([*ROWS[:4], alone])[3][2:4] == ["75.0 (76.0)", UNMEASURED]
    other_base = alone | fast(3.0, "quantized/torch-int8/whole")
    assert comparison([*ROWS[:4], other_base])[3][2:4] == ["75.0 (76.0)", UNMEASURED]


def test_of_two_notebooks_rows_the_preferred_one_speaks():
    earlier = row("quantized", "torch-int8", "article", **costs(200.0, 150), **fast(9.0)) | {"notebook": "06"}
    for rows in ([earlier, *ROWS], [*ROWS, earlier]):
        assert comparison(rows)[1][2:4] == ["300.0 (301.0)", "2.40× [2.3, 2.5]"]
    assert len(stages([*ROWS, earlier])) == 6


def test_the_headline_is_one_notebooks_where_that_measured_the_article():
    others = [r | {"notebook": "07"} for r in ROWS]
    assert report.headline([*others, *ROWS]) == ROWS
    mini = [r for r in ROWS if r["scale"] == "mini"]
    assert report.headline([*others, *mini]) == [*others, *mini]


def test_an_empty_ledger_still_makes_tables():
    table = comparison([])
    assert [line[0] for line in table] == [version.english for version in ARTICLE]
    assert {cell for line in table for cell in (line[2], line[3], line[5], line[6], line[8])} == {UNMEASURED}
    assert stages([]) == []
    assert text_table(STAGES_HEADER, []).count("\n") == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_line_fills_its_header(language):
    assert {len(line) for line in comparison(ROWS, language)} == {len(COMPARISON_HEADER[language])}
    assert {len(line) for line in stages(ROWS)} == {len(STAGES_HEADER)}


README = """# Title
<!-- results -->
old
<!-- /results -->
| 00 | [Start](a) | words | 9.9 |
| 03 | [Heads](a) | words | coming |
| 04 | coming | words | coming |
"""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_readme_is_filled_between_its_marks(language):
    run = RUN | {"notebooks": RUN["notebooks"][:1]}
    text = filled_readme(README, ROWS, run, language)
    assert "old" not in text and markdown_table(COMPARISON_HEADER[language], comparison(ROWS, language)) in text
    assert "| 00 | [Start](a) | words | 1.3 |\n| 03 | [Heads](a) | words | coming |" in text
    assert filled_readme(text, ROWS, run, language) == text


def test_a_readme_shows_the_waterfall_where_there_is_one():
    run = RUN | {"notebooks": RUN["notebooks"][:1]}
    with_it, without = (filled_readme(README, ROWS, run, "en", waterfall) for waterfall in (True, False))
    line = "](data/reference/waterfall.png)\n\n"
    assert with_it.count(line) == 1 and line not in without
    assert filled_readme(with_it, ROWS, run, "en") == without
    assert "on 2026-01-31, on A <CPU>" in without


def test_a_readme_without_marks_is_refused():
    with pytest.raises(ValueError, match="results"):
        filled_readme("# Title", ROWS, RUN, "en")


GOLD = [
    parse_bracketed(line)
    for line in ("[北京](LOC)与[上海](LOC)。", "[唐虹](PER)说。", "[新华社](ORG)记者[王](PER)。", "今天。")
]


@pytest.fixture
def study_file(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "STUDY", tmp_path / "study.json")
    return tmp_path / "study.json"


def test_a_study_is_shown_row_by_row(tiny_published, tmp_path, study_file):
    sentences = GOLD * 8
    study = Study(*load_raner(tiny_published), Corpus(sentences, GOLD, GOLD), tmp_path / "run", Schedule(1, 1e-3, 1))
    found = run_study(study, study_file, "a command")
    lines = study_table().data.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in cells[2:]] == ["original", AGAIN, *TRIALS]
    assert {len(row) for row in cells} == {8}
    for shown, row in zip(cells[3:], found["rows"], strict=True):
        assert float(shown[5]) == pytest.approx(row["difference"]["value"], abs=0.005)
    assert [cells[3][i] for i in (1, 2, 3, 7)] == [""] * 4


@pytest.mark.parametrize(("said", "mark"), [("yes", "✓"), ("no", "✗"), ("cannot tell", "?")])
def test_a_bar_has_the_mark_of_its_verdict(study_file, said, mark):
    row = {"stage": "heads-50", "heads": 72, "neurons": 9216, "f1_pruned": 80.0, "f1_recovered": 83.0, "seconds": 9.7}
    row |= {"difference": {"value": -1.6, "low": -2.5, "high": -0.5}, "allowed": 0.5, "verdict": said}
    study_file.write_text(json.dumps({"original": {"f1": 84.59}, "baseline": AGAIN, "rows": [row]}))
    last = study_table().data.splitlines()[-1]
    assert last == f"| heads-50 | 72 | 9216 | 80.0 | 83.0 | -1.60 | -2.50 to -0.50 | -0.5 {mark} |"


def test_a_study_by_older_code_is_not_shown_and_its_command_is(study_file):
    study_file.write_text(json.dumps({"command": "python -m a.study", "original": {"f1": 84.6}, "rows": []}))
    said = study_table().data
    assert "no verdicts" in said and "`python -m a.study`" in said and "|" not in said


def test_a_study_that_is_not_there_is_said_so(study_file):
    assert not study_file.exists() and "`data/reference/study.json` is not there" in study_table().data
