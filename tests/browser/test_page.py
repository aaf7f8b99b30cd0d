"""The page in a real browser: typing, input methods, offsets, reconnection, hostile text, looks."""

import io
import json
import time

import matplotlib.image
import numpy as np
import pytest
from box import opened
from known_tagger import known_app, serving, spans

from utils.course.figures.style import luminance
from utils.serving.messages import LONGEST

PAUSE = 0.3


def texts(box):
    return [json.loads(frame)["text"] for frame in box.sent]


def paste(box, text):
    """Set the value as a paste does: at once, with one input event."""
    box.area.evaluate("(area, text) => { area.focus(); document.execCommand('insertText', false, text); }", text)


def test_typed_text_is_highlighted(box):
    box.area.press_sequentially("陈默在北京。", delay=30)
    box.shows("陈默在北京。")
    assert box.marks() == [("陈默", "PER"), ("北京", "LOC")]
    assert "ms to the answer" in box.status.inner_text() and texts(box) == ["陈默在北京。"]


def test_nothing_is_sent_while_an_input_method_is_composing(box):
    keys = box.page.context.new_cdp_session(box.page)
    box.area.focus()
    for typed in ("b", "bei", "beijing"):
        keys.send("Input.imeSetComposition", {"text": typed, "selectionStart": len(typed), "selectionEnd": len(typed)})
    time.sleep(3 * PAUSE)
    assert box.area.input_value() == "beijing" and box.sent == []
    keys.send("Input.insertText", {"text": "北京"})
    box.shows("北京")
    assert texts(box) == ["北京"] and box.marks() == [("北京", "LOC")]
    keys.send("Input.imeSetComposition", {"text": "chen", "selectionStart": 4, "selectionEnd": 4})
    time.sleep(3 * PAUSE)
    assert texts(box) == ["北京"]
    keys.send("Input.insertText", {"text": "陈默"})
    box.shows("北京陈默")
    assert texts(box) == ["北京", "北京陈默"]


@pytest.mark.parametrize(
    "text",
    ["😀北京𠮷陈默", "👩‍👩‍👧北京👩‍👩‍👧陈默", "e\u0301北京é陈默",
     "北京\n\n陈默\n", "\u200b北京\ufeff陈默", "\tab 北京  陈默 "],
    ids=["emoji", "ZWJ", "combining", "lines", "invisible", "spaces"],
)  # fmt: skip
def test_offsets_are_converted_once(box, text):
    paste(box, text)
    box.shows(text)
    assert box.marks() == [(text[start:end], kind) for start, end, kind in spans(text)]


def test_windows_line_ends_become_the_fields_own(box):
    paste(box, "北京\r\n陈默")
    box.shows("北京\n陈默")
    assert box.marks() == [("北京", "LOC"), ("陈默", "PER")]


def test_half_a_character_is_replaced_not_lost(box):
    box.page.evaluate("document.querySelector('textarea').value = '北京\\ud83d陈默'")
    box.area.dispatch_event("input")
    box.shows("北京\ufffd陈默")
    assert box.marks() == [("北京", "LOC"), ("陈默", "PER")]


def test_five_thousand_characters_and_not_one_more(box):
    text = ("陈默去北京的国家图书馆。" * LONGEST)[:LONGEST]
    paste(box, text)
    box.shows(text)
    assert len(box.marks()) == len(spans(text)) and len(box.painted()) == 1
    paste(box, "多")
    box.status.filter(has_text="too long").wait_for()
    assert len(box.sent) == 1


def test_hostile_text_stays_text(box):
    text = '<img src=x onerror="window.hacked=1">北京<script>window.hacked=1</script>&lt;b&gt;陈默'
    paste(box, text)
    box.shows(text)
    assert box.page.evaluate("window.hacked") is None and box.page.locator("img, .tagger-pane script").count() == 0
    assert box.marks() == [("北京", "LOC"), ("陈默", "PER")]


def test_hostile_answers_stay_text_and_overlaps_are_left_out(box):
    script = """async () => {
        const { paint } = await import('/static/tagger.js');
        const pane = document.querySelector('.tagger-pane');
        const spans = [[6, 8, 'C'], [2, 5, '<img src=x>'], [4, 7, 'B'], [9, 99, 'D'], [1, 1, 'E']];
        paint(pane, '0123456789', spans.map(([start, end, type]) => ({ start, end, type, confidence: 0.5 })));
    }"""
    box.page.evaluate(script)
    assert box.marks() == [("234", "<img src=x>"), ("67", "C")] and box.page.locator("img").count() == 0


def test_one_request_at_a_time_and_the_newest_wins(chromium):
    with serving(known_app(1, threads=1)) as (_, address), opened(chromium) as box:
        box.open(address)
        for _ in range(12):
            box.area.press_sequentially("京", delay=0)
            time.sleep(PAUSE + 0.05)
        box.shows("京" * 12)
        assert texts(box)[-1] == "京" * 12 and len(texts(box)) <= 9
        assert len(box.marks()) == 12 and box.complaints == []


def test_after_a_restart_the_page_comes_back_by_itself(chromium):
    with opened(chromium) as box:
        with serving(known_app()) as (_, address):
            box.open(address)
            paste(box, "北京")
            box.shows("北京")
        box.status.filter(has_text="connecting again").wait_for()
        box.area.press_sequentially("陈默")
        with serving(known_app(), port=int(address.rsplit(":", 1)[1])):
            box.shows("北京陈默", timeout=20_000)
        assert box.marks() == [("北京", "LOC"), ("陈默", "PER")]


def test_a_refusal_is_said_and_the_text_sent_again(chromium):
    with serving(known_app()) as (server, address), opened(chromium) as box:
        box.open(address)
        batcher, queue = server.service._batcher, server.service._batcher.queue
        batcher.queue = 0
        paste(box, "北京")
        box.status.filter(has_text="Not analysed").wait_for()
        batcher.queue = queue
        box.shows("北京")
        assert texts(box)[:2] == ["北京", "北京"]


def test_back_off_grows_is_spread_and_ends(box):
    script = """async () => {
        const { backOff } = await import('/static/tagger.js');
        const all = random => [0, 1, 3, 20].map(attempt => backOff(attempt, 1006, random));
        return [0, 1].map(random => [...all(random), backOff(9, 1012, random)]);
    }"""
    assert box.page.evaluate(script) == [[250, 500, 2000, 15000, 250], [500, 1000, 4000, 30000, 500]]


def test_the_keyboard_reaches_every_entity_and_its_confidence(box):
    paste(box, "陈默在北京。")
    box.shows("陈默在北京。")
    hints = box.page.locator(".tagger-hint")
    assert [hint.is_visible() for hint in hints.all()] == [False, False]
    box.area.press("Tab")
    assert hints.nth(0).is_visible() and hints.nth(0).inner_text() == "90 % sure"
    box.page.keyboard.press("Tab")
    assert [hint.is_visible() for hint in hints.all()] == [False, True]
    box.page.locator("mark").first.hover()
    assert hints.nth(0).is_visible()
    assert box.page.get_by_role("note", name="陈默: person, 90 % sure").count() == 1
    assert box.page.get_by_label("Text", exact=True).count() == 1


def colour(css):
    return [int(part) / 255 for part in css.removeprefix("rgb(").removesuffix(")").split(", ")]


def contrast(*colours):
    darker, lighter = sorted(luminance(c) for c in colours)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["cyberpunk", "plain"])
def test_every_theme_can_be_read_and_has_the_articles_colours(box, theme, tmp_path):
    if theme == "plain":
        box.page.get_by_role("button", name="plain theme").click()
    paste(box, "陈默在北京的国家图书馆。")
    box.shows("陈默在北京的国家图书馆。")
    style = "node => { const s = getComputedStyle(node); return [s.backgroundColor, s.color]; }"
    paper, ink = map(colour, box.page.locator(".tagger").evaluate(style))
    assert contrast(paper, ink) >= 7
    seen = {}
    for mark, kind in zip(box.page.locator("mark").all(), ("PER", "LOC", "ORG"), strict=True):
        background, text = map(colour, mark.evaluate(style))
        assert contrast(background, text) >= 4.5
        seen[kind] = background
    red, cyan, yellow = seen["PER"], seen["LOC"], seen["ORG"]
    assert red[0] > 1.6 * max(red[1:]) and min(cyan[1:]) > 2 * cyan[0] and min(yellow[:2]) > 2 * yellow[2]
    status = box.status.evaluate("node => getComputedStyle(node).color")
    assert contrast(paper, colour(status)) >= 4.5
    pixels = matplotlib.image.imread(io.BytesIO(box.page.screenshot()))[..., :3].reshape(-1, 3)
    for background in seen.values():
        assert (np.abs(pixels - background).max(1) < 0.01).sum() > 200
