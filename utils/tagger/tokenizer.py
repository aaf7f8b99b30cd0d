"""Characters to word-piece ids, the way RaNER's preprocessor does it.

Every code point is tokenised alone; one that leaves nothing (white space, control characters)
becomes [UNK]. The first piece of a character carries its label.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from transformers import BertTokenizer

MAX_CHARACTERS = 510
"""Characters between [CLS] and [SEP] that fit RaNER's 512 positions."""


class Encoding(NamedTuple):
    """Model input of a batch: `(batch, length)` int64 arrays, `label_mask` bool (first pieces)."""

    input_ids: np.ndarray
    attention_mask: np.ndarray
    label_mask: np.ndarray


class CharacterTokenizer:
    """A BERT vocabulary, read one character at a time."""

    def __init__(self, tokenizer: BertTokenizer):
        self.tokenizer = tokenizer
        self._pieces: dict[str, list[int]] = {}

    @classmethod
    def from_directory(cls, path: str | Path) -> "CharacterTokenizer":
        """Read `vocab.txt` and `tokenizer_config.json`.

        Raises:
            FileNotFoundError: the directory holds no `vocab.txt`.
        """
        if not (Path(path) / "vocab.txt").is_file():
            raise FileNotFoundError(f"{path}: no vocab.txt, so its characters cannot be read")
        return cls(BertTokenizer.from_pretrained(path))

    def __len__(self) -> int:
        return len(self.tokenizer)

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
        """Encode and pad to `length`, or to the longest text."""
        encoded = [self.encode(text) for text in texts]
        width = length or max(len(ids) for ids, _ in encoded)
        input_ids = np.full((len(texts), width), self.tokenizer.pad_token_id, np.int64)
        attention_mask, label_mask = np.zeros_like(input_ids), np.zeros(input_ids.shape, bool)
        for row, (ids, labelled) in enumerate(encoded):
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
            label_mask[row, : len(ids)] = labelled
        return Encoding(input_ids, attention_mask, label_mask)
