"""A corpus from wherever it is: a directory with three splits in any format of `utils.text.formats`, or the Hub."""

from collections.abc import Sequence
from pathlib import Path

from utils.files import DATA, is_hub_id
from utils.text.entities import Corpus, CorpusError, Sentence
from utils.text.formats.detect import format_of, reader_of
from utils.text.formats.plain import read_texts
from utils.text.hub_datasets import HUB_ALIASES, load_hub_corpus

DEFAULT_CORPUS = DATA / "corpus"

UNLABELLED = "unlabelled.txt"
"""Name of a file beside the splits: texts that nobody annotated, for a teacher to read."""

ENDINGS = (".txt", ".conll", ".bio", ".bmes", ".tsv", ".jsonl", ".json")
"""Of a split's file; each may end in .gz. What is in it says which format it is, not its name."""


def read_file(path: str | Path, name: str = "") -> list[Sentence]:
    """Read a file in the format that all of its lines show, or in the named one of `formats.detect.FORMATS`.

    Raises:
        CorpusError: the file cannot be read, a line is malformed, or there is no such format.
    """
    return reader_of(name or format_of(path))(path)


def load_corpus(source: str | Path = DEFAULT_CORPUS) -> Corpus:
    """Load a directory with `train`, `dev` and `test` files, or a data set of the Hub.

    Args:
        source: a directory with files in any format of `utils.text.formats` (`ENDINGS`, each also `.gz`), a Hub id,
            or one of `HUB_ALIASES`.

    Raises:
        CorpusError: nothing there, a split is absent or empty, or a line is malformed.
    """
    path = Path(source)
    if path.is_dir():
        return Corpus(*(read_split(split_file(path, split)) for split in Corpus._fields))
    if str(source) in HUB_ALIASES or is_hub_id(str(source)):
        return load_hub_corpus(str(source))
    if path.is_file():
        raise CorpusError(f"{source}: a file; a corpus is a directory with the splits {', '.join(Corpus._fields)}")
    known = ", ".join(HUB_ALIASES)
    raise CorpusError(f"{source}: no such corpus directory, and neither a Hub id (owner/name) nor one of {known}")


def load_unlabelled(source: str | Path = DEFAULT_CORPUS) -> list[str]:
    """The sentences of `UNLABELLED` in a corpus directory; none where there is no such file, or no directory.

    Raises:
        CorpusError: the file is not UTF-8, or holds no text.
    """
    path = Path(source) / UNLABELLED
    return read_texts(path) if path.is_file() else []


def split_file(directory: Path, split: str) -> Path:
    """The file of a split.

    Raises:
        CorpusError: there is none, or more than one.
    """
    paths = [directory / f"{split}{ending}{packed}" for ending in ENDINGS for packed in ("", ".gz")]
    found = [path for path in paths if path.is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise CorpusError(f"{directory}: which is the {split} split, {' or '.join(path.name for path in found)}?")
    endings = ", ".join(ENDINGS)
    raise CorpusError(f"{directory}: no {split}.txt or {split}.jsonl (or another of {endings}; each may end in .gz)")


def read_split(path: Path, name: str = "") -> list[Sentence]:
    """`read_file`, but a file without sentences is an error.

    Raises:
        CorpusError: also where the file holds no sentence.
    """
    if sentences := read_file(path, name):
        return sentences
    raise CorpusError(f"{path}: holds no sentence")


def evenly_spaced(sentences: Sequence[Sentence], count: int) -> list[Sentence]:
    """`count` sentences from start to end of a split, equally far apart; all of them where there are no more."""
    if count >= len(sentences):
        return list(sentences)
    return [sentences[i * len(sentences) // count] for i in range(count)]
