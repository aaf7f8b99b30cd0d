"""What RaNER is made of: its published size, its parameters part by part, its emissions, its legal moves."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from transformers import BertConfig

from utils.entities import RANER_LABELS
from utils.raner import RanerModel
from utils.tagger import Tagger
from utils.twin import ARTICLE_VOCABULARY

PARTS = {"embeddings": "embeddings", "attention": "attention", "intermediate": "feed-forward", "output": "feed-forward"}
"""Word in a parameter's name -> the part it belongs to; the first that fits counts, the rest is `tagging`."""


def published_config() -> BertConfig:
    """The size of the RaNER that the article starts from: BERT-base for Chinese with 13 tags."""
    return BertConfig(vocab_size=ARTICLE_VOCABULARY, num_labels=len(RANER_LABELS))


def parameters_by_part(model: RanerModel) -> dict[str, int]:
    """Parameters in embeddings, attention, feed-forward and tagging (classifier and CRF), counted one by one."""
    counts: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        words = name.split(".")
        counts[next((part for word, part in PARTS.items() if word in words), "tagging")] += parameter.numel()
    return dict(counts)


def emissions_of(tagger: Tagger, text: str) -> np.ndarray:
    """`(characters, tags)` float32: what the network says about each character before the CRF decides."""
    encoding = tagger.tokenizer.batch([text])
    return tagger.backend(encoding.input_ids, encoding.attention_mask)[encoding.label_mask]


def legal_moves(labels: Sequence[str]) -> np.ndarray:
    """`[i, j]` is true where BIOES allows tag j right after tag i: `(tags, tags)` bool.

    Inside an entity (after B or I) only I or E of the same type may follow; outside only O, B or S.
    """
    return np.array([[_may_follow(before, after) for after in labels] for before in labels])


def _may_follow(before: str, after: str) -> bool:
    if before[0] in "BI":
        return after[0] in "IE" and after[2:] == before[2:]
    return after[0] in "OBS"


def illegal_moves(labels: Sequence[str], tags: Sequence[int] | np.ndarray) -> int:
    """How many neighbouring tags of a sequence of tag numbers BIOES forbids."""
    tags = np.asarray(tags, np.int64)
    return int((~legal_moves(labels)[tags[:-1], tags[1:]]).sum())
