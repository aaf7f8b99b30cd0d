"""The report as a page: verdicts first, from intervals; nothing unescaped, nothing from elsewhere."""

import re

import pytest
from tiny_course import row

from utils.course.report import comparison, stages
from utils.course.report_page import HEADER, headline, html_report, sentences
from utils.course.tables import UNMEASURED
from utils.measure.claims import audit

RUN = {
    "state": "finished",
    "started": "2026-01-31T09:30:00+00:00",
    "settings": {"model": "", "corpus": "", "seed": 1, "quick": False},
    "machine": {"cpu": "A <CPU>", "flags": [], "cores": 2, "memory_mb": 24000, "versions": {"python": "3.11.7"}},
    "notebooks": [
        {"name": "00_start_here", "state": "done", "minutes": 1.26},
        {"name": "03_heads", "state": "failed", "minutes": None},
    ],
}


def costs(p50, megabytes):
    return {"latency_ms": {"p50": p50, "p95": p50 + 1}, "file_bytes": megabytes * 10**6, "rss_mb": 2.0 * megabytes}


def between(base, value, low, high):
    return {"base": base, "value": value, "low": low, "high": high}


def fast(value, low, high):
    return {"times_as_fast": between("original", value, low, high)}


def differs(value, low, high):
    return {"f1_difference": between("original-again", value, low, high)}


ROWS = [
    row("original", "torch-fp32", f1=86.0),
    row("original", "torch-fp32", "article", **costs(750.0, 407)),
    row("quantized", "torch-int8", f1=85.0, **differs(-0.2, -0.5, 0.1)),
    row("quantized", "torch-int8", "article", **costs(300.0, 104), **fast(2.5, 2.4, 2.6)),
    row("pruned-quantized", "torch-int8", f1=85.0, **differs(-1.5, -2.0, -1.3)),
    row("pruned-quantized", "torch-int8", "article", **costs(240.0, 97), **fast(3.1, 3.0, 3.3)),
    row("quantized", "onnx-int8", f1=85.0, **differs(-0.9, -1.8, 0.2)),
    row("quantized", "onnx-int8", "article", **costs(200.0, 103), **fast(3.5, 3.4, 3.6)),
    row("compressed", "onnx-int8", f1=85.0, **differs(-0.3, -0.8, 0.2)),
    row("compressed", "onnx-int8", "article", **costs(60.0, 27), **fast(12.0, 11.0, 13.0)),
]


def test_html_is_escaped():
    wild = "<script>&'\""
    named = {"name": wild, "state": "done", "minutes": 1.0}
    run = RUN | {"settings": RUN["settings"] | {"model": wild}, "notebooks": [named, named | {"state": wild}]}
    page = html_report([row(wild, "torch-fp32", "mini")], run, b"png")
    assert "A &lt;CPU&gt;" in page and "A <CPU>" not in page
    assert "<script" not in page and page.count("&lt;script&gt;&amp;&#39;&#34;") == 5


def test_a_report_shows_what_it_is_given():
    page = html_report(ROWS, RUN, b"png")
    cells = re.findall(r"<td>(.*?)</td>", page[page.index("<h2>The article's versions") :])
    assert [cells[i : i + 10] for i in range(0, 5 * 10, 10)] == comparison(ROWS)
    assert [cells[i : i + 10] for i in range(len(cells) - 4 - 10 * len(ROWS), len(cells) - 4, 10)] == stages(ROWS)
    assert cells[-4:] == ['<a href="00_start_here.ipynb">00_start_here</a>', "1.3 min", "03_heads", "failed"]
    assert "model: embedded, corpus: embedded, seed: 1, quick: False." in page


def test_the_page_needs_nothing_from_elsewhere():
    page = html_report(ROWS, RUN, b"png")
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["data:image/png;base64,cG5n", "00_start_here.ipynb"]
    assert not re.search(r"https?://|@import|url\(", page)


def test_verdicts_come_first_and_hang_on_intervals():
    """The article: 320 ms and F1 94.3 become 140 and 93.5, 100 and 93.1, 85 and 93.3."""
    table = {line[0]: line[1:] for line in headline(ROWS)}
    assert all(len(line) == len(HEADER) for line in headline(ROWS))
    assert table["quantised"] == [
        "2.50 [2.40, 2.60]", "2.29", "✓", "-0.20 [-0.50, +0.10]", "original-again", "-0.8", "✓", "104",
    ]  # fmt: skip
    assert [table["pruned, quantised"][i] for i in (1, 2, 5, 6)] == ["3.20", "?", "-1.2", "✗"]
    assert [table["ONNX Runtime, quantised"][i] for i in (1, 2, 5, 6)] == ["3.76", "✗", "-1.0", "?"]
    assert table["original RaNER"] == [UNMEASURED, UNMEASURED, "", UNMEASURED, UNMEASURED, UNMEASURED, "", "407"]
    assert [table["this course: compressed, ONNX Runtime"][i] for i in (0, 1, 2, 6)] == [
        "12.00 [11.00, 13.00]",
        UNMEASURED,
        "",
        "",
    ]
    page = html_report(ROWS, RUN, b"png")
    assert page.index("Verdicts") < page.index("<h2>The article's versions")


def test_three_sentences_say_how_fast_at_what_price_and_who_was_right():
    rows = [*ROWS, row("original", "torch-fp32", "article", **costs(750.0, 407), **fast(99.0, 98.0, 100.0))]
    speed, price, promised = sentences(rows)
    fastest = "“this course: compressed, ONNX Runtime”: 12.0 [11.0, 13.0] times as fast as original"
    assert f"{fastest} on this machine" in speed
    assert "27 MB instead of 407" in speed
    assert "(original-again) by -0.3 [-0.8, +0.2] points: less than 1 point is lost" in price
    said = [audited.verdict for audited in audit(rows)]
    broken = said.count("does not hold") + said.count("cannot hold")
    assert f"Of the article's {len(said)} promises {said.count('holds')} hold here and {broken} do not" in promised
    assert f"{said.count('not measured')} it did not measure" in promised


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((-2.0, -3.0, -1.1), "more than 1 point is lost"),
        ((-1.0, -2.0, 0.0), "whether more than 1 point is lost, the test set cannot tell"),
    ],
)
def test_a_price_is_never_judged_by_its_middle(interval, words):
    rows = [
        *ROWS[:2],
        row("compressed", "onnx-int8", "article", **costs(60.0, 27), **fast(9, 8, 10), **differs(*interval)),
    ]
    assert sentences(rows)[1].endswith(f": {words}.")


def test_what_was_not_measured_is_said_so():
    plain = [one | {"times_as_fast": None, "f1_difference": None} for one in ROWS]
    for rows in (plain, []):
        assert "did not measure" in sentences(rows)[0] and len(sentences(rows)) == 2
        assert {cell for line in headline(rows) for cell in line[1:4]} <= {UNMEASURED, "", "2.29", "3.20", "3.76"}
    only_fast = [*ROWS[:2], row("compressed", "onnx-int8", "article", **costs(60.0, 27), **fast(9, 8, 10))]
    assert "F1, this run did not measure" in sentences(only_fast)[1]


def test_a_quick_run_is_marked_before_any_number():
    page = html_report(ROWS, RUN | {"settings": RUN["settings"] | {"quick": True}}, b"png")
    assert page.index("(quick run)") < page.index("means nothing") < page.index("times as fast")
