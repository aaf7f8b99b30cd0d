"""Tags of characters, and the way from spans to tags and back, in every scheme that corpora and models use.

A tag is a prefix and a type, as in B-PER. The prefix says which character of an entity it is; O is outside. In BIO, B
begins an entity and I continues it (Ramshaw and Marcus 1995, section 4.1). BIOES also marks its end (E) and an entity
of a single character (S). BMES writes M for I, BILOU writes L for E and U for S. BIOS has no end, IOE2 no begin.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from utils.text.entities import Sentence, Span, annotate

RANER_LABELS = (
    "O", "B-LOC", "S-LOC", "B-ORG", "S-ORG", "B-PER", "S-PER",
    "I-LOC", "E-LOC", "I-ORG", "E-ORG", "I-PER", "E-PER",
)  # fmt: skip
"""The 13 BIOES labels in the order of RaNER's published `config.json`."""


class Scheme(NamedTuple):
    """The prefixes of an entity's first, inner and last character, and of its only one."""

    name: str
    begin: str
    inside: str
    end: str
    single: str

    def may_follow(self, before: str, after: str) -> bool:
        """Whether some annotation puts tag `after` right behind tag `before`; O stands for a text's start and end."""
        (first, type_of_first), (second, type_of_second) = split_tag(before), split_tag(after)
        inner = {(a, b) for a in (self.begin, self.inside) for b in (self.inside, self.end)}
        if type_of_first == type_of_second and (first, second) in inner:
            return True
        return first in ("O", self.end, self.single) and second in ("O", self.begin, self.single)


BIO = Scheme("BIO", *"BIIB")
BIOES = Scheme("BIOES", *"BIES")
SCHEMES = (
    BIO,
    Scheme("BIOS", *"BIIS"),
    Scheme("IOE2", *"IIEE"),
    BIOES,
    Scheme("BMES", *"BMES"),
    Scheme("BILOU", *"BILU"),
)
"""All schemes; where the prefixes of a few tags fit several, the first of them is meant."""

_ROLES = dict(zip("BIMELSU", "BIIEESS", strict=True))
"""Each prefix as BIOES writes it: no prefix means two things."""


def split_tag(tag: str) -> tuple[str, str]:
    """Prefix and type; O and no type for O and for labels that are no tags, such as `[PAD]`."""
    prefix, _, kind = tag.partition("-")
    return (prefix, kind) if prefix in _ROLES and kind else ("O", "")


def scheme_of(tags: Iterable[str]) -> Scheme:
    """The scheme of a model's labels, or of all tags of a corpus.

    Raises:
        ValueError: prefixes of two schemes are mixed.
    """
    prefixes = {split_tag(tag)[0] for tag in tags} - {"O"}
    for scheme in SCHEMES:
        if prefixes <= set(scheme[1:]):
            return scheme
    names = ", ".join(scheme.name for scheme in SCHEMES)
    raise ValueError(f"the prefixes {', '.join(sorted(prefixes))} are not those of one scheme ({names})")


def is_iob1(sequences: Iterable[Sequence[str]]) -> bool:
    """Whether BIO tags are of its older form IOB1: B only between neighbours of one type, I begins all others."""
    pairs = [(split_tag(a), split_tag(b)) for tags in sequences for a, b in pairwise(["O", *tags])]
    begins_with_i = any(second[0] == "I" and first[1] != second[1] for first, second in pairs)
    return begins_with_i and all(first[1] == second[1] for first, second in pairs if second[0] == "B")


def tags_of(sentence: Sentence, scheme: Scheme) -> list[str]:
    """One tag a character."""
    tags = ["O"] * len(sentence.text)
    for start, end, kind in sentence.spans:
        inner = [scheme.inside] * (end - start - 2)
        prefixes = [scheme.begin, *inner, scheme.end] if end - start > 1 else [scheme.single]
        tags[start:end] = [f"{prefix}-{kind}" for prefix in prefixes]
    return tags


def bioes_tags(sentence: Sentence) -> list[str]:
    """One tag a character: B, I, E for longer entities, S for a single character, O outside."""
    return tags_of(sentence, BIOES)


def spans_from_tags(tags: Sequence[str]) -> list[Span]:
    """Spans of the tags of any scheme, IOB1 too, by the rule of conlleval and seqeval.

    I and E (and what other schemes write for them) extend an entity of their type whose last tag stands right before
    and was B or I; otherwise they open one, as B and S do. So legal tags give what seqeval's strict mode gives, and
    illegal ones what its default mode does. Labels that are no tags count as O.
    """
    spans: list[Span] = []
    is_open = False
    for position, tag in enumerate(tags):
        prefix, kind = split_tag(tag)
        role = _ROLES.get(prefix)
        if is_open and role in ("I", "E") and spans[-1].type == kind:
            spans[-1] = spans[-1]._replace(end=position + 1)
        elif role:
            spans.append(Span(position, position + 1, kind))
        is_open = role in ("B", "I")
    return spans


def sentence_of_tokens(tokens: Sequence[str], tags: Sequence[str]) -> Sentence:
    """Tokens, of any length, put together without blanks, with the entities of their tags.

    Raises:
        ValueError: not one tag a token, or an entity without a character.
    """
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} tokens, {len(tags)} tags")
    starts = [0, *accumulate(map(len, tokens))]
    return annotate("".join(tokens), [Span(starts[s], starts[e], kind) for s, e, kind in spans_from_tags(tags)])


def tag_checker() -> Callable[[str], None]:
    """A function to call with each tag of a corpus.

    It raises ValueError where one is no tag, or where its prefix is not of a scheme with those before.
    """
    seen: dict[str, str] = {}

    def check(tag: str) -> None:
        prefix, _ = split_tag(tag)
        if prefix == "O" != tag:
            raise ValueError(f"{tag!r} is neither O nor a tag like B-PER")
        if prefix not in seen:
            seen[prefix] = tag
            scheme_of(seen.values())

    return check


def span_reader(labels: Sequence[str]) -> Callable[[Sequence[str]], list[Span]]:
    """How a model's answer is read: `spans_from_bioes` where its labels are BIOES, else `spans_from_tags`.

    Raises:
        ValueError: the labels mix two schemes.
    """
    return spans_from_bioes if scheme_of(labels) is BIOES else spans_from_tags


def spans_from_bioes(tags: Sequence[str]) -> list[Span]:
    """Spans by ModelScope's reading of (possibly illegal) BIOES tags, the reading of published RaNER models.

    B and S open a span and end the open one; I and E extend the open span or open one; E and S
    close. O does not close: a later I or E still extends over it. The opening tag gives the type.
    Source: modelscope 1.40.2, `TokenClassificationPipeline.postprocess` (behaviour, not code).
    """
    spans: list[Span] = []
    opened: Span | None = None
    for position, tag in enumerate(tags):
        prefix = tag[0]
        if prefix in "BS" and opened:
            spans.append(opened)
            opened = None
        if prefix in "BIES":
            start, kind = (opened.start, opened.type) if opened else (position, tag[2:])
            opened = Span(start, position + 1, kind)
        if prefix in "ES":
            spans.append(opened)
            opened = None
    return [*spans, opened] if opened else spans


def legal_moves(labels: Sequence[str]) -> np.ndarray:
    """`[i, j]` is true where the labels' scheme allows tag j right after tag i: `(tags, tags)` bool.

    In BIOES: inside an entity (after B or I) only I or E of the same type may follow; outside only O, B or S.

    Raises:
        ValueError: the labels mix two schemes.
    """
    scheme = scheme_of(labels)
    return np.array([[scheme.may_follow(before, after) for after in labels] for before in labels])


def illegal_moves(labels: Sequence[str], tags: Sequence[int] | np.ndarray) -> int:
    """How many neighbouring tags of a sequence of tag numbers the labels' scheme forbids."""
    tags = np.asarray(tags, np.int64)
    return int((~legal_moves(labels)[tags[:-1], tags[1:]]).sum())
