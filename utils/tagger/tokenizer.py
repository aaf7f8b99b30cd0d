"""Characters to word-piece ids, the way RaNER's preprocessor does it.

Every code point is tokenised alone; one that leaves nothing (white space, control characters)
becomes [UNK]. The first piece of a character carries its label.

So a Latin word or a number is as many pieces as it has characters: `iPhone15` is eight. RaNER was trained that way, and
so are most Chinese taggers. One that was trained on whole word pieces (`iphone`, `##15`) answers here as the
transformers pipeline does when it is given the characters one by one, not as it does when it is given the text.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from transformers import BertTokenizer

from utils.tagger.vocabulary import read_tokenizer, tokens_by_row, with_rows
from utils.text.segmentation import segments

MAX_CHARACTERS = 510
"""Characters between [CLS] and [SEP] that fit RaNER's 512 positions."""


class Encoding(NamedTuple):
    """Model input of a batch: `(batch, length)` int64 arrays, `label_mask` bool (first pieces)."""

    input_ids: np.ndarray
    attention_mask: np.ndarray
    label_mask: np.ndarray


class CharacterTokenizer:
    """A BERT vocabulary, read one character at a time.

    Args:
        limit: word pieces that the model reads at once, [CLS] and [SEP] not counted.
    """

    def __init__(self, tokenizer: BertTokenizer, limit: int = MAX_CHARACTERS):
        self.tokenizer, self.limit = tokenizer, limit
        self._pieces: dict[str, list[int]] = {}

    @classmethod
    def from_directory(cls, path: str | Path, limit: int = MAX_CHARACTERS) -> "CharacterTokenizer":
        """Read `tokenizer.json` or `vocab.txt`, and `tokenizer_config.json`.

        Raises:
            CheckpointError: the directory holds no vocabulary, or a damaged one.
        """
        return cls(read_tokenizer(Path(path)), limit)

    def __len__(self) -> int:
        """Rows that the embedding needs."""
        return 1 + max(tokens_by_row(self.tokenizer))

    def with_rows(self, rows: Sequence[int]) -> "CharacterTokenizer":
        """The same tokenizer with the tokens of these rows only, numbered as they stand there."""
        return CharacterTokenizer(with_rows(self.tokenizer, rows), self.limit)

    def pieces(self, character: str) -> list[int]:
        """Ids of one character; never empty."""
        if character not in self._pieces:
            tokens = self.tokenizer.tokenize(character) or [self.tokenizer.unk_token]
            self._pieces[character] = self.tokenizer.convert_tokens_to_ids(tokens)
        return self._pieces[character]

    def encode(self, text: str) -> tuple[list[int], list[bool]]:
        """`[CLS] pieces [SEP]` of one text, and which of them carry a label."""
        ids, labelled = [self.tokenizer.cls_token_id], [False]
        for character in text:
            pieces = self.pieces(character)
            ids += pieces
            labelled += [True] + [False] * (len(pieces) - 1)
        return [*ids, self.tokenizer.sep_token_id], [*labelled, False]

    def batch(self, texts: Sequence[str], length: int | None = None) -> Encoding:
        """Encode and pad to `length`, or to the longest text.

        Raises:
            TypeError: one text instead of a list of texts.
        """
        check_texts(texts)
        encoded = [self.encode(text) for text in texts]
        width = length or max(len(ids) for ids, _ in encoded)
        input_ids = np.full((len(texts), width), self.tokenizer.pad_token_id, np.int64)
        attention_mask, label_mask = np.zeros_like(input_ids), np.zeros(input_ids.shape, bool)
        for row, (ids, labelled) in enumerate(encoded):
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
            label_mask[row, : len(ids)] = labelled
        return Encoding(input_ids, attention_mask, label_mask)

    def ranges_within(self, text: str, limit: int, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Non-empty ranges of a text, cut further where their word pieces are more than `limit`; the last comes first.

        Args:
            ranges: `(start, end)` in code points. A single character is never cut, however many pieces it takes.
        """
        pending = list(ranges)
        while pending:
            start, end = pending.pop()
            if end - start <= 1 or (end - start <= limit and len(self.encode(text[start:end])[0]) <= limit + 2):
                if end > start:
                    yield start, end
                continue
            shorter = limit if end - start > limit else max(1, (end - start) // 2)
            pending += [(start + s, start + e) for s, e in segments(text[start:end], shorter)]


def check_texts(texts: Sequence[str]) -> None:
    """A list of texts is wanted; one text would be taken for a list of its characters.

    Raises:
        TypeError: it is one text.
    """
    if isinstance(texts, str):
        raise TypeError(f"one text, {texts[:10]!r}, where a list of texts is wanted: write [text]")
