"""Taggers saved by transformers' own classes, with random weights."""

import torch
from tiny_models import BIO_LABELS, tiny_config
from transformers import BertForTokenClassification, BertTokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (*"天地玄黄宇宙洪荒，。陈默在北京说年", *"iphone2014", "##15", "iphone", "e", "E", "é", "É", "##a", "“")
TOKENS = tuple(dict.fromkeys((*SPECIAL, *WORDS)))


def tokenizer(tokens=TOKENS, **settings) -> BertTokenizer:
    return BertTokenizer(vocab={token: row for row, token in enumerate(tokens)}, **settings)


def tagger(labels=BIO_LABELS, seed=0, **changes) -> BertForTokenClassification:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = BertForTokenClassification(tiny_config(labels, **{"vocab_size": len(TOKENS)} | changes)).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return model


def save(path, model=None, characters=None):
    """A directory as transformers 5 writes it: `tokenizer.json` and no `vocab.txt`."""
    (model or tagger()).save_pretrained(path)
    (characters or tokenizer()).save_pretrained(path)
    assert (path / "tokenizer.json").is_file() and not (path / "vocab.txt").exists()
    return path


def write_lines(path, tokens=TOKENS, encoding="utf-8"):
    """The older layout: a `vocab.txt` and nothing else."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "vocab.txt").write_bytes("".join(f"{token}\n" for token in tokens).encode(encoding))
    return path
