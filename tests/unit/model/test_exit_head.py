"""Hidden states and heads before the last layer, against what the library says."""

import numpy as np
import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.model.exit_head import ExitHead, layer_mask, states_at, widened_head
from utils.model.twin import widen

TEXTS = random_texts(5, longest=12, seed=5)


def test_the_states_are_those_of_the_library():
    model, tokenizer = random_raner(3, num_hidden_layers=3), tiny_tokenizer()
    batch = {name: torch.from_numpy(array) for name, array in tokenizer.batch(TEXTS[:5])._asdict().items()}
    real = batch["attention_mask"] > 0
    with torch.no_grad():
        said = model(batch["input_ids"], batch["attention_mask"], output_hidden_states=True).hidden_states
    for layer, found in zip((1, 3), states_at(model.train(), batch, [1, 3]), strict=True):
        assert torch.allclose(found[real], said[layer][real], atol=1e-5)
    assert model.training and layer_mask(model.eval(), batch["attention_mask"]).shape[1:3] == (1, 1)


def test_the_head_of_a_twin_says_what_the_head_says():
    model, tokenizer = random_raner(2, num_hidden_layers=2), tiny_tokenizer()
    head, twin = ExitHead(model, 1).eval(), widen(model, 2, model.config.vocab_size)
    torch.nn.init.normal_(head.classifier.weight)
    wide = widened_head(head, twin, 2)
    batch = tokenizer.batch(TEXTS[:3])
    expected, found = (said_by(h, m, batch) for m, h in ((model, head), (twin, wide)))
    assert np.abs(found - expected)[batch.attention_mask > 0].max() < 1e-4
    assert all(np.array_equal(a, b) for a, b in zip(wide.crf.scores(), head.crf.scores(), strict=True))


@torch.no_grad()
def said_by(head, model, batch):
    ids, mask = (torch.from_numpy(array) for array in (batch.input_ids, batch.attention_mask))
    return head.classifier(model(ids, mask, output_hidden_states=True).hidden_states[head.layer]).numpy()


def test_a_head_starts_as_a_copy_of_the_model_s_end_and_training_it_leaves_the_model_alone():
    model = random_raner(2)
    head = ExitHead(model, 1)
    assert torch.equal(head.classifier.weight, model.classifier.weight)
    with torch.no_grad():
        head.classifier.weight.add_(1)
        head.crf.transitions.add_(1)
    assert not torch.equal(head.classifier.weight, model.classifier.weight)
    assert not torch.equal(head.crf.transitions, model.crf.transitions)
