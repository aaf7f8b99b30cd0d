"""A random model, and random sentences of the characters that it knows."""

import numpy as np
import pytest
import torch
from answers import TYPES
from transformers import BertConfig

from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Span, annotate
from utils.text.tags import RANER_LABELS

CHARACTERS = "王伟在北京大学说上海很好"


@pytest.fixture(scope="session")
def tagger(tmp_path_factory):
    directory = tmp_path_factory.mktemp("vocabulary")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(CHARACTERS))]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n", "utf-8")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(tokens), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, id2label=dict(enumerate(RANER_LABELS)), initializer_range=1.0,
    )  # fmt: skip
    return torch_tagger(RanerModel(config), CharacterTokenizer.from_directory(directory))


@pytest.fixture(scope="session")
def sentences():
    rng = np.random.default_rng(3)
    drawn = []
    for _ in range(60):
        text = "".join(rng.choice(list(CHARACTERS), 12))
        drawn.append(annotate(text, [Span(s, s + 2, str(rng.choice(TYPES))) for s in (1, 5, 9) if rng.random() < 0.6]))
    return drawn
