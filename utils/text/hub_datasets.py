"""Corpora from the Hugging Face Hub, read through `datasets`: tags by character or word, or spans by offset."""

from collections.abc import Sequence
from pathlib import Path

from utils.text.entities import Corpus, CorpusError, Sentence
from utils.text.formats.lines import quoted
from utils.text.formats.records import Record, format_of_records, sentences_of_records
from utils.text.tags import sentence_of_tokens, tag_checker

HUB_ALIASES = {
    "msra": ("levow/msra_ner", "refs/convert/parquet"),
    "weibo": ("PassbyGrocer/weibo-ner", None),
    "resume": ("PassbyGrocer/resume-ner", None),
    "cluener": ("xusenlin/clue-ner", None),
}
"""Short names of public data sets: `(repository, revision)`."""

ANSWER = 10
"""Seconds in which the Hub has to say whether it has a data set."""


def load_hub_corpus(name: str) -> Corpus:
    """Load a token- or span-annotated data set through `datasets`.

    A data set without a dev split gives every tenth training sentence to dev; one without an
    annotated test split is tested on its validation split.

    Raises:
        CorpusError: the Hub cannot be reached, or the columns are not understood.
    """
    from datasets import load_dataset
    from huggingface_hub import HfApi, is_offline_mode

    repository, revision = HUB_ALIASES.get(name, (name, None))
    try:
        if not (is_offline_mode() or _is_kept(repository)):
            HfApi().dataset_info(repository, timeout=ANSWER)  # asks once, where load_dataset asks for half a minute
        splits = load_dataset(repository, revision=revision)
    except Exception as error:  # datasets raises a dozen unrelated types when a hub is away
        fault = "not loaded" if name in HUB_ALIASES else "no such directory here, and not loaded from the Hub"
        raise CorpusError(
            f"{repository}: {fault} ({type(error).__name__}). Without a network, download it once, "
            "or pass a directory with train.txt, dev.txt, test.txt; in China set HF_ENDPOINT to a mirror"
        ) from error
    return _divide({name: _named(split, f"{repository}, {name}") for name, split in splits.items()}, repository)


def _is_kept(repository: str) -> bool:
    """Whether something of a data set lies in the hub's cache; it may do without the Hub then."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE, "datasets--" + repository.replace("/", "--")).is_dir()


def _named(split, origin: str) -> list[Sentence]:
    """`from_dataset`, whose errors say of which data set and split."""
    try:
        return from_dataset(split)
    except CorpusError as error:
        raise CorpusError(f"{origin}: {error}") from None


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
    """Sentences of one `datasets.Dataset`: tags of any scheme, mapped by the *name* of the feature, or offsets.

    Raises:
        CorpusError: neither `tokens`/`ner_tags` nor `text`/`entities` columns, or a row that does not fit.
    """
    columns = set(split.column_names)
    if {"tokens", "ner_tags"} <= columns:
        feature = getattr(split.features["ner_tags"], "feature", None)
        return _from_tags(split, getattr(feature, "names", None))
    if {"text", "entities"} <= columns:
        records = [Record(f"row {number}", row, repr(row)) for number, row in enumerate(split)]
        return sentences_of_records(records, format_of_records(records))
    raise CorpusError(f"columns {sorted(columns)}: need tokens and ner_tags, or text and entities")


def _from_tags(split, names: Sequence[str] | None) -> list[Sentence]:
    sentences, check = [], tag_checker()
    for number, row in enumerate(split):
        try:
            tags = [_tag(tag, names) for tag in row["ner_tags"]]
            for tag in tags:
                check(tag)
            sentences.append(sentence_of_tokens(row["tokens"], tags))
        except (ValueError, TypeError) as error:
            raise CorpusError(f"row {number}: {error}, in {quoted(row['tokens'])}") from None
    return sentences


def _tag(tag: object, names: Sequence[str] | None) -> str:
    """A tag by its number among the feature's names, or by itself."""
    if isinstance(tag, str):
        return tag
    if names and isinstance(tag, int) and 0 <= tag < len(names):
        return names[tag]
    wanted = f"a number from 0 to {len(names) - 1}" if names else "a string: the feature has no names for numbers"
    raise ValueError(f"tag {tag!r} is not {wanted}")
