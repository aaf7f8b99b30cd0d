"""Text without annotation, such as a teacher can label: any UTF-8 file, cut into sentences."""

from pathlib import Path

from utils.text.entities import CorpusError
from utils.text.segmentation import sentence_ranges


def read_texts(path: str | Path) -> list[str]:
    """The sentences of any UTF-8 text file, cut behind sentence ends and at line ends; empty ones are left out.

    Raises:
        CorpusError: the file cannot be opened, is not UTF-8, or holds no text.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); expected a text file in UTF-8") from None
    pieces = (text[start:end].strip() for start, end in sentence_ranges(text))
    if not (texts := [piece for piece in pieces if piece]):
        raise CorpusError(f"{path}: holds no text")
    return texts
