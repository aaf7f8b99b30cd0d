"""Text without annotation, such as a teacher can label: any UTF-8 file, cut into sentences."""

from pathlib import Path

from utils.text.entities import CorpusError
from utils.text.formats.lines import read_lines
from utils.text.segmentation import sentence_ranges


def read_texts(path: str | Path) -> list[str]:
    """The sentences of any UTF-8 text file, cut behind sentence ends and at line ends; empty ones are left out.

    Raises:
        CorpusError: the file cannot be opened, is not UTF-8, or holds no text.
    """
    lines = [line for _, line in read_lines(path)]
    pieces = (line[start:end].strip() for line in lines for start, end in sentence_ranges(line))
    if not (texts := [piece for piece in pieces if piece]):
        raise CorpusError(f"{path}: holds no text")
    return texts
