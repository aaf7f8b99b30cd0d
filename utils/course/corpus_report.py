"""What the command `corpus` finds: formats, schemes, sentences, types, lengths, examples, and what looks wrong.

Everything printed is of the corpus as the course reads it; so whoever brings one sees at once whether it was meant so.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from utils.course.tables import UNMEASURED, text_table
from utils.text.corpus import evenly_spaced, load_corpus, read_split, split_file
from utils.text.entities import Corpus, CorpusError, Entity, Sentence, annotate
from utils.text.formats.bracketed import format_bracketed
from utils.text.formats.conll import read_columns
from utils.text.formats.detect import format_of
from utils.text.formats.lines import quoted
from utils.text.tags import BIO, RANER_LABELS, is_iob1, scheme_of, split_tag

EXAMPLES, EXAMPLE_LENGTH = 5, 60

LONGEST_READ = 510
"""Characters that a BERT of 512 positions reads at once."""

HEADER = ("split", "format", "tags", "sentences", "with entities", "entities", "characters", "median", "longest")


class Part(NamedTuple):
    """A split, or a file alone; `tags` is the name of their scheme, and `forbidden` says which of them it forbids."""

    name: str
    format: str
    tags: str
    sentences: list[Sentence]
    forbidden: list[str]


def report(source: str, name: str = "") -> Iterator[str]:
    """The lines that say what is in a corpus.

    Args:
        source: a directory with train, dev and test, one file, or a data set of the Hub.
        name: of the format (`utils.text.formats.detect.FORMATS`); by default the one that the files show.

    Raises:
        CorpusError: it cannot be read.
    """
    parts = read_parts(source, name)
    yield text_table(HEADER, [_counts(part) for part in parts])
    yield ""
    yield text_table(("type", *(part.name for part in parts), "median length", "longest"), _types(parts))
    yield ""
    yield f"Examples from {parts[0].name}:"
    yield from (f"  {_example(sentence)}" for sentence in _chosen(parts[0].sentences))
    yield ""
    warnings = [warning for part in parts for warning in _warnings(part)] + list(_between(parts))
    yield "Warnings:" if warnings else "Nothing looks wrong."
    yield from (f"  {warning}" for warning in warnings)


def read_parts(source: str, name: str = "") -> list[Part]:
    """The splits of a corpus, or the file alone.

    Raises:
        CorpusError: it cannot be read, or a format is forced on a data set of the Hub.
    """
    path = Path(source)
    if path.is_file():
        return [_read(path.name, path, name)]
    if path.is_dir():
        return [_read(split, split_file(path, split), name) for split in Corpus._fields]
    corpus = load_corpus(source)
    if name:
        raise CorpusError(f"{source}: a data set of the Hub, not a file that could be in the format {name}")
    return [Part(split, "data set", UNMEASURED, sentences, []) for split, sentences in corpus._asdict().items()]


def _read(title: str, path: Path, name: str) -> Part:
    name = name or format_of(path)
    sentences = read_split(path, name)
    tags, forbidden = _scheme(path) if name == "conll" else (UNMEASURED, [])
    return Part(title, name, tags, sentences, forbidden)


def _scheme(path: Path) -> tuple[str, list[str]]:
    """The name of the scheme that the tags of columns are in, and each place where it forbids one."""
    sentences = read_columns(path)
    scheme = scheme_of(row.tag for rows in sentences for row in rows)
    if scheme == BIO and is_iob1([row.tag for row in rows] for rows in sentences):
        return "IOB1", []
    may_follow = cache(scheme.may_follow)
    places = []
    for rows in sentences:
        for before, after in pairwise([None, *rows, None]):
            first, second = (row.tag if row else "O" for row in (before, after))
            if not may_follow(first, second):
                places.append(f"{path}:{(after or before).number}: {scheme.name} has no {first} before {second}")
    return scheme.name, places


def _counts(part: Part) -> list[str]:
    lengths = [len(sentence.text) for sentence in part.sentences]
    entities = [len(sentence.entities) for sentence in part.sentences]
    numbers = (len(lengths), sum(map(bool, entities)), sum(entities), sum(lengths), median(lengths), max(lengths))
    return [part.name, part.format, part.tags, *(f"{number:g}" for number in numbers)]


def _types(parts: Sequence[Part]) -> list[list[str]]:
    """One row a type, the most frequent first: how often it is in each part, and how long its entities are."""
    counts = [Counter(entity.type for entity in _entities(part)) for part in parts]
    lengths: dict[str, list[int]] = {}
    for entity in (entity for part in parts for entity in _entities(part)):
        lengths.setdefault(entity.type, []).append(len(entity.text))
    return [
        [kind, *(str(count[kind]) for count in counts), f"{median(sizes):g}", str(max(sizes))]
        for kind, sizes in sorted(lengths.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def _entities(part: Part) -> Iterator[Entity]:
    return (entity for sentence in part.sentences for entity in sentence.entities)


def _chosen(sentences: Sequence[Sentence]) -> list[Sentence]:
    return evenly_spaced([s for s in sentences if s.entities] or sentences, EXAMPLES)


def _example(sentence: Sentence) -> str:
    """The sentence in our own format, on one line; a longer one ends behind an entity or between two."""
    end = min(len(sentence.text), EXAMPLE_LENGTH)
    end = next((e.end for e in sentence.entities if e.start < end < e.end), end)
    text = sentence.text[:end].translate(dict.fromkeys(map(ord, "\n\r\t"), " "))
    shown = annotate(text, [e.span for e in sentence.entities if e.end <= end])
    return format_bracketed(shown) + "…" * (end < len(sentence.text))


def _warnings(part: Part) -> Iterator[str]:
    if part.forbidden:
        more = f"; {len(part.forbidden)} such places in all" if len(part.forbidden) > 1 else ""
        yield f"{part.forbidden[0]}, read as seqeval reads it in its default mode{more}"
    texts = Counter(sentence.text for sentence in part.sentences)
    annotated = Counter(text for text, _ in {(sentence.text, sentence.spans) for sentence in part.sentences})
    damaged = [entity.text for entity in _entities(part) if entity.text != entity.text.strip()]
    found = {
        "no entity at all": not any(s.entities for s in part.sentences),
        "sentences without text": texts[""],
        "sentences that repeat another": sum(texts.values()) - len(texts),
        "texts with two annotations that differ": sum(count > 1 for count in annotated.values()),
        f"texts of more than {LONGEST_READ} characters, which are cut": sum(len(t) > LONGEST_READ for t in texts),
        "texts with U+FFFD, left by a damaged encoding": sum("\ufffd" in text for text in texts),
        f"entities that begin or end with a blank, such as {quoted(''.join(damaged[:1]))}": len(damaged),
    }
    for what, count in found.items():
        if count:
            yield f"{part.name}: {what}" if count is True else f"{part.name}: {count} {what}"


def _between(parts: Sequence[Part]) -> Iterator[str]:
    """What only several splits together, or the splits and the embedded model, show."""
    for one, other in combinations(parts, 2):
        if shared := {s.text for s in one.sentences} & {s.text for s in other.sentences}:
            yield f"{one.name} and {other.name}: {len(shared)} texts stand in both"
    for part in parts[1:]:
        if new := {e.type for e in _entities(part)} - {e.type for e in _entities(parts[0])}:
            yield f"{part.name}: {', '.join(sorted(new))} not in {parts[0].name}, where it would be learned"
    known = {split_tag(label)[1] for label in RANER_LABELS}
    if strange := sorted({entity.type for part in parts for entity in _entities(part)} - known):
        yield f"RaNER has no tag for {', '.join(strange)}: `run` needs --types to map them, or --new-head"
