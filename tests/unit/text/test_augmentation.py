"""Swapped names: the words around them stay, the annotation follows, seeds decide."""

import random

from utils.text.augmentation import name_pool, swap_entities, swapped_copies
from utils.text.corpus import DEFAULT_CORPUS, load_corpus
from utils.text.formats.bracketed import parse_bracketed

SENTENCE = parse_bracketed(
    "[国家图书馆](ORG)馆长[陈默](PER)昨日在[北京](LOC)说，[王](PER)主任与[老周](PER)赴[法](LOC)。"
)


def frame(sentence):
    """The words outside the entities."""
    pieces, cursor = [], 0
    for entity in sentence.entities:
        pieces.append(sentence.text[cursor : entity.start])
        cursor = entity.end
    return [*pieces, sentence.text[cursor:]]


def test_frame_and_types_stay_and_offsets_follow():
    pool = name_pool([SENTENCE])
    for seed in range(200):
        swapped = swap_entities(SENTENCE, pool, random.Random(seed), odds=1)
        assert frame(swapped) == frame(SENTENCE)
        assert [e.type for e in swapped.entities] == [e.type for e in SENTENCE.entities]
        assert all(swapped.text[e.start : e.end] == e.text for e in swapped.entities)


def test_a_family_name_stays_a_family_name():
    pool = name_pool([SENTENCE])
    swapped = [swap_entities(SENTENCE, pool, random.Random(seed), odds=1).entities for seed in range(100)]
    assert max(len(entities[3].text) for entities in swapped) <= 2
    assert {entities[4].text[0] for entities in swapped} == {"老"}
    assert {len(entities[5].text) for entities in swapped} == {1}
    assert len({entities[3].text for entities in swapped}) > 30


def test_no_odds_no_change_and_same_seed_same_sentence():
    pool = name_pool([SENTENCE])
    assert swap_entities(SENTENCE, pool, random.Random(1), odds=0) == SENTENCE
    assert swap_entities(SENTENCE, pool, random.Random(7)) == swap_entities(SENTENCE, pool, random.Random(7))


def test_types_without_a_gazetteer_draw_from_the_corpus():
    sentence = parse_bracketed("[院长](TITLE)来了")
    swapped = swap_entities(sentence, {"TITLE": ["会计"]}, random.Random(1), odds=1)
    assert swapped.text == "会计来了"


def test_the_pool_keeps_frequencies():
    train = load_corpus(DEFAULT_CORPUS).train
    assert sum(map(len, name_pool(train).values())) == sum(len(s.entities) for s in train)


LINES = ["[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。", "[新华社](ORG)电。"]
SENTENCES = [parse_bracketed(line) for line in LINES]


def test_swapped_copies_keep_the_words_and_change_the_names():
    copies = swapped_copies(SENTENCES, name_pool(SENTENCES) | {"LOC": ["甘南"]}, 5, seed=3)
    assert len(copies) == 5 * len(SENTENCES)
    for copied, sentence in zip(copies, SENTENCES * 5, strict=True):
        assert [e.type for e in copied.entities] == [e.type for e in sentence.entities]
    assert {sentence.text for sentence in copies[2::4]} == {"今天天气很好。"}
    assert len({sentence.text for sentence in copies[0::4]}) > 1
    assert copies == swapped_copies(SENTENCES, name_pool(SENTENCES) | {"LOC": ["甘南"]}, 5, seed=3)
    assert copies != swapped_copies(SENTENCES, name_pool(SENTENCES) | {"LOC": ["甘南"]}, 5, seed=4)
