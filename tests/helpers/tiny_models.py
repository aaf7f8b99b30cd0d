"""Small random taggers with weights large enough that every head and neuron makes a difference."""

import random
from contextlib import contextmanager

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertForTokenClassification, BertTokenizer

from utils.model.pruned_shape import kept_neurons
from utils.model.raner import IGNORED_LABEL, RanerModel
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.tags import RANER_LABELS

BIO_LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
CHARACTERS = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏abc，。"


def tiny_config(labels=RANER_LABELS, **changes) -> BertConfig:
    settings = {
        "vocab_size": 5 + len(CHARACTERS),
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 20,
        "max_position_embeddings": 512,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
    }
    return BertConfig(**(settings | changes))


def random_raner(seed: int = 0, **changes) -> RanerModel:
    return _randomised(RanerModel, tiny_config(attn_implementation="eager", **changes), seed)


def random_plain_tagger(seed: int = 0, **changes) -> BertForTokenClassification:
    return _randomised(BertForTokenClassification, tiny_config(BIO_LABELS, **changes), seed)


def _randomised(kind, config, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = kind(config).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return model


def tiny_tokenizer() -> CharacterTokenizer:
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]
    return CharacterTokenizer(BertTokenizer(vocab={token: i for i, token in enumerate(tokens)}))


def random_texts(count: int, longest: int = 12, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices(CHARACTERS, k=draw.randint(2, longest))) for _ in range(count)]


def random_rows(model, lengths=(6, 3, 5, 8, 4), seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """One `(ids, labels)` pair a sentence, [CLS] and [SEP] unlabelled."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for length in lengths:
        ids = torch.randint(5, model.config.vocab_size, (length,), generator=generator)
        labels = torch.randint(0, model.config.num_labels, (length,), generator=generator)
        labels[[0, -1]] = IGNORED_LABEL
        rows.append((ids, labels))
    return rows


def stack(rows, batch_size: int, padding: int = 0) -> list[dict[str, torch.Tensor]]:
    """The rows in batches, each `padding` positions wider than its longest sentence."""
    batches = []
    for first in range(0, len(rows), batch_size):
        group = rows[first : first + batch_size]
        width = max(len(ids) for ids, _ in group) + padding
        batch = {
            "input_ids": torch.zeros(len(group), width, dtype=torch.long),
            "attention_mask": torch.zeros(len(group), width, dtype=torch.long),
            "labels": torch.full((len(group), width), IGNORED_LABEL),
        }
        for i, (ids, labels) in enumerate(group):
            batch["input_ids"][i, : len(ids)] = ids
            batch["attention_mask"][i, : len(ids)] = 1
            batch["labels"][i, : len(ids)] = labels
        batches.append(batch)
    return batches


def emissions(model, batch) -> torch.Tensor:
    """Emissions at the real positions, `(positions, tags)`."""
    with torch.no_grad():
        return model(batch["input_ids"], batch["attention_mask"]).logits[batch["attention_mask"].bool()]


def hooks_of(model) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules())


def same_weights(a, b) -> bool:
    """The same tensors under the same names, to the last bit."""
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def parameters(model) -> int:
    return sum(p.numel() for p in model.parameters())


def multiply_adds(model, length: int, texts: int = 1) -> int:
    """Counted by torch while the model runs; a multiply-add is two operations there."""
    ids = torch.ones(texts, length, dtype=torch.long)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(ids, torch.ones_like(ids))
    return counter.get_total_flops() // 2


def summed_loss(model, ids, labels) -> float:
    """Loss of one unpadded sentence in double precision, its labelled characters added up."""
    with torch.no_grad():
        logits = model(ids[None], attention_mask=torch.ones_like(ids)[None]).logits[:, labels >= 0]
        tags = labels[None, labels >= 0]
        if hasattr(model, "crf"):
            return -float(model.crf.log_likelihood(logits, tags, torch.tensor([tags.shape[1]])))
        return -float(logits.log_softmax(-1).gather(2, tags[..., None]).sum())


def slope(model, row, weight, columns, step=1e-4) -> float:
    """dL/dxi of one sentence by central differences, xi a factor on columns of a mixing matrix."""
    original, losses = weight.data.clone(), []
    for factor in (1 + step, 1 - step):
        weight.data[:, columns] = original[:, columns] * factor
        losses.append(summed_loss(model, *row))
        weight.data.copy_(original)
    return (losses[0] - losses[1]) / (2 * step)


@contextmanager
def masked_neurons(model, neurons):
    """Inside the context these feed-forward neurons, by layer, are zero before they are mixed."""

    def mask(layer):
        kept, gone = kept_neurons(model.config)[layer], neurons.get(layer, [])
        gate = torch.tensor([float(number not in gone) for number in kept])
        return lambda _, inputs: (inputs[0] * gate,)

    layers = model.bert.encoder.layer
    handles = [layer.output.dense.register_forward_pre_hook(mask(n)) for n, layer in enumerate(layers)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
