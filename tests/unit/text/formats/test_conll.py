"""CoNLL columns: every separator, line end, scheme and kind of row; malformed lines are named."""

import gzip
import re

import pytest
from small_corpora import CONLL, CONLL_SENTENCES, write

from utils.text.corpus import read_file
from utils.text.entities import CorpusError, Span, annotate
from utils.text.formats.conll import read_columns, read_conll

CHEN = [annotate("陈默说", [Span(0, 2, "PER")])]


@pytest.mark.parametrize("separator", [" ", "\t", "  ", " \t "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \n", "\t\n"])
def test_conll(tmp_path, separator, end):
    path = tmp_path / "train.txt"
    path.write_bytes(CONLL.replace(" ", separator).replace("\n", end).encode())
    assert read_conll(path) == CONLL_SENTENCES == read_file(path)


def test_conll_in_bioes_gzip_and_with_a_byte_order_mark(tmp_path):
    bioes = CONLL.replace("I-PER", "E-PER").replace("B-LOC", "S-LOC")
    path = tmp_path / "train.txt.gz"
    path.write_bytes(gzip.compress(bioes.encode("utf-8-sig")))
    assert read_file(path) == CONLL_SENTENCES


READ = {
    "a blank at the end of the first line": ("陈 B-PER \n默 I-PER\n说 O\n", CHEN),
    "segmentation digits": ("陈0\tB-PER\n默1\tI-PER\n说10\tO\n", CHEN),
    "segmented digits": ("陈0 B-PER\n310 I-PER\n说1 O\n", [annotate("陈3说", [Span(0, 2, "PER")])]),
    "Chinese types": ("陈 B-人名\n默 I-人名\n", [annotate("陈默", [Span(0, 2, "人名")])]),
    "dotted and dashed types": (
        "陈 B-PER.NAM\n京 B-geo-loc\n",
        [annotate("陈京", [(0, 1, "PER.NAM"), (1, 2, "geo-loc")])],
    ),
    "DOCSTART": ("-DOCSTART- O\n\n陈 B-PER\n默 I-PER\n说 O\n-DOCSTART- O\n好 O\n", [*CHEN, annotate("好", [])]),
    "four columns": ("-DOCSTART- -X- -X- O\n\n陈 NR B-NP B-PER\n默 NR I-NP I-PER\n说 VV O O\n", CHEN),
    "three columns and comments": ("# id 12 domain=train\n陈 _ B-PER\n默 _ I-PER\n# 说明\n说 _ O\n#\n", CHEN),
    "blank lines with blanks in them": ("陈 B-PER\n默 I-PER\n说 O\n \t\n\n\t\n好 O\n", [*CHEN, annotate("好", [])]),
    "no line end at the end": ("陈 B-PER\n默 I-PER\n说 O", CHEN),
    "no name at all": ("好 O\n人 O\n", [annotate("好人", [])]),
    "a tab-separated blank": (" \tO\n陈\tB-PER\n", [annotate(" 陈", [Span(1, 2, "PER")])]),
    "an ideographic blank": ("陈 B-PER\n\u3000 O\n", [annotate("陈\u3000", [Span(0, 1, "PER")])]),
    "emoji of several code points": (
        "❤️ O\n👨‍👩‍👧 B-PER\n🇨🇳 S-LOC\n",
        [annotate("❤️👨‍👩‍👧🇨🇳", [(2, 7, "PER"), (7, 9, "LOC")])],
    ),
    "BMES": ("陈 B-PER\n小 M-PER\n默 E-PER\n京 S-LOC\n", [annotate("陈小默京", [(0, 3, "PER"), (3, 4, "LOC")])]),
    "BILOU": ("陈 B-PER\n小 I-PER\n默 L-PER\n京 U-LOC\n", [annotate("陈小默京", [(0, 3, "PER"), (3, 4, "LOC")])]),
    "IOB1": (
        "陈 I-PER\n默 I-PER\n王 B-PER\n京 I-LOC\n",
        [annotate("陈默王京", [(0, 2, "PER"), (2, 3, "PER"), (3, 4, "LOC")])],
    ),
    "what the scheme forbids": (
        "国 B-ORG\n馆 I-ORG\n在 O\n的 O\n北 I-LOC\n京 E-LOC\n",
        [annotate("国馆在的北京", [(0, 2, "ORG"), (4, 6, "LOC")])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_case_01_columns_are_read_as_columns(tmp_path, kind):
    text, sentences = READ[kind]
    path = write(tmp_path / "train.txt", text)
    assert read_file(path) == read_file(path, "conll") == sentences


@pytest.mark.parametrize("hash_row", ["# O", "#\tO", "# B-PER", "#0 O"])
def test_case_02_a_hash_may_be_a_token(tmp_path, hash_row):
    digit = "0" if "0" in hash_row else ""
    path = write(tmp_path / "train.txt", f"{hash_row}\n陈{digit} B-PER\n")
    (sentence,) = read_file(path)
    assert sentence.text == "#陈" and Span(1, 2, "PER") in sentence.spans


def test_case_03_bmes_in_a_file(tmp_path):
    path = write(tmp_path / "train.bmes", READ["BMES"][0])
    assert read_file(path) == READ["BMES"][1]


def test_case_04_forbidden_tags_in_a_file_are_read_as_by_seqeval(tmp_path):
    text, sentences = READ["what the scheme forbids"]
    assert read_file(write(tmp_path / "train.txt", text)) == sentences


@pytest.mark.parametrize(
    "line",
    ["说", "说 O O", "说话 O", "说 X-PER", "说 B-", "说 PER", " O", "\tO", "说 人名", "说0 O", "说 a b c O", "# X-PER"],
)
def test_malformed_conll_line_is_named(tmp_path, line):
    path = write(tmp_path / "train.txt", f"陈 B-PER\n默 I-PER\n{line}\n")
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:3: expected one character.* got '.*{line[-1]}"):
        read_file(path)


@pytest.mark.parametrize(("line", "others"), [("说 M-PER", "I, M"), ("说 L-PER", "I, L"), ("说 U-PER", "I, U")])
def test_a_line_of_another_scheme_is_named(tmp_path, line, others):
    path = write(tmp_path / "train.txt", f"陈 B-PER\n默 I-PER\n京 {'S' if 'M' in line else 'E'}-LOC\n{line}\n")
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:4: the prefixes .* are not those of one scheme"):
        read_file(path)


def test_rows_know_their_lines(tmp_path):
    path = write(tmp_path / "train.txt", "# 说明\n陈 O\n\n默 NR\n".replace("NR", "O"))
    assert [[(row.number, row.tag) for row in rows] for rows in read_columns(path)] == [[(2, "O")], [(4, "O")]]
