"""Plain text files become sentences; what is no text is named."""

import pytest

from utils.text.entities import CorpusError
from utils.text.formats.plain import read_texts


def test_read_texts_cuts_at_sentence_ends(tmp_path):
    path = tmp_path / "news.txt"
    path.write_text("\ufeff标题\n\n“真的？”他问。“是！！”\n  她说……没有\n", "utf-8")
    assert read_texts(path) == ["标题", "“真的？”", "他问。", "“是！！”", "她说……没有"]


@pytest.mark.parametrize(
    "content, reason", [(b"", ": holds no text"), (b" \n\n", ": holds no text"), ("北京".encode("gbk"), ":1: .*UTF-8")]
)
def test_unreadable_texts_are_named(tmp_path, content, reason):
    path = tmp_path / "news.txt"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=rf"news\.txt{reason}"):
        read_texts(path)
    with pytest.raises(CorpusError, match="cannot be read"):
        read_texts(tmp_path / "absent.txt")
