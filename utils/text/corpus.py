"""A corpus from wherever it is: a directory with three splits in any format of `utils.text.formats`, or the Hub."""

import re
from collections.abc import Sequence
from pathlib import Path

from utils.files import DATA
from utils.text.entities import Corpus, CorpusError, Sentence
from utils.text.formats.bracketed import read_bracketed
from utils.text.formats.conll import read_conll
from utils.text.formats.jsonl import read_jsonl
from utils.text.formats.lines import read_lines
from utils.text.hub_datasets import HUB_ALIASES, load_hub_corpus

DEFAULT_CORPUS = DATA / "corpus"


def read_file(path: str | Path) -> list[Sentence]:
    """Read a file in whichever of the three formats its name and first line show."""
    if str(path).removesuffix(".gz").endswith(".jsonl"):
        return read_jsonl(path)
    first = next((line for _, line in read_lines(path) if line), "")
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


def evenly_spaced(sentences: Sequence[Sentence], count: int) -> list[Sentence]:
    """`count` sentences from start to end of a split, equally far apart; all of them where there are no more."""
    if count >= len(sentences):
        return list(sentences)
    return [sentences[i * len(sentences) // count] for i in range(count)]
