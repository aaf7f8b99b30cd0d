"""A vocabulary of ten pieces."""

import pytest

from utils.tagger.tokenizer import CharacterTokenizer

WORDS = ["京", "陈", "默", "说", "。", "a", "##b", "ᄒ", "##ᅡ", "##ᆫ"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> CharacterTokenizer:
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n", "utf-8")
    return CharacterTokenizer.from_directory(path.parent)
