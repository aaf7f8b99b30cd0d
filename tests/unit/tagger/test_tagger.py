"""From text to entities: offsets, cutting, batching, sentences read apart, with backends whose answer is known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from tiny_models import random_raner, tiny_tokenizer

from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.torch_tagger import load_tagger, torch_tagger
from utils.tagger.tagger import Tagger, by_sentence, emissions_of
from utils.tagger.tokenizer import MAX_CHARACTERS
from utils.text.segmentation import sentence_ranges

LABELS = ["O", "S-LOC", "B-PER", "E-PER"]
NO_CRF = (np.zeros(4, np.float32), np.zeros((4, 4), np.float32), np.zeros(4, np.float32))


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


@pytest.mark.parametrize(("call", "error"), [
    (lambda tagger: tagger.predict("京在"), TypeError),
    (lambda tagger: tagger.tokenizer.batch("京在"), TypeError),
    (lambda tagger: tagger.predict(["京"], batch_size=0), ValueError),
    (lambda tagger: tagger.predict(["京"], batch_size=-1), ValueError),
    (lambda tagger: by_sentence(tagger).predict("京在"), TypeError),
])  # fmt: skip
def test_case_29_one_text_is_no_list_of_texts_and_a_batch_is_not_empty(known, call, error):
    with pytest.raises(error, match="write \\[text\\]|at least one text"):
        call(known)


def test_a_tagger_computes_in_32_bits_unless_it_says_otherwise(known):
    assert not known.eight_bits


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


ILLEGAL = {  # of seqeval's two rules for tags, the one for answers: `get_entities`
    "BIOS": ("B-PER I-PER O O I-LOC I-LOC S-ORG I-ORG B-PER", "BIOS", {}),
    "BMES": ("B-PER M-PER O M-LOC E-LOC S-ORG E-ORG B-PER", "BMES", {"M": "I"}),
    "BILOU": ("B-PER I-PER O I-LOC L-LOC U-ORG L-ORG B-PER", "BILU", {"L": "E", "U": "S"}),
    "BIO": ("B-PER I-PER O O I-LOC I-PER B-PER B-PER O", "BI", {}),
}


@pytest.mark.parametrize("scheme", ILLEGAL)
def test_case_12_other_schemes_than_raners_are_read_by_one_strict_rule(tokenizer, scheme):
    tags, prefixes, same = ILLEGAL[scheme]
    tags = tags.split()
    labels = ["O", *(f"{p}-{t}" for t in ("PER", "LOC", "ORG") for p in prefixes if p != "O")]
    zero = np.zeros(len(labels), np.float32)
    rows = np.eye(len(labels), dtype=np.float32)[[0, *map(labels.index, tags), 0]][None]
    crf = zero, np.zeros((len(labels),) * 2, np.float32), zero
    tagger = Tagger(lambda ids, mask: rows, tokenizer, labels, crf, MAX_CHARACTERS)
    translated = [same.get(tag[0], tag[0]) + tag[1:] for tag in tags]
    expected = [(start, end + 1, kind) for kind, start, end in get_entities(translated)]
    assert found(tagger, "说" * len(tags)) == expected
    if scheme == "BIOS":
        assert expected[:2] == [(0, 2, "PER"), (4, 6, "LOC")]


def test_bio_labels_are_read_as_bio(tokenizer):
    def backend(input_ids, attention_mask):
        tags = sum(tag * (input_ids == tokenizer.pieces(c)[0]) for tag, c in ((1, "陈"), (2, "默")))
        return np.eye(3, dtype=np.float32)[tags]

    zero = np.zeros(3, np.float32)
    tagger = Tagger(backend, tokenizer, ["O", "B-PER", "I-PER"], (zero, np.zeros((3, 3), np.float32), zero), 510)
    assert found(tagger, "陈默说默") == [(0, 2, "PER"), (3, 4, "PER")]


@pytest.mark.skipif(not (MINI_RANER / "model.safetensors").is_file(), reason="the embedded model is not trained yet")
def test_embedded_model_finds_names():
    model, tokenizer = load_raner(MINI_RANER)
    text = "国家图书馆馆长陈默昨日在北京说，新馆明年开放。"
    assert (12, 14, "LOC") in found(torch_tagger(model, tokenizer), text)


WRITTEN = st.text("天地玄黄宇宙洪荒abc。！？”\n😀", max_size=60)


@pytest.fixture(scope="module")
def random_tagger():
    return torch_tagger(random_raner(1), tiny_tokenizer())


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(WRITTEN, max_size=3))
def test_sentences_answer_as_if_each_were_a_text(random_tagger, texts):
    expected = [
        [
            (entity.start + start, entity.end + start, entity.type)
            for start, end in sentence_ranges(text)
            for entity in random_tagger.predict([text[start:end]])[0]
        ]
        for text in texts
    ]
    found = by_sentence(random_tagger).predict(texts)
    assert [[tuple(e.span) for e in entities] for entities in found] == expected
    for text, entities in zip(texts, found, strict=True):
        assert all(text[e.start : e.end] == e.text for e in entities)


def test_emissions_are_one_row_a_character(random_tagger):
    assert emissions_of(random_tagger, "天地🙂 2008").shape == (8, len(random_tagger.labels))


def test_emissions_are_those_of_the_characters_not_of_what_stands_around_them(known):
    assert emissions_of(known, "한陈默说京").argmax(1).tolist() == [0, 2, 3, 0, 1]


def test_emissions_of_a_text_that_is_too_long_are_those_of_its_parts(random_tagger):
    tight, text = dataclasses.replace(random_tagger, limit=4), "天地玄黄宇宙洪荒。天地"
    parts = [emissions_of(random_tagger, piece) for piece in ("天地玄黄", "宇宙洪荒", "。天地")]
    found = emissions_of(tight, text)
    assert found.shape == (len(text), len(tight.labels)) and emissions_of(tight, "").shape == (0, len(tight.labels))
    np.testing.assert_allclose(found, np.concatenate(parts), atol=1e-5)


def test_a_character_of_more_pieces_than_fit_is_not_cut_for_ever(known):
    assert list(dataclasses.replace(known, limit=2).ranges("京한")) == [(1, 2), (0, 1)]


def test_how_texts_are_cut_and_batched_is_said_when_a_tagger_is_made(known):
    shapes = []

    def backend(input_ids, attention_mask):
        shapes.append(input_ids.shape)
        return known.backend(input_ids, attention_mask)

    pairs = Tagger(
        backend, known.tokenizer, LABELS, NO_CRF, MAX_CHARACTERS,
        cut=lambda text: [(start, start + 2) for start in range(0, len(text), 2)],
        batches=lambda lengths, most: [(0, 1), (1, len(lengths))],
    )  # fmt: skip
    assert found(pairs, "陈默在京京说") == [(0, 2, "PER"), (3, 4, "LOC"), (4, 5, "LOC")]
    assert shapes == [(1, 4), (2, 4)]


def shapes_of(tagger, texts) -> list[tuple[int, int]]:
    """What the backend is given for these texts."""
    shapes = []

    def backend(input_ids, attention_mask):
        shapes.append(input_ids.shape)
        return tagger.backend(input_ids, attention_mask)

    dataclasses.replace(tagger, backend=backend).predict(texts)
    return shapes


def test_sixteen_texts_share_a_batch_unless_told_otherwise(known):
    assert shapes_of(known, ["京"] * 16) == [(16, 3)]
    assert len(shapes_of(known, ["京"] * 17)) == 2


def test_a_text_that_fits_is_read_at_once_to_the_last_position(known):
    assert shapes_of(known, ["说" * 510]) == [(1, 512)]
    assert len(shapes_of(known, ["说" * 511])) == 2


def test_a_tagger_is_not_changed_once_it_is_made(known):
    with pytest.raises(dataclasses.FrozenInstanceError):
        known.cut = sentence_ranges


def test_the_original_tagger_still_reads_texts_whole(random_tagger):
    widths = []

    def backend(ids, mask):
        widths.append(ids.shape)
        return np.zeros((*ids.shape, len(random_tagger.labels)), np.float32)

    watched = dataclasses.replace(random_tagger, backend=backend)
    apart = by_sentence(watched)
    watched.predict(["天地。玄黄。"])
    apart.predict(["天地。玄黄。"])
    assert widths == [(1, 8), (2, 5)]


def test_a_sentence_over_the_limit_is_cut_further(random_tagger):
    tight = by_sentence(dataclasses.replace(random_tagger, limit=4))
    spans = [e.span for e in tight.predict(["天地玄黄宇宙洪荒。天地"])[0]]
    pieces = [(0, 4), (4, 8), (8, 9), (9, 11)]
    text = "天地玄黄宇宙洪荒。天地"
    expected = [
        (e.start + start, e.end + start, e.type)
        for start, end in pieces
        for e in random_tagger.predict([text[start:end]])[0]
    ]
    assert [tuple(span) for span in spans] == expected
