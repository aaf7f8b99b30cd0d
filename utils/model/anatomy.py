"""Where the parameters of a model are, and the published size that ours is compared with."""

from collections import Counter

from transformers import BertConfig

from utils.model.raner import RanerModel
from utils.model.twin import ARTICLE_VOCABULARY
from utils.text.tags import RANER_LABELS

_PARTS = {
    "embeddings": "embeddings",
    "attention": "attention",
    "intermediate": "feed-forward",
    "output": "feed-forward",
}
"""Word in a parameter's name -> the part it belongs to; the first that fits counts, the rest is `tagging`."""


def published_config() -> BertConfig:
    """The size of the RaNER that the article starts from: BERT-base for Chinese with 13 tags."""
    return BertConfig(vocab_size=ARTICLE_VOCABULARY, num_labels=len(RANER_LABELS))


def parameters_by_part(model: RanerModel) -> dict[str, int]:
    """Parameters in embeddings, attention, feed-forward and tagging (classifier and CRF), counted one by one."""
    counts: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        words = name.split(".")
        counts[next((part for word, part in _PARTS.items() if word in words), "tagging")] += parameter.numel()
    return dict(counts)
