"""The vocabulary of a BERT model as files: read in both layouts in which it is published, cut down, written.

The older layout is `vocab.txt`, one token a line; transformers 5 writes `tokenizer.json` and nothing else. Beside
either stands `tokenizer_config.json`: how a character is normalised before it is looked up. Where a directory has
both layouts, `tokenizer.json` counts, as it does for transformers.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from transformers import AddedToken, BertTokenizer

from utils.files import CheckpointError, read_settings, refuse_pointer

LINES_FILE, JSON_FILE, SETTINGS_FILE = "vocab.txt", "tokenizer.json", "tokenizer_config.json"

_NORMALISATION = {"do_lower_case": "lowercase", "strip_accents": "strip_accents",
                  "tokenize_chinese_chars": "handle_chinese_chars"}  # fmt: skip
"""Settings of a BERT tokenizer -> what `tokenizer.json` calls them."""

_GENERIC = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes that do what `tokenizer.json` says; BERT's own does what `tokenizer_config.json` says."""


def vocabulary_file(path: Path) -> Path:
    """The file of a directory that its vocabulary is read from.

    Raises:
        CheckpointError: there is none.
    """
    for name in (JSON_FILE, LINES_FILE):
        if (path / name).is_file():
            return path / name
    raise CheckpointError(f"{path}: no {LINES_FILE} and no {JSON_FILE}, so its characters cannot be read")


def read_tokenizer(path: Path) -> BertTokenizer:
    """The tokenizer of a model directory, as transformers reads it.

    Raises:
        CheckpointError: no vocabulary, one that is damaged or not BERT's, or one without a token that BERT needs.
    """
    file = vocabulary_file(path)
    settings = read_settings(path / SETTINGS_FILE) or {}
    given = _of_json(file, settings) if file.name == JSON_FILE else {"vocab": _of_lines(file)}
    try:
        tokenizer = BertTokenizer.from_pretrained(path, **given)
    except Exception as error:  # the library's and its Rust half's, of a dozen unrelated types
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{file}: cannot be read ({reason})") from None
    known = tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False)
    needed = (tokenizer.pad_token, tokenizer.unk_token, tokenizer.cls_token, tokenizer.sep_token)
    if missing := [str(token) for token in needed if token not in known]:
        found = f"no {', '.join(missing)} among its {len(known)} tokens"
        raise CheckpointError(f"{file}: {found}; take the vocabulary that was published with the model")
    return tokenizer


def _of_lines(file: Path) -> dict[str, int]:
    """Token -> number of its line, from 0; of lines that are equal the last counts, as in the library."""
    refuse_pointer(file)
    content = file.read_bytes()
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CheckpointError(f"{file}, line {line}: not UTF-8; iconv -f GBK -t UTF-8 may convert it") from None
    return {line.rstrip(): number for number, line in enumerate(lines[:-1] if lines[-1] == "" else lines)}


def _of_json(file: Path, settings: dict) -> dict[str, object]:
    """What a BERT tokenizer must be told besides `tokenizer.json` to do what that file says."""
    content = read_settings(file)
    model, normaliser = content.get("model") or {}, content.get("normalizer") or {}
    if (kind := model.get("type", "WordPiece")) != "WordPiece":
        raise CheckpointError(f"{file}: a {kind} vocabulary; this course handles BERT's, WordPiece, only")
    if settings.get("tokenizer_class") not in _GENERIC:
        return {}
    if (kind := normaliser.get("type")) != "BertNormalizer":
        raise CheckpointError(f"{file}: its normalizer is {kind}; this course handles BERT's, BertNormalizer, only")
    return {ours: normaliser.get(theirs) for ours, theirs in _NORMALISATION.items()}


def tokens_by_row(tokenizer: BertTokenizer) -> dict[int, str]:
    """Row of the embedding -> token. A special token that the vocabulary lacks has no row."""
    own = tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False)
    added = {str(token): row for row, token in _added_tokens(tokenizer).items()}
    return {row: token for token, row in (own | added).items() if token}


def _added_tokens(tokenizer: BertTokenizer) -> dict[int, AddedToken]:
    """Tokens that were added to the vocabulary and are looked up first, special ones apart."""
    return {row: token for row, token in tokenizer.added_tokens_decoder.items() if not token.special}


def with_rows(tokenizer: BertTokenizer, rows: Sequence[int]) -> BertTokenizer:
    """A tokenizer with the same settings that knows the tokens of these rows only, numbered as they stand there."""
    tokens, added = tokens_by_row(tokenizer), _added_tokens(tokenizer)
    smaller = BertTokenizer(vocab={tokens[row]: number for number, row in enumerate(rows)}, **_settings(tokenizer))
    smaller.add_tokens([added[row] for row in rows if row in added])
    return smaller


def _settings(tokenizer: BertTokenizer) -> dict[str, object]:
    """What a BERT tokenizer is made with, where it is not the library's own choice; `do_lower_case` in any case."""
    plain = BertTokenizer()
    named = {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    chosen = {name: getattr(tokenizer, name) for name in _NORMALISATION} | named
    other = {name: value for name, value in chosen.items() if value != getattr(plain, name, None)}
    return {"do_lower_case": bool(tokenizer.do_lower_case)} | other


def write_tokenizer(tokenizer: BertTokenizer, path: Path, positions: int) -> None:
    """Write `vocab.txt` and `tokenizer_config.json`, from which `read_tokenizer` makes the same tokenizer.

    Args:
        positions: of the model, [CLS] and [SEP] included.
    """
    tokens = tokens_by_row(tokenizer)
    lines = [_line(tokens.get(row, ""), row) for row in range(max(tokens) + 1)]
    (path / LINES_FILE).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    settings = _settings(tokenizer) | {"tokenizer_class": "BertTokenizer", "model_max_length": positions}
    if added := _added_tokens(tokenizer):
        settings["added_tokens_decoder"] = {row: token.__getstate__() for row, token in added.items()}
    (path / SETTINGS_FILE).write_text(json.dumps(settings, indent=2), "utf-8")


def _line(token: str, row: int) -> str:
    """The token, or a name for a row that has none, so that later rows keep their lines."""
    return token if token and not set(token) & set("\r\n") else f"[row {row} has no token]"
