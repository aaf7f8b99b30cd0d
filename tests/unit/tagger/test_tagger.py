"""From text to entities: offsets, cutting, batching, with backends whose answer is known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertTokenizer

from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.torch_tagger import load_tagger, torch_tagger
from utils.tagger.tagger import Tagger
from utils.tagger.tokenizer import MAX_CHARACTERS, CharacterTokenizer
from utils.text.segmentation import segments, sentence_ranges

LABELS = ["O", "S-LOC", "B-PER", "E-PER"]
WORDS = ["京", "陈", "默", "说", "。", "a", "##b", "ᄒ", "##ᅡ", "##ᆫ"]
NO_CRF = (np.zeros(4, np.float32), np.zeros((4, 4), np.float32), np.zeros(4, np.float32))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> CharacterTokenizer:
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n", "utf-8")
    return CharacterTokenizer.from_directory(path.parent)


@pytest.fixture
def known(tokenizer) -> Tagger:
    """Says LOC to 京 and PER to 陈默, by id; scores every other piece, [CLS] and [SEP] included, as a trap."""
    answers = {tokenizer.pieces(c)[0]: tag for c, tag in (("京", 1), ("陈", 2), ("默", 3))}
    markers = {tokenizer.tokenizer.cls_token_id, tokenizer.tokenizer.sep_token_id, *tokenizer.pieces("한")[1:]}

    def backend(input_ids, attention_mask):
        assert input_ids.shape[1] <= 512 and input_ids.dtype == attention_mask.dtype == np.int64
        tags = np.vectorize(lambda i: 1 if i in markers else answers.get(i, 0))(input_ids)
        return np.eye(4, dtype=np.float32)[tags] * 5

    return Tagger(backend, tokenizer, LABELS, NO_CRF, MAX_CHARACTERS)


def found(tagger, text, **options):
    (entities,) = tagger.predict([text], **options)
    assert all(text[e.start : e.end] == e.text and 0 < e.confidence <= 1 for e in entities)
    return [(e.start, e.end, e.type) for e in entities]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("陈默在京", [(0, 2, "PER"), (3, 4, "LOC")]),
        ("😀京👩‍👩‍👧京", [(1, 2, "LOC"), (7, 8, "LOC")]),
        ("京\r\n京\r\n", [(0, 1, "LOC"), (3, 4, "LOC")]),
        (" 京\t\u3000京\u200b\ufeff\x00京", [(1, 2, "LOC"), (4, 5, "LOC"), (8, 9, "LOC")]),
        ("龘京\ue000京\U0002a6d6京", [(1, 2, "LOC"), (3, 4, "LOC"), (5, 6, "LOC")]),
        ("한京한陈默", [(1, 2, "LOC"), (3, 5, "PER")]),
        ("e\u0301京", [(2, 3, "LOC")]),
        ("说", []),
        (" ", []),
        ("", []),
    ],
    ids=["plain", "emoji", "CRLF", "white space", "unknown", "Hangul", "combining", "nothing", "blank", "empty"],
)
def test_offsets_are_code_points(known, text, spans):
    assert found(known, text) == spans


def test_a_hangul_character_takes_several_pieces(tokenizer):
    ids, labelled = tokenizer.encode("한京")
    assert len(ids) == 6 and labelled == [False, True, False, False, True, False]


def test_no_texts_and_only_empty_texts(known):
    assert known.predict([]) == []
    assert known.predict(["", "京", ""]) == [[], known.predict(["京"])[0], []]


def test_confidence_is_the_probability_of_all_characters(known):
    """Without moves to prefer, each of the two characters is sure by itself."""
    (person,) = known.predict(["陈默"])[0]
    assert person.confidence == pytest.approx((np.exp(5) / (np.exp(5) + 3)) ** 2)


def test_confidence_listens_to_the_neighbours(known):
    """A field that lets E-PER follow B-PER alone is surer of 陈默 than its characters are."""
    moves = np.zeros((4, 4), np.float32)
    moves[[0, 1, 3], 3] = moves[2, :3] = -20
    sure = dataclasses.replace(known, crf=(NO_CRF[0], moves, NO_CRF[2]))
    (person,) = sure.predict(["陈默"])[0]
    assert person.confidence == pytest.approx(1, abs=1e-3) and person.confidence > np.exp(5) / (np.exp(5) + 3)


@given(text=st.text("京陈默说。，!\n😀한 ", max_size=300), limit=st.integers(6, 40), batch_size=st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_nothing_is_lost_whatever_the_length(tokenizer, text, limit, batch_size):
    """Every 京 is found exactly once, whatever the cuts, the pieces of Hangul included."""
    seen = []

    def backend(input_ids, attention_mask):
        seen.append(input_ids.shape[1])
        return np.eye(4, dtype=np.float32)[(input_ids == tokenizer.pieces("京")[0]).astype(int)]

    tagger = Tagger(backend, tokenizer, LABELS, NO_CRF, limit)
    assert found(tagger, text, batch_size=batch_size) == [(i, i + 1, "LOC") for i, c in enumerate(text) if c == "京"]
    assert max(seen, default=0) <= limit + 2


@pytest.mark.parametrize("unit", ["京说说说。", "京说说说说", "京한한한한", "京\r\n \t"])
def test_five_thousand_characters(known, unit):
    text = unit * 1000
    assert found(known, text) == [(i, i + 1, "LOC") for i in range(0, 5000, 5)]


@given(st.text("甲乙。！？；\n，、: ", max_size=200), st.integers(1, 30))
def test_segments_partition_the_text(text, limit):
    ranges = segments(text, limit)
    assert "".join(text[start:end] for start, end in ranges) == text
    assert all(0 < end - start <= limit for start, end in ranges) or text == ""
    for start, end in ranges[:-1]:
        window = text[start : start + limit]
        if any(mark in window for mark in "。！？；\n"):
            assert text[end - 1] in "。！？；\n"
        elif any(mark in window for mark in "，、: "):
            assert text[end - 1] in "，、: "
        else:
            assert end - start == limit


@given(st.text("甲乙，。！？”）;\r\n", max_size=60))
def test_sentences_partition_the_text(text):
    parts = [text[start:end] for start, end in sentence_ranges(text)]
    assert "".join(parts) == text and all(parts)
    for part in parts[:-1]:
        assert any(mark in part for mark in "。！？;\n") and part[-1] in "。！？;\n”）\r"
    for part in parts:
        assert part.rstrip("。！？;\n”）\r") == "" or not set("。！？;\n") & set(part.rstrip("。！？;\n”）\r"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("他说：“好。”走了。", ["他说：“好。”", "走了。"]),
        ("甲！？乙\r\n\r\n丙", ["甲！？", "乙\r\n\r\n", "丙"]),
        ("", []),
        ("没有句号", ["没有句号"]),
    ],
)
def test_a_sentence_keeps_its_closing_marks(text, parts):
    assert [text[start:end] for start, end in sentence_ranges(text)] == parts


def test_cut_falls_behind_the_last_sentence_end():
    assert segments("甲。乙。丙丁戊己", 5) == [(0, 4), (4, 8)]
    assert segments("甲乙，丙丁戊己", 5) == [(0, 3), (3, 7)]
    assert segments("甲乙丙丁戊己庚", 5) == [(0, 5), (5, 7)]


TEXTS = [
    "新华社北京二月十一日电（记者唐虹）",
    "这与温岭市新河镇的一个神秘的传说有关。",
    "地",
    "",
    "eh 摇滚狗涂鸦 Abc123",
]


@pytest.mark.parametrize("batch_size", [2, 3, 16])
def test_answer_does_not_depend_on_the_batch(tiny_published, batch_size):
    tagger = load_tagger(tiny_published)
    alone, together = tagger.predict(TEXTS, batch_size=1), tagger.predict(TEXTS, batch_size=batch_size)
    assert [[e.span for e in t] for t in together] == [[e.span for e in t] for t in alone]
    confidences = [[e.confidence for text in answer for e in text] for answer in (alone, together)]
    assert confidences[1] == pytest.approx(confidences[0], abs=1e-5)
    assert sum(map(len, alone)) > 10


def test_long_text_is_its_parts(tiny_published):
    """A text over the model's 510 characters is cut at sentence ends, and its parts are tagged apart."""
    tagger = load_tagger(tiny_published)
    sentence = "新华社北京二月十一日电。"
    per_part = 510 // len(sentence)
    sizes = [per_part, per_part, 100 - 2 * per_part]
    parts = tagger.predict([sentence * size for size in sizes])
    offsets = np.cumsum([0, *sizes]) * len(sentence)
    shifted = [(e.start + o, e.end + o, e.type) for o, part in zip(offsets, parts, strict=False) for e in part]
    assert [tuple(e.span) for e in tagger.predict([sentence * 100])[0]] == shifted and shifted


def test_bio_labels_are_read_as_bio(tokenizer):
    def backend(input_ids, attention_mask):
        tags = sum(tag * (input_ids == tokenizer.pieces(c)[0]) for tag, c in ((1, "陈"), (2, "默")))
        return np.eye(3, dtype=np.float32)[tags]

    zero = np.zeros(3, np.float32)
    tagger = Tagger(backend, tokenizer, ["O", "B-PER", "I-PER"], (zero, np.zeros((3, 3), np.float32), zero), 510)
    assert found(tagger, "陈默说默") == [(0, 2, "PER"), (3, 4, "PER")]


def test_word_by_word_tokenizer_is_transformers_own(tiny_published):
    """Each character alone through `BertTokenizer`, an empty answer made [UNK]."""
    _, ours = load_raner(tiny_published)
    reference = BertTokenizer.from_pretrained(tiny_published)
    text = "新华社 Abc\u3000é①１龘"
    expected = [reference(c, add_special_tokens=False)["input_ids"] or [reference.unk_token_id] for c in text]
    assert [ours.pieces(c) for c in text] == expected


@pytest.mark.skipif(not (MINI_RANER / "model.safetensors").is_file(), reason="the embedded model is not trained yet")
def test_embedded_model_finds_names():
    model, tokenizer = load_raner(MINI_RANER)
    text = "国家图书馆馆长陈默昨日在北京说，新馆明年开放。"
    assert (12, 14, "LOC") in found(torch_tagger(model, tokenizer), text)
