"""The widget answers what the WebSocket answers; the same files serve both."""

import pytest
from asking import Broken
from known_tagger import KnownTagger, known_app, spans
from starlette.testclient import TestClient

from utils.serving.app import STATIC
from utils.serving.messages import LONGEST
from utils.serving.widget import TaggerBox

TEXT = "😀陈默在北京。\n国家图书馆"


def test_it_answers_like_the_socket():
    app = known_app()
    with TestClient(app, base_url="http://localhost") as client:
        client.portal.call(lambda: app.state.loading)
        with client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_json({"seq": 4, "text": TEXT})
            served = socket.receive_json()
    answer = TaggerBox(KnownTagger(), "known").answer({"seq": 4, "text": TEXT})
    assert answer | {"latency_ms": 0} == served | {"latency_ms": 0}
    assert [(e["start"], e["end"], e["type"]) for e in answer["entities"]] == spans(TEXT)


def test_only_changed_sentences_reach_the_tagger():
    tagger = KnownTagger()
    box = TaggerBox(tagger)
    box.answer({"seq": 1, "text": "陈默。北京。"})
    assert box.answer({"seq": 2, "text": "陈默。北京好。"})["computed"] == 1
    assert tagger.seen == ["陈默。", "北京。", "北京好。"]


@pytest.mark.parametrize(
    "message",
    [None, 3, {}, {"seq": "1", "text": ""}, {"seq": 1, "text": "x" * (LONGEST + 1)}, {"seq": 1, "text": "\ud800"}],
    ids=range(6),
)
def test_what_cannot_be_read_is_refused(message):
    answer = TaggerBox(KnownTagger()).answer(message)
    assert (answer["type"], answer["seq"], answer["code"]) == ("error", None, "invalid")


def test_an_error_of_the_tagger_is_said_in_the_box(caplog):
    box = TaggerBox(Broken(ArithmeticError("secret")))
    refusal = box.answer({"seq": 3, "text": "坏"})
    assert (refusal["type"], refusal["seq"], refusal["code"]) == ("error", 3, "failed")
    assert "secret" not in refusal["message"] and "secret" in caplog.text
    assert box.answer({"seq": 4, "text": "北京"})["type"] == "entities"


def test_each_sentence_goes_through_the_model_alone():
    sizes = []

    class Sized(KnownTagger):
        def predict(self, texts, batch_size=16):
            sizes.append(batch_size)
            return super().predict(texts, batch_size)

    TaggerBox(Sized()).answer({"seq": 1, "text": "陈默。北京。"})
    assert sizes == [1]


def test_a_message_of_the_browser_is_answered(monkeypatch):
    sent = []
    monkeypatch.setattr(TaggerBox, "send", lambda self, content, buffers=None: sent.append(content))
    box = TaggerBox(KnownTagger(), text="北京")
    box._handle_custom_msg({"seq": 9, "text": "北京"}, [])
    assert [(m["type"], m["seq"]) for m in sent] == [("entities", 9)] and box.text == "北京"


def test_what_a_notebook_saves_of_it_is_the_same_every_time():
    assert repr(TaggerBox(KnownTagger(), "known", "北京")) == "TaggerBox('known', '北京')"


def test_it_runs_the_pages_module():
    box = TaggerBox(KnownTagger())
    assert str(box._esm) == (STATIC / "tagger.js").read_text("utf-8")
    assert str(box._css) == (STATIC / "tagger.css").read_text("utf-8")
