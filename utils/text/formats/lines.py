"""What every reader needs: the lines of a file, plain or compressed, and how an error quotes one."""

import gzip
import zlib
from pathlib import Path
from reprlib import Repr

from utils.files import LFS_POINTER
from utils.text.entities import CorpusError

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_GZIP, _UTF8_MARK, _UTF16_MARKS = b"\x1f\x8b", b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


def quoted(text: object) -> str:
    """What an error message shows of a text or value: so much of it that it is recognised, all of it printable."""
    return _SHORT.repr(text)


def read_lines(path: str | Path) -> list[tuple[int, str]]:
    """Number, from 1, and text of each line of a UTF-8 file; a gzip file is unpacked, whatever its name.

    Raises:
        CorpusError: the file cannot be opened or unpacked, or a line is not UTF-8.
    """
    data = _bytes_of(path)
    if data.startswith(LFS_POINTER):
        raise CorpusError(
            f"{path}: a Git LFS pointer, not the file it stands for: run `git lfs pull` in its repository"
        )
    if data.startswith(_UTF16_MARKS):
        raise CorpusError(f"{path}: cannot be read (it is UTF-16); save it as UTF-8")
    lines = data.removeprefix(_UTF8_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [(number, _decoded(line, path, number)) for number, line in enumerate(lines, 1)]


def _bytes_of(path: str | Path) -> bytes:
    try:
        data = Path(path).read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP) else data
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: cannot be read ({error})") from None


def _decoded(line: bytes, path: str | Path, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        before = line[: error.start].decode("utf-8")
        where = f"byte 0x{line[error.start]:02x} behind {quoted(before[-20:])}" if before else f"byte 0x{line[0]:02x}"
        raise CorpusError(f"{path}:{number}: {where} is not UTF-8; save the file as UTF-8") from None
