"""Annotated corpora: our own format, CoNLL columns, JSONL spans, and data sets of the Hub."""

import functools
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from utils.entities import Sentence, Span, annotate, spans_from_tags

DATA = Path(__file__).resolve().parent.parent / "data"
DEFAULT_CORPUS = DATA / "corpus"

HUB_ALIASES = {
    "msra": ("levow/msra_ner", "refs/convert/parquet"),
    "weibo": ("PassbyGrocer/weibo-ner", None),
    "resume": ("PassbyGrocer/resume-ner", None),
    "cluener": ("xusenlin/clue-ner", None),
}
"""Short names of public data sets: `(repository, revision)`."""

TRAPS = (
    "none", "common-word", "org-contains-loc", "abbreviation", "transliteration",
    "surname-title", "list", "mixed-script", "quotes", "no-entity",
)  # fmt: skip
"""What may make a sentence hard; explained in `data/corpus/GUIDELINES.md`."""

_BRACKETED = re.compile(r"\[([^\[\]]+)\]\(([A-Z]+)\)")


class CorpusError(ValueError):
    """A corpus that cannot be found or read; the message names file and line."""


class Corpus(NamedTuple):
    """Three disjoint lists of annotated sentences."""

    train: list[Sentence]
    dev: list[Sentence]
    test: list[Sentence]

    @property
    def types(self) -> list[str]:
        return sorted({entity.type for split in self for s in split for entity in s.entities})


def parse_bracketed(line: str, domain: str = "", trap: str = "") -> Sentence:
    """Read `[国家图书馆](ORG)馆长[陈默](PER)`.

    Raises:
        ValueError: a bracket is left over.
    """
    text, spans, cursor = "", [], 0
    for match in _BRACKETED.finditer(line):
        text += line[cursor : match.start()]
        spans.append(Span(len(text), len(text) + len(match[1]), match[2]))
        text, cursor = text + match[1], match.end()
    text += line[cursor:]
    if "[" in text or "]" in text:
        raise ValueError("a bracket without its partner or without a type like (PER)")
    return annotate(text, spans, domain, trap)


def format_bracketed(sentence: Sentence) -> str:
    """The inverse of `parse_bracketed`."""
    line, cursor = "", 0
    for entity in sentence.entities:
        line += f"{sentence.text[cursor : entity.start]}[{entity.text}]({entity.type})"
        cursor = entity.end
    return line + sentence.text[cursor:]


def read_bracketed(path: str | Path) -> list[Sentence]:
    """Read our own format: one sentence a line, `# domain:` and `# trap:` section marks.

    Raises:
        CorpusError: a malformed line or an unknown section mark, named by file and line.
    """
    sentences, domain, trap = [], "", ""
    for number, line in _lines(path):
        if line.startswith("# domain:"):
            domain, trap = line.removeprefix("# domain:").strip(), "none"
        elif line.startswith("# trap:"):
            trap = line.removeprefix("# trap:").strip()
            if trap not in TRAPS:
                raise CorpusError(f"{path}:{number}: unknown trap {trap!r}; known are {', '.join(TRAPS)}")
        elif line.startswith("#"):
            raise CorpusError(f"{path}:{number}: unknown section mark {line!r}; known are # domain: and # trap:")
        elif line:
            try:
                sentences.append(parse_bracketed(line, domain, trap))
            except ValueError as error:
                raise CorpusError(f"{path}:{number}: {error}") from None
    return sentences


def read_conll(path: str | Path) -> list[Sentence]:
    """Read two columns, `character TAG`, sentences apart by blank lines; BIO or BIOES; `.gz` too.

    Raises:
        CorpusError: a line without exactly two columns or with an unknown tag.
    """
    sentences, characters, tags = [], [], []
    for number, line in [*_lines(path), (0, "")]:
        if not line and characters:
            sentences.append(annotate("".join(characters), spans_from_tags(tags)))
            characters, tags = [], []
        elif line:
            columns = line.split()
            if len(columns) != 2 or len(columns[0]) != 1 or not re.fullmatch(r"O|[BIES]-\S+", columns[1]):
                raise CorpusError(f"{path}:{number}: expected one character and a BIO or BIOES tag, got {line!r}")
            characters.append(columns[0])
            tags.append(columns[1])
    return sentences


def read_jsonl(path: str | Path) -> list[Sentence]:
    """Read `{"text": ..., "entities": [{"start", "end", "type"}]}` lines, `end` exclusive.

    Raises:
        CorpusError: broken JSON, a missing field or a span outside the text.
    """
    sentences = []
    for number, line in _lines(path):
        if not line:
            continue
        try:
            record = json.loads(line)
            spans = [Span(e["start"], e["end"], e["type"]) for e in record["entities"]]
            sentences.append(annotate(_text(record), spans))
        except (ValueError, KeyError, TypeError) as error:
            raise CorpusError(f"{path}:{number}: {type(error).__name__} {error}") from None
    return sentences


def _text(record: dict) -> str:
    if not isinstance(record["text"], str):
        raise TypeError("text is not a string")
    return record["text"]


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    opener = gzip.open if str(path).endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                yield number, line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: cannot be read ({error})") from None


def read_file(path: str | Path) -> list[Sentence]:
    """Read a file in whichever of the three formats its name and first line show."""
    if str(path).removesuffix(".gz").endswith(".jsonl"):
        return read_jsonl(path)
    first = next((line for _, line in _lines(path) if line), "")
    return read_conll(path) if re.fullmatch(r"[^\s#][ \t]+[!-~]+", first) else read_bracketed(path)


def load_corpus(source: str | Path = DEFAULT_CORPUS) -> Corpus:
    """Load a directory with `train`, `dev` and `test` files, or a data set of the Hub.

    Args:
        source: a directory (`.txt`, `.jsonl`, each also `.gz`), a Hub id, or one of `HUB_ALIASES`.

    Raises:
        CorpusError: nothing there, a split is absent or empty, or a line is malformed.
    """
    path = Path(source)
    if path.is_dir():
        return Corpus(*(_read_split(path, split) for split in Corpus._fields))
    if str(source) in HUB_ALIASES or re.fullmatch(r"[\w.-]+/[\w.-]+", str(source)) and not path.exists():
        return load_hub_corpus(str(source))
    known = ", ".join(HUB_ALIASES)
    raise CorpusError(f"{source}: no such corpus directory, and neither a Hub id (owner/name) nor one of {known}")


def _read_split(directory: Path, split: str) -> list[Sentence]:
    for suffix in (".txt", ".txt.gz", ".jsonl", ".jsonl.gz"):
        if (path := directory / f"{split}{suffix}").is_file():
            if sentences := read_file(path):
                return sentences
            raise CorpusError(f"{path}: holds no sentence")
    raise CorpusError(f"{directory}: no {split}.txt or {split}.jsonl (each may end in .gz)")


def spread(sentences: Sequence[Sentence], count: int) -> list[Sentence]:
    """`count` sentences from start to end of a split, equally far apart; all of them where there are no more."""
    if count >= len(sentences):
        return list(sentences)
    return [sentences[i * len(sentences) // count] for i in range(count)]


def load_hub_corpus(name: str) -> Corpus:
    """Load a token- or span-annotated data set through `datasets`.

    A data set without a dev split gives every tenth training sentence to dev; one without an
    annotated test split is tested on its validation split.

    Raises:
        CorpusError: the Hub cannot be reached, or the columns are not understood.
    """
    from datasets import load_dataset

    repository, revision = HUB_ALIASES.get(name, (name, None))
    try:
        splits = load_dataset(repository, revision=revision)
    except Exception as error:  # datasets raises a dozen unrelated types when a hub is away
        raise CorpusError(
            f"{repository}: not loaded ({type(error).__name__}). Without a network, download it once, "
            "or pass a directory with train.txt, dev.txt, test.txt; in China set HF_ENDPOINT to a mirror"
        ) from error
    return _divide({key: from_dataset(split) for key, split in splits.items()}, repository)


def _divide(splits: dict[str, list[Sentence]], name: str) -> Corpus:
    if "train" not in splits:
        raise CorpusError(f"{name}: has no train split, only {', '.join(splits)}")
    train, dev, test = splits["train"], splits.get("validation"), splits.get("test")
    if not test or not any(s.entities for s in test):
        test, dev = dev, None
    if not test:
        raise CorpusError(f"{name}: has no annotated test or validation split")
    if not dev:
        train, dev = [s for i, s in enumerate(train) if i % 10], train[::10]
    return Corpus(train, dev, test)


def from_dataset(split) -> list[Sentence]:
    """Sentences of one `datasets.Dataset`, tags mapped by the *name* of the feature.

    Raises:
        CorpusError: neither `tokens`/`ner_tags` nor `text`/`entities` columns, or a row that does not fit.
    """
    columns = set(split.column_names)
    if {"tokens", "ner_tags"} <= columns:
        names = getattr(split.features["ner_tags"].feature, "names", None)
        read = functools.partial(_from_tokens, names=names)
    elif {"text", "entities"} <= columns:
        read = _from_offsets
    else:
        raise CorpusError(f"columns {sorted(columns)}: need tokens and ner_tags, or text and entities")
    return [_from_row(row, number, read) for number, row in enumerate(split)]


def _from_row(row: dict, number: int, read: Callable[[dict], Sentence]) -> Sentence:
    try:
        return read(row)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise CorpusError(f"row {number}: {type(error).__name__} {error}") from None


def _from_tokens(row: dict, names: list[str] | None) -> Sentence:
    tokens, tags = row["tokens"], row["ner_tags"]
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} tokens, {len(tags)} tags")
    named = [names[tag] for tag in tags] if names else tags
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token))
    spans = [Span(starts[s], starts[e], kind) for s, e, kind in spans_from_tags(named)]
    return annotate("".join(tokens), spans)


def _from_offsets(row: dict) -> Sentence:
    spans = [Span(e["start_offset"], e["end_offset"], e["label"]) for e in row["entities"]]
    return annotate(_text(row), spans)
