"""New sentences from old ones: the same words around other names.

A tagger that has met 王小明 in a hundred sentences learns 王小明; one that has met a hundred names in
the same sentence learns where names stand (mention replacement: Dai and Adel 2020, "An Analysis of
Simple Data Augmentation for Named Entity Recognition", section 2). Names come from the training
sentences and from `data/gazetteer`, lists of surnames, given names, places and organisations.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from utils.files import DATA
from utils.text.entities import Sentence, Span, annotate

GAZETTEER = DATA / "gazetteer"

NamePool = dict[str, list[str]]
"""Entity type -> names, repeats included, so that a frequent name is drawn often."""


def name_pool(sentences: Sequence[Sentence]) -> NamePool:
    """All entity texts of a corpus by type."""
    pool = defaultdict(list)
    for sentence in sentences:
        for entity in sentence.entities:
            pool[entity.type].append(entity.text)
    return dict(pool)


def swap_entities(sentence: Sentence, pool: NamePool, rng: random.Random, odds: float = 0.5) -> Sentence:
    """Replace each entity, with probability `odds`, by another of its type.

    One name in two comes from `pool`, the other from the gazetteer where that knows the type. A
    family name alone (王 in 王主任) is replaced by a family name, a one-character country by another.
    """
    text, spans, cursor = "", [], 0
    for entity in sentence.entities:
        text += sentence.text[cursor : entity.start]
        name = _other_name(entity.text, entity.type, pool, rng) if rng.random() < odds else entity.text
        spans.append(Span(len(text), len(text) + len(name), entity.type))
        text, cursor = text + name, entity.end
    return annotate(text + sentence.text[cursor:], spans, sentence.domain, sentence.trap)


def _other_name(name: str, kind: str, pool: NamePool, rng: random.Random) -> str:
    if kind == "PER" and len(name) == 1:
        return _draw("surnames", rng)
    if kind == "PER" and len(name) == 2 and name[0] in "老小阿":
        return name[0] + _draw("surnames", rng)
    if kind == "LOC" and len(name) == 1:
        return _draw("country_letters", rng)
    if kind in _INVENTORS and rng.random() < 0.5:
        return _INVENTORS[kind](rng)
    return rng.choice(pool[kind])


def _person(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.72:
        given = (_draw("given_characters", rng) for _ in range(rng.choice((1, 2, 2, 2))))
        return _draw("surnames", rng) + "".join(given)
    if draw < 0.88:
        return f"{_draw('foreign_given', rng)}·{_draw('foreign_family', rng)}"
    return _draw(rng.choice(("minority_names", "japanese_korean_names", "foreign_family", "foreign_given")), rng)


def _place(rng: random.Random) -> str:
    return _draw("places_china" if rng.random() < 0.6 else "places_world", rng)


def _organisation(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.4:
        return _draw("org_brands", rng) + _draw("org_tails_brand", rng)
    if draw < 0.7:
        return _draw("places_china", rng) + _draw("org_tails_place", rng)
    return _draw("org_full", rng)


_INVENTORS = {"PER": _person, "LOC": _place, "ORG": _organisation}


def _draw(name: str, rng: random.Random) -> str:
    return rng.choice(_names(GAZETTEER / f"{name}.txt"))


@cache
def _names(path: Path) -> list[str]:
    return path.read_text("utf-8").split()


def swapped_copies(sentences: Sequence[Sentence], pool: NamePool, copies: int, seed: int = 1) -> list[Sentence]:
    """`copies` times all sentences, every entity replaced by another of its type (`swap_entities`)."""
    rng = random.Random(seed)
    return [swap_entities(sentence, pool, rng, odds=1.0) for _ in range(copies) for sentence in sentences]
