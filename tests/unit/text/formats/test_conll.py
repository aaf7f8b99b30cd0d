"""CoNLL columns: every separator, line end and scheme; malformed lines are named."""

import gzip
import re

import pytest
from small_corpora import CONLL, CONLL_SENTENCES, write

from utils.text.corpus import read_file
from utils.text.entities import CorpusError
from utils.text.formats.conll import read_conll


@pytest.mark.parametrize("separator", [" ", "\t", "  "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_conll(tmp_path, separator, end):
    path = tmp_path / "train.txt"
    path.write_bytes(CONLL.replace(" ", separator).replace("\n", end).encode())
    assert read_conll(path) == CONLL_SENTENCES == read_file(path)


def test_conll_in_bioes_gzip_and_with_a_byte_order_mark(tmp_path):
    bioes = CONLL.replace("I-PER", "E-PER").replace("B-LOC", "S-LOC")
    path = tmp_path / "train.txt.gz"
    path.write_bytes(gzip.compress(bioes.encode("utf-8-sig")))
    assert read_file(path) == CONLL_SENTENCES


@pytest.mark.parametrize("line", ["说", "说 O O", "说话 O", "说 X-PER", "说 B-", "说 PER", " O"])
def test_malformed_conll_line_is_named(tmp_path, line):
    path = write(tmp_path / "train.txt", f"陈 B-PER\n默 I-PER\n{line}\n")
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:3: expected one character"):
        read_file(path)
