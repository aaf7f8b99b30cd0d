"""Corpora from the Hugging Face Hub, read through `datasets`: tags by character or word, or spans by offset."""

import functools
from collections.abc import Callable

from utils.text.entities import Corpus, CorpusError, Sentence, Span, annotate
from utils.text.formats.lines import text_of
from utils.text.tags import spans_from_tags

HUB_ALIASES = {
    "msra": ("levow/msra_ner", "refs/convert/parquet"),
    "weibo": ("PassbyGrocer/weibo-ner", None),
    "resume": ("PassbyGrocer/resume-ner", None),
    "cluener": ("xusenlin/clue-ner", None),
}
"""Short names of public data sets: `(repository, revision)`."""


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
    return annotate(text_of(row), spans)
