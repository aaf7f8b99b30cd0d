"""Whatever is done with a model, every module of it stays in the mode that it was in, and it loses no hook."""

import pytest
import torch
from int8_models import TINY_TEXTS
from tiny_models import hooks_of, random_raner, random_rows, stack, tiny_tokenizer

from utils.compress.checks import check_map, check_trainable, check_vocabulary
from utils.compress.gates import gated, head_sites, neuron_sites
from utils.compress.importance.gradients import gate_gradients, neuron_importance
from utils.compress.importance.oracle import leave_one_out
from utils.compress.importance.registry import SCORES
from utils.compress.pruning.remove import (
    masked_heads,
    prune_heads,
    prune_neurons,
    prune_vocabulary,
    zero_smallest_weights,
)
from utils.compress.quantization.dynamic import quantize, quantize_only
from utils.compress.quantization.saved import save_quantized
from utils.compress.quantization.static import convert_aware, prepare_aware, quantize_static
from utils.compress.quantization.storage import storage_plan
from utils.compress.recipes import CUTS, left_after, prune_to
from utils.compress.recovery.distillation import Distillation, distil, shallow_student
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.recovery.gradual import gradual_recovery
from utils.compress.recovery.rescaling import rescale_heads
from utils.compress.training import Schedule, dev_f1
from utils.model.pruned_shape import Size
from utils.model.torch_tagger import torch_tagger
from utils.text.entities import Corpus, Span, annotate

SENTENCES = [annotate(text, [Span(0, 1, "PER")]) for text in TINY_TEXTS]
CORPUS = Corpus(SENTENCES, SENTENCES[:2], [])
TOKENIZER = tiny_tokenizer()
ONCE = Schedule(epochs=1)


def masked(model, _):
    with masked_heads(model, {0: [1]}), gated(neuron_sites(model).projections, [torch.ones(20)] * 2):
        pass


def in_steps(model, _):
    gradual_recovery(model, [Size(8, 40)], lambda m, target: m, lambda m, step: m)


def by(teacher):
    return Distillation(teacher, hidden=0)  # the library never takes back its hooks for hidden states


USES = {
    **{f"score: {name}": lambda m, _, score=score: score(m, batches()) for name, score in SCORES.items()},
    "leave one out": lambda m, _: leave_one_out(m, batches()),
    "neuron importance": lambda m, _: neuron_importance(m, batches()),
    "the first of several gradients": lambda m, _: next(gate_gradients(m, batches(), head_sites(m))),
    "masks": masked,
    "prune heads": lambda m, _: prune_heads(m, {0: [1]}),
    "prune neurons": lambda m, _: prune_neurons(m, {0: [1]}),
    "prune the vocabulary": lambda m, _: prune_vocabulary(m, TOKENIZER, TINY_TEXTS),
    "prune to a size": lambda m, _: prune_to(m, torch.rand(2, 4), torch.rand(2, 20), left_after(m, CUTS["heads-50"])),
    "zero weights": lambda m, _: zero_smallest_weights(m, 0.5),
    "checks": lambda m, _: (check_map(m), check_vocabulary(m, m), check_trainable(m, TOKENIZER, CORPUS)),
    "fine-tune": lambda m, out: fine_tune(m, TOKENIZER, CORPUS, out, ONCE),
    "F1 on dev": lambda m, _: dev_f1(m, TOKENIZER, CORPUS),
    "distil: the student": lambda m, out: distil(m, TOKENIZER, CORPUS, out, ONCE, by(random_raner(1))),
    "distil: the teacher": lambda m, out: distil(random_raner(1), TOKENIZER, CORPUS, out, ONCE, by(m)),
    "a shallow student": lambda m, _: shallow_student(m, 1),
    "rescale: the pruned model": lambda m, _: rescale_heads(m, random_raner(1), batches()),
    "rescale: the original": lambda m, _: rescale_heads(prune_heads(m, {0: [1]}), m, batches()),
    "recovery in steps": in_steps,
    "quantise": lambda m, _: quantize(m),
    "quantise one module": lambda m, _: quantize_only(m, ["classifier"]),
    "quantise and save": lambda m, out: save_quantized(quantize(m), TOKENIZER, out),
    "quantise statically": lambda m, _: quantize_static(m, TOKENIZER, TINY_TEXTS),
    "prepare for eight bits": lambda m, _: prepare_aware(m, TOKENIZER, TINY_TEXTS),
    "plan storage": lambda m, _: storage_plan(m),
    "tag": lambda m, _: torch_tagger(m, TOKENIZER).predict(TINY_TEXTS),
}


def batches():
    return stack(random_rows(random_raner()), 3)


def modes(model) -> dict[str, bool]:
    return {name: module.training for name, module in model.named_modules()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("use", USES)
def test_a_model_stays_in_its_mode(use, training, tmp_path):
    """Mixed modes: one layer is in the other mode, as a caller may want it who trains only a part."""
    model = random_raner().train(training)
    model.bert.encoder.layer[1].train(not training)
    before, attention = modes(model), model.config._attn_implementation
    USES[use](model, tmp_path)
    assert modes(model) == before
    assert hooks_of(model) == 0 and model.config._attn_implementation == attention


def test_a_converted_model_leaves_the_prepared_one_in_its_mode():
    prepared = prepare_aware(random_raner(), TOKENIZER, TINY_TEXTS).train()
    before = modes(prepared)
    convert_aware(prepared)
    assert modes(prepared) == before


@pytest.mark.parametrize("kind", [prune_heads, quantize])
def test_a_copy_for_use_is_in_evaluation_mode_whatever_the_original_is(kind):
    model = random_raner().train()
    made = kind(model, {0: [1]}) if kind is prune_heads else kind(model)
    assert not any(module.training for module in made.modules())


def test_answers_are_those_of_evaluation_mode_even_while_a_model_is_trained():
    ids, mask, _ = TOKENIZER.batch(TINY_TEXTS)
    model = random_raner()
    backend = torch_tagger(model, TOKENIZER).backend
    quiet = backend(ids, mask)
    model.train()
    assert (backend(ids, mask) == quiet).all() and model.training


def test_an_error_puts_the_mode_back_too(monkeypatch):
    model = random_raner().train()
    monkeypatch.setattr(model.classifier, "forward", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        torch_tagger(model, TOKENIZER).predict(TINY_TEXTS)
    assert all(modes(model).values())
