"""The lines of a file; files that cannot be opened, unpacked or decoded are named, and a bad byte with its line."""

import gzip
import re

import pytest

from utils.files import LFS_POINTER
from utils.text.corpus import read_file
from utils.text.entities import CorpusError
from utils.text.formats.lines import quoted, read_lines


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x1f\x8b\x08\x00truncated"])
def test_unreadable_file_is_named(tmp_path, content):
    path = tmp_path / ("train.txt.gz" if content.startswith(b"\x1f") else "train.txt")
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}: cannot be read"):
        read_file(path)
    with pytest.raises(CorpusError, match="absent.txt: cannot be read"):
        read_lines(tmp_path / "absent.txt")


LINES = [f"陈{'默' * (i % 90)}说{i}\r\n".encode() for i in range(5000)]


@pytest.mark.parametrize("number", [1, 2, 4321, 5000])
@pytest.mark.parametrize("packed", [False, True])
def test_case_07_a_bad_byte_is_named_with_its_line(tmp_path, number, packed):
    body = LINES[: number - 1] + ["北京".encode() + b"\xb1" + LINES[number - 1]] + LINES[number:]
    path = tmp_path / "train.txt"
    path.write_bytes(gzip.compress(b"".join(body)) if packed else b"".join(body))
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:{number}: byte 0xb1 behind '北京' is not UTF-8"):
        read_lines(path)


@pytest.mark.parametrize("bad", ["北京 O\n".encode("gbk"), b"\xed\xa0\xbd O\n", b"\xe5\x8c O\n", b"\xc0\x80 O\n"])
def test_case_07_bytes_of_another_encoding(tmp_path, bad):
    path = tmp_path / "train.txt"
    path.write_bytes("陈 O\n".encode() + bad)
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:2: byte 0x\w\w is not UTF-8"):
        read_file(path)


def test_a_pointer_of_git_lfs_is_named(tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(LFS_POINTER + b"v1\noid sha256:00\nsize 1\n")
    with pytest.raises(CorpusError, match="Git LFS pointer.*git lfs pull"):
        read_file(path)


def test_lines_end_as_on_any_system_and_nowhere_else(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeff甲\n乙\r\n丙\r\r丁\u2028\x0b\x85戊\n".encode())
    assert read_lines(path) == [(1, "甲"), (2, "乙"), (3, "丙"), (4, ""), (5, "丁\u2028\x0b\x85戊")]
    path.write_bytes(b"")
    assert read_lines(path) == []


def test_what_is_quoted_is_short_and_printable():
    deep = []
    for _ in range(10_000):
        deep = [deep]
    for value in ("长" * 1000, "\ud83d\n\x00", deep, {"键": ["长" * 1000] * 1000}):
        assert len(quoted(value)) < 500 and quoted(value).encode() and quoted(value).isprintable()
