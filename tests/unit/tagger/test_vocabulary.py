"""Vocabularies on disk: read as transformers reads them, kept through saving and cutting down, refused when damaged."""

import json

import pytest
from hugging_face import SPECIAL, TOKENS, save, tokenizer, write_lines
from transformers import AddedToken, AutoTokenizer, BertTokenizer

from utils.files import CheckpointError
from utils.tagger.tokenizer import CharacterTokenizer
from utils.tagger.vocabulary import read_tokenizer, write_tokenizer

CHARACTERS = "天é ÉEe“15Ａ龘\u3000ñ京i"
SETTINGS = {
    "the library's own": {},
    "upper case kept": {"do_lower_case": False},
    "accents stripped, upper case kept": {"do_lower_case": False, "strip_accents": True},
    "accents kept": {"strip_accents": False},
    "Chinese not apart": {"tokenize_chinese_chars": False},
    "other names": {"unk_token": "<unk>", "pad_token": "<pad>"},
}


def made(name) -> BertTokenizer:
    settings = SETTINGS[name]
    names = {"[UNK]": settings.get("unk_token", "[UNK]"), "[PAD]": settings.get("pad_token", "[PAD]")}
    return tokenizer([names.get(token, token) for token in TOKENS], **settings)


def ids(reading, characters=CHARACTERS):
    """What transformers says to each character alone, nothing left being [UNK]."""
    return [reading(c, add_special_tokens=False)["input_ids"] or [reading.unk_token_id] for c in characters]


def edited(path, **changes):
    file = path / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | changes), "utf-8")


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", ["BertTokenizer", "PreTrainedTokenizerFast"])
def test_case_11_a_tokenizer_json_is_read_as_transformers_reads_it(tmp_path, name, kind):
    reference = made(name)
    save(tmp_path, characters=reference)
    edited(tmp_path, tokenizer_class=kind)
    ours = CharacterTokenizer.from_directory(tmp_path)
    assert [ours.pieces(c) for c in CHARACTERS] == ids(AutoTokenizer.from_pretrained(tmp_path)) == ids(reference)
    assert ours.encode("天")[0] == reference("天")["input_ids"] and len(ours) == len(TOKENS)


def test_a_generic_class_does_what_its_json_says_whatever_the_settings_leave_out(tmp_path):
    save(tmp_path, characters=tokenizer(do_lower_case=False, strip_accents=False))
    file = tmp_path / "tokenizer_config.json"
    left = {k: v for k, v in json.loads(file.read_text("utf-8")).items() if k not in ("do_lower_case", "strip_accents")}
    file.write_text(json.dumps(left | {"tokenizer_class": "TokenizersBackend"}), "utf-8")
    ours = CharacterTokenizer.from_directory(tmp_path)
    assert [ours.pieces(c) for c in "Éée"] == ids(AutoTokenizer.from_pretrained(tmp_path), "Éée")
    assert [TOKENS[piece] for c in "Éée" for piece in ours.pieces(c)] == ["É", "é", "e"]


@pytest.mark.parametrize("name", SETTINGS)
def test_case_17_settings_survive_saving_and_cutting_down(tmp_path, name):
    reference = made(name)
    write_tokenizer(reference, tmp_path, 512)
    again = read_tokenizer(tmp_path)
    assert ids(again) == ids(reference) == ids(AutoTokenizer.from_pretrained(tmp_path, tokenizer_type="bert"))
    whole, rows = (
        CharacterTokenizer(reference),
        sorted({*range(5), *(row for c in "天éE" for row in ids(reference, c)[0])}),
    )
    smaller = whole.with_rows(rows)
    assert [[rows[piece] for piece in smaller.pieces(c)] for c in "天éEÉ"] == [
        piece if set(piece) <= set(rows) else [1] for piece in ids(reference, "天éEÉ")
    ]
    assert len(smaller) == len(rows) and smaller.limit == whole.limit
    (tmp_path / "smaller").mkdir()
    write_tokenizer(smaller.tokenizer, tmp_path / "smaller", 512)
    assert ids(read_tokenizer(tmp_path / "smaller"), "天éEÉ") == [smaller.pieces(c) for c in "天éEÉ"]


def test_added_tokens_keep_their_rows_and_are_looked_up_first(tmp_path):
    """Before a character is made small, an added one is found as it is written."""
    reference = tokenizer()
    reference.add_tokens([AddedToken("Ω", normalized=False), "☂"])
    for name, write in (("new", reference.save_pretrained), ("old", lambda p: write_tokenizer(reference, p, 512))):
        (tmp_path / name).mkdir()
        write(tmp_path / name)
        ours = CharacterTokenizer.from_directory(tmp_path / name)
        assert [ours.pieces(c) for c in "Ωω☂天"] == ids(reference, "Ωω☂天")
        assert len(ours) == len(TOKENS) + 2
    fewer = ours.with_rows([0, 1, 2, 3, 4, len(TOKENS)])
    assert [fewer.pieces(c) for c in "Ωω☂天"] == [[5], [1], [1], [1]]


@pytest.mark.parametrize(
    "tokens",
    [
        [*SPECIAL, "天", "天", "地"],
        [*SPECIAL, "", "地"],
        [*SPECIAL, "\u3000", "玄", "地", "", ""],
        [*SPECIAL[:4], "地"],
    ],
    ids=["a line twice", "a blank line", "white space alone", "no [MASK]"],
)
def test_every_token_keeps_its_row_where_a_line_is_no_token(tmp_path, tokens):
    reference = BertTokenizer.from_pretrained(write_lines(tmp_path / "given", tokens))
    ours = CharacterTokenizer.from_directory(tmp_path / "given")
    last = tokens.index("地")
    assert ours.pieces("地") == [last] == ids(reference, "地")[0] and len(ours) == last + 1
    (tmp_path / "saved").mkdir()
    write_tokenizer(ours.tokenizer, tmp_path / "saved", 512)
    again = CharacterTokenizer.from_directory(tmp_path / "saved")
    assert [again.pieces(c) for c in "天地玄"] == [ours.pieces(c) for c in "天地玄"] and len(again) == last + 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_byte_order_marks_are_no_part_of_a_token(tmp_path, encoding, end):
    (tmp_path / "vocab.txt").write_bytes(end.join(TOKENS).encode(encoding))
    assert ids(read_tokenizer(tmp_path)) == ids(tokenizer())


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
DAMAGES = {
    "GBK": ("\n".join(TOKENS[:9]).encode("gbk"), r"vocab\.txt, line 6: not UTF-8; iconv"),
    "UTF-16": ("\n".join(TOKENS).encode("utf-16"), r"vocab\.txt, line 1: not UTF-8"),
    "no [UNK]": ("\n".join(token for token in TOKENS if token != "[UNK]").encode(), r"no \[UNK\] among its"),
    "no [CLS], no [SEP]": ("\n".join(("[PAD]", "[UNK]", "天")).encode(), r"no \[CLS\], \[SEP\] among its 3"),
    "empty": (b"", r"no \[PAD\], \[UNK\], \[CLS\], \[SEP\] among"),
    "a pointer": (LFS, r"vocab\.txt: a Git LFS pointer.*git lfs pull"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_case_15_a_damaged_vocabulary_is_named(tmp_path, damage):
    content, message = DAMAGES[damage]
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        CharacterTokenizer.from_directory(tmp_path)
    assert "\n" not in str(caught.value)


JSON_DAMAGES = {
    "cut off": (lambda text: text[: len(text) // 2], r"tokenizer\.json: not valid JSON"),
    "a list": (lambda text: "[1]", "holds no JSON object"),
    "a pointer": (lambda text: LFS.decode(), r"tokenizer\.json: a Git LFS pointer"),
    "of another kind": (lambda text: text.replace('"WordPiece"', '"BPE"'), "a BPE vocabulary"),
    "nothing in it": (lambda text: "{}", r"tokenizer\.json: "),
    "no [UNK]": (lambda text: text.replace("[UNK]", "[OTHER]"), r"no \[UNK\] among"),
}


@pytest.mark.parametrize("damage", JSON_DAMAGES)
def test_case_15_a_damaged_tokenizer_json_is_named(tmp_path, damage):
    change, message = JSON_DAMAGES[damage]
    file = save(tmp_path) / "tokenizer.json"
    file.write_text(change(file.read_text("utf-8")), "utf-8")
    with pytest.raises(CheckpointError, match=message) as caught:
        CharacterTokenizer.from_directory(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_normaliser_that_is_not_berts_is_refused(tmp_path):
    file = save(tmp_path) / "tokenizer.json"
    content = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(content | {"normalizer": {"type": "NFKC"}}), "utf-8")
    edited(tmp_path, tokenizer_class="TokenizersBackend")
    with pytest.raises(CheckpointError, match="its normalizer is NFKC"):
        read_tokenizer(tmp_path)


def test_settings_that_are_no_json_are_named(tmp_path):
    (write_lines(tmp_path) / "tokenizer_config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"tokenizer_config\.json: not valid JSON"):
        read_tokenizer(tmp_path)


def test_a_directory_without_a_vocabulary(tmp_path):
    with pytest.raises(CheckpointError, match=r"no vocab\.txt and no tokenizer\.json"):
        read_tokenizer(tmp_path)
