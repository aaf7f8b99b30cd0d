"""Tags of characters, and the way from spans to tags and back: BIO and BIOES.

A tag is a prefix and a type, as in B-PER: B begins an entity, I continues it; BIOES also marks its end (E)
and an entity of a single character (S). O is outside. (BIO: Ramshaw and Marcus 1995, section 4.1.)
"""

from collections.abc import Callable, Sequence

import numpy as np

from utils.text.entities import Sentence, Span

RANER_LABELS = (
    "O", "B-LOC", "S-LOC", "B-ORG", "S-ORG", "B-PER", "S-PER",
    "I-LOC", "E-LOC", "I-ORG", "E-ORG", "I-PER", "E-PER",
)  # fmt: skip
"""The 13 BIOES labels in the order of RaNER's published `config.json`."""


def bioes_tags(sentence: Sentence) -> list[str]:
    """One tag a character: B, I, E for longer entities, S for a single character, O outside."""
    tags = ["O"] * len(sentence.text)
    for start, end, kind in sentence.spans:
        if end - start == 1:
            tags[start] = f"S-{kind}"
        else:
            tags[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 2), f"E-{kind}"]
    return tags


def spans_from_tags(tags: Sequence[str]) -> list[Span]:
    """Spans of a BIOES or BIO tag sequence; a sequence with an E or S tag is read as BIOES."""
    return span_reader(tags)(tags)


def span_reader(labels: Sequence[str]) -> Callable[[Sequence[str]], list[Span]]:
    """The reading that fits a set of labels: `spans_from_bioes` where one is E or S, else `spans_from_bio`."""
    bioes = any(label[0] in "ES" for label in labels)
    return spans_from_bioes if bioes else spans_from_bio


def spans_from_bioes(tags: Sequence[str]) -> list[Span]:
    """Spans by ModelScope's reading of (possibly illegal) BIOES tags.

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


def spans_from_bio(tags: Sequence[str]) -> list[Span]:
    """Spans of BIO tags by the CoNLL-2000 rule: an I after O or after another type opens a span.

    Any other tag counts as O: some published taggers have a `[PAD]` label.
    """
    spans: list[Span] = []
    for position, tag in enumerate(tags):
        if tag[0] not in "BI":
            continue
        last = spans[-1] if spans else None
        if tag[0] == "I" and last and last.end == position and last.type == tag[2:]:
            spans[-1] = Span(last.start, position + 1, last.type)
        else:
            spans.append(Span(position, position + 1, tag[2:]))
    return spans


def legal_moves(labels: Sequence[str]) -> np.ndarray:
    """`[i, j]` is true where BIOES allows tag j right after tag i: `(tags, tags)` bool.

    Inside an entity (after B or I) only I or E of the same type may follow; outside only O, B or S.
    """
    return np.array([[_may_follow(before, after) for after in labels] for before in labels])


def _may_follow(before: str, after: str) -> bool:
    if before[0] in "BI":
        return after[0] in "IE" and after[2:] == before[2:]
    return after[0] in "OBS"


def illegal_moves(labels: Sequence[str], tags: Sequence[int] | np.ndarray) -> int:
    """How many neighbouring tags of a sequence of tag numbers BIOES forbids."""
    tags = np.asarray(tags, np.int64)
    return int((~legal_moves(labels)[tags[:-1], tags[1:]]).sum())
