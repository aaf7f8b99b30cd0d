"""Fine-tuning and distillation learn and keep shapes; rescaling is least squares; schedules do what they say."""

import copy
import random

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from tiny_models import emissions, masked_neurons, random_raner, random_rows, random_texts, stack, tiny_tokenizer

from utils.compress.gates import head_sites, observed
from utils.compress.importance.gradients import michel_per_example, neuron_importance
from utils.compress.pruning.remove import masked_heads, prune_heads, prune_neurons, prune_vocabulary
from utils.compress.pruning.select import select_globally
from utils.compress.recovery.distillation import distil, matching_layers, shallow_student, soft_loss
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.recovery.rescaling import rescale_heads
from utils.compress.recovery.schedule import gradual, gradual_recovery
from utils.measure.evaluation import evaluate
from utils.model.checkpoint import load_raner
from utils.model.pruned_shape import Size, pruning_map, size_of
from utils.model.torch_tagger import torch_tagger
from utils.text.augmentation import name_pool, swapped_copies
from utils.text.entities import Corpus
from utils.text.formats.bracketed import parse_bracketed
from utils.text.entities import CorpusError
from utils.text.formats.plain import read_texts

LINES = ["[北京](LOC)很大。", "[唐虹](PER)到[北京](LOC)。", "今天天气很好。", "[新华社](ORG)电。"]
SENTENCES = [parse_bracketed(line) for line in LINES]
CORPUS = Corpus(SENTENCES * 160, SENTENCES, SENTENCES)


def same_weights(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


# --- Fine-tuning -------------------------------------------------------------------------------


@pytest.fixture
def tiny(tiny_published):
    model, tokenizer = load_raner(tiny_published)
    return prune_heads(model, {0: [1, 2]}), tokenizer


def test_learns_four_sentences_by_heart(tiny, tmp_path):
    model, tokenizer = tiny
    before = copy.deepcopy(model)
    tuned = fine_tune(model, tokenizer, CORPUS, tmp_path / "run", epochs=6, learning_rate=1e-2)
    assert evaluate(torch_tagger(tuned, tokenizer), SENTENCES).scores.f1 > 90
    assert pruning_map(tuned.config) == pruning_map(model.config)
    assert same_weights(model, before)


def test_same_seed_same_weights(tiny, tmp_path):
    first, second = (fine_tune(*tiny, CORPUS, tmp_path / name, epochs=1, seed=3) for name in "ab")
    assert same_weights(first, second)


def test_layers_without_heads_or_neurons_can_be_trained(tiny, tmp_path):
    model, tokenizer = tiny
    bare = prune_neurons(prune_heads(model, {0: [0, 3]}), {1: list(range(64))})
    tuned = fine_tune(bare, tokenizer, CORPUS, tmp_path, epochs=1)
    assert pruning_map(tuned.config) == pruning_map(bare.config)


def test_empty_corpus_is_refused(tiny, tmp_path):
    with pytest.raises(ValueError, match="no train"):
        fine_tune(*tiny, Corpus([], SENTENCES, SENTENCES), tmp_path)


def test_unknown_type_is_named(tiny, tmp_path):
    odd = Corpus([parse_bracketed("[北京](CITY)")], SENTENCES, SENTENCES)
    with pytest.raises(ValueError, match="CITY"):
        fine_tune(*tiny, odd, tmp_path)


# --- Distillation ------------------------------------------------------------------------------

WORDS = Corpus([parse_bracketed("[天地](LOC)玄黄")] * 64, [parse_bracketed("[天地](LOC)玄黄")], [])
TEXTS = random_texts(256, seed=5)


def divergence(student, teacher) -> float:
    """Mean KL in nats between the tag distributions on texts that no training saw."""
    encoding = tiny_tokenizer().batch(random_texts(32, seed=99))
    rows = [
        log_softmax(torch_tagger(model, tiny_tokenizer()).backend(*encoding[:2])[encoding.label_mask], -1)
        for model in (student, teacher)
    ]
    return float((np.exp(rows[1]) * (rows[1] - rows[0])).sum(-1).mean())


def test_soft_loss_is_the_formula():
    generator = np.random.default_rng(0)
    student, teacher = generator.normal(size=(2, 7, 13))
    p, q = (log_softmax(x / 3.0, -1) for x in (teacher, student))
    expected = 9 * (np.exp(p) * (p - q)).sum(-1).mean()
    assert float(soft_loss(torch.tensor(student), torch.tensor(teacher), 3.0)) == pytest.approx(expected)


def test_gradient_of_the_soft_loss_keeps_its_size_at_high_temperature():
    """Hinton et al., equation 4: for high T the gradient goes to (z - v) / tags, logits centred, whatever T."""
    student, teacher = torch.randn(2, 1, 5, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    student, teacher = (x - x.mean() for x in (student, teacher))
    student.requires_grad_()
    soft_loss(student, teacher, 1e4).backward()
    assert torch.allclose(student.grad, (student - teacher) / 5, atol=1e-4)


@pytest.mark.parametrize("hidden", [0.0, 1.0])
def test_student_comes_nearer_to_its_teacher_on_unlabelled_text(tmp_path, hidden):
    teacher = random_raner(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    student = prune_heads(teacher, {0: [0, 1], 1: [2]})
    before = copy.deepcopy(teacher)
    taught = distil(student, teacher, tiny_tokenizer(), WORDS, tmp_path, TEXTS, alpha=0.0, hidden=hidden, epochs=4)
    assert divergence(taught, teacher) < 0.7 * divergence(student, teacher)
    assert pruning_map(taught.config) == pruning_map(student.config)
    assert same_weights(teacher, before)


def test_hidden_transfer_alone_brings_the_layers_together(tmp_path):
    teacher = random_raner(num_hidden_layers=4, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    student = shallow_student(teacher, 2)

    def distance(model) -> float:
        ids = stack(random_rows(model, (9,) * 16), 16)[0]["input_ids"]
        with torch.no_grad():
            ours, theirs = (
                m(ids, torch.ones_like(ids), output_hidden_states=True).hidden_states for m in (model, teacher)
            )
        return sum(float((ours[i] - theirs[j]).square().mean()) for i, j in ((1, 2), (2, 4)))

    taught = distil(student, teacher, tiny_tokenizer(), WORDS, tmp_path, TEXTS, alpha=1.0, hidden=9.0, epochs=4)
    assert distance(taught) < 0.8 * distance(student)


def test_labels_alone_are_fine_tuning(tmp_path):
    model = random_raner()
    tuned = fine_tune(model, tiny_tokenizer(), WORDS, tmp_path / "labels", epochs=1)
    taught = distil(
        model, random_raner(1), tiny_tokenizer(), WORDS, tmp_path / "taught", epochs=1, alpha=1.0, hidden=0.0
    )
    assert same_weights(tuned, taught)


def test_texts_carry_no_labels(tmp_path):
    """Read as sentences without entities, they would have a CRF loss; as text they have none."""
    model = random_raner(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    seen = []
    original = type(model).forward

    def spy(self, *args, **kwargs):
        out = original(self, *args, **kwargs)
        if "labels" in kwargs:
            seen.append((kwargs["input_ids"].shape[0], out.loss.item()))
        return out

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model), "forward", spy)
        distil(model, random_raner(1), tiny_tokenizer(), WORDS, tmp_path, TEXTS[:31], epochs=1)
    assert {loss == 0 for size, loss in seen if size == 31} == {True}
    assert {loss == 0 for size, loss in seen if size == 32} == {False}


def test_deeper_and_wider_teachers_teach(tmp_path):
    wide = random_raner(num_hidden_layers=3, hidden_size=32, intermediate_size=40)
    student = random_raner(1)
    taught = distil(student, wide, tiny_tokenizer(), WORDS, tmp_path, TEXTS, epochs=3, alpha=0.0, hidden=0.0)
    assert divergence(taught, wide) < 0.9 * divergence(student, wide)
    with pytest.raises(ValueError, match="24 and 32 features wide cannot be compared: pass hidden=0"):
        distil(student, wide, tiny_tokenizer(), WORDS, tmp_path / "other")


def test_other_teacher_is_another_run(tmp_path):
    distil(random_raner(), random_raner(1), tiny_tokenizer(), WORDS, tmp_path, epochs=1)
    with pytest.raises(ValueError, match="another teacher: give another directory"):
        distil(random_raner(), random_raner(2), tiny_tokenizer(), WORDS, tmp_path, epochs=1)


def test_teacher_with_other_labels_or_vocabulary_is_refused(tmp_path):
    labels = random_raner().labels
    shuffled = random_raner(id2label=dict(enumerate(reversed(labels))))
    with pytest.raises(ValueError, match="give the student the teacher's id2label"):
        distil(random_raner(), shuffled, tiny_tokenizer(), WORDS, tmp_path)
    smaller, _ = prune_vocabulary(random_raner(), tiny_tokenizer(), ["天地玄"])
    with pytest.raises(ValueError, match="prune the vocabulary of both alike"):
        distil(random_raner(), smaller, tiny_tokenizer(), WORDS, tmp_path)


@pytest.mark.parametrize("odd", [{"temperature": 0.0}, {"alpha": 1.5}, {"hidden": -1.0}])
def test_senseless_weights_are_refused(tmp_path, odd):
    with pytest.raises(ValueError, match="wanted above 0, 0 to 1, and 0 or more"):
        distil(random_raner(), random_raner(), tiny_tokenizer(), WORDS, tmp_path, **odd)


def test_matching_layers_are_evenly_spaced_and_end_together():
    assert matching_layers(3, 12) == [3, 7, 11]
    assert matching_layers(4, 12) == [2, 5, 8, 11]
    assert matching_layers(12, 12) == list(range(12))
    assert matching_layers(5, 12)[-1] == 11 and len(set(matching_layers(5, 12))) == 5
    for student in (0, 13):
        with pytest.raises(ValueError, match="take 1 to 12"):
            matching_layers(student, 12)


def test_shallow_student_computes_what_its_teachers_layers_compute():
    teacher = prune_neurons(prune_heads(random_raner(num_hidden_layers=4), {1: [0, 2], 3: [1]}), {3: [5, 6]})
    student = shallow_student(teacher, 2)
    batch = stack(random_rows(teacher), 5)[0]
    expected = copy.deepcopy(teacher)
    expected.bert.encoder.layer = torch.nn.ModuleList([expected.bert.encoder.layer[i] for i in (1, 3)])
    assert torch.equal(emissions(student, batch), emissions(expected, batch))
    kept, whole = pruning_map(student.config), pruning_map(teacher.config)
    assert (kept.heads, kept.neurons) == ([whole.heads[1], whole.heads[3]], [whole.neurons[1], whole.neurons[3]])


# --- Text to learn from ------------------------------------------------------------------------


def test_swapped_copies_keep_the_words_and_change_the_names():
    copies = swapped_copies(SENTENCES, name_pool(SENTENCES) | {"LOC": ["甘南"]}, 5, seed=3)
    assert len(copies) == 5 * len(SENTENCES)
    for copied, sentence in zip(copies, SENTENCES * 5, strict=True):
        assert [e.type for e in copied.entities] == [e.type for e in sentence.entities]
    assert {sentence.text for sentence in copies[2::4]} == {"今天天气很好。"}
    assert len({sentence.text for sentence in copies[0::4]}) > 1
    assert copies == swapped_copies(SENTENCES, name_pool(SENTENCES) | {"LOC": ["甘南"]}, 5, seed=3)
    assert copies != swapped_copies(SENTENCES, name_pool(SENTENCES) | {"LOC": ["甘南"]}, 5, seed=4)


def test_read_texts_cuts_at_sentence_ends(tmp_path):
    path = tmp_path / "news.txt"
    path.write_text("\ufeff标题\n\n“真的？”他问。“是！！”\n  她说……没有\n", "utf-8")
    assert read_texts(path) == ["标题", "“真的？”", "他问。", "“是！！”", "她说……没有"]


@pytest.mark.parametrize(
    "content, reason", [(b"", "holds no text"), (b" \n\n", "no text"), ("北京".encode("gbk"), "UTF-8")]
)
def test_unreadable_texts_are_named(tmp_path, content, reason):
    path = tmp_path / "news.txt"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=rf"news\.txt: .*{reason}"):
        read_texts(path)
    with pytest.raises(CorpusError, match="cannot be read"):
        read_texts(tmp_path / "absent.txt")


# --- Least-squares rescaling -------------------------------------------------------------------

LENGTHS = (9, 6, 12, 7, 11, 8, 10) * 4
GONE = {0: [1], 1: [0, 3]}
FEWER = {0: [0, 3, 7, 11, 19], 1: [2, 4, 5, 6]}


@pytest.fixture
def cut():
    """A pruned model, its original, and batches with padding."""
    original = random_raner()
    pruned = prune_neurons(prune_heads(original, GONE), FEWER)
    return pruned, original, stack(random_rows(original, lengths=LENGTHS), 3, padding=2)


def norm_inputs(model, batches) -> list[torch.Tensor]:
    """What each block hands to its LayerNorm, in order of the blocks, real positions: `(positions, features)`."""
    blocks = [part for layer in model.bert.encoder.layer for part in (layer.attention.output, layer.output)]
    rows = [[] for _ in blocks]
    with torch.no_grad():
        for batch in batches:
            real = batch["attention_mask"].bool()
            with observed([b.LayerNorm for b in blocks], lambda i, args, *_, real=real: rows[i].append(args[0][real])):
                model(batch["input_ids"], batch["attention_mask"])
    return [torch.cat(row) for row in rows]


def mixers(model) -> list[torch.nn.Linear]:
    return [part.dense for layer in model.bert.encoder.layer for part in (layer.attention.output, layer.output)]


def scales_of(rescaled, pruned) -> list[np.ndarray]:
    """Factor of every input column of the mixing matrices."""
    pairs = zip(mixers(rescaled), mixers(pruned), strict=True)
    return [(a.weight / b.weight).detach().numpy() for a, b in pairs]


def contributions(model, block: int, batches) -> np.ndarray:
    """What each kept part of layer 0 adds to its block's sum, `(positions x features, parts)`, by taking it away."""
    masked, kept = (masked_heads, pruning_map(model.config).heads[0]) if block == 0 else (
        masked_neurons, pruning_map(model.config).neurons[0])  # fmt: skip
    whole, columns = norm_inputs(model, batches)[block], []
    for number in kept:
        with masked(model, {0: [number]}):
            columns.append((whole - norm_inputs(model, batches)[block]).flatten().numpy())
    return np.stack(columns, 1).astype(np.float64)


@pytest.mark.parametrize("damping", [0.0, 1.0, 50.0])
@pytest.mark.parametrize("block", [0, 1])
def test_rescaling_is_damped_least_squares(cut, block, damping):
    """The first two blocks against numpy; block 1 starts from the block 0 that was found."""
    pruned, original, batches = cut
    rescaled = rescale_heads(pruned, original, batches, damping)
    start = copy.deepcopy(rescaled)
    for linear, before in list(zip(mixers(start), mixers(pruned), strict=True))[block:]:
        linear.weight = before.weight
    added = contributions(start, block, batches)
    missing = (norm_inputs(original, batches)[block] - norm_inputs(start, batches)[block]).flatten().numpy()
    parts = added.shape[1]
    rows = np.concatenate([added, np.sqrt(damping) * np.eye(parts)])
    change = np.linalg.lstsq(rows, np.concatenate([missing, np.zeros(parts)]), rcond=None)[0]
    found = scales_of(rescaled, pruned)[block]
    size = found.shape[1] // parts
    assert np.allclose(found, np.repeat(1 + change, size)[None], atol=1e-3)


def test_no_block_reconstructs_worse_than_at_scales_of_one(cut):
    pruned, original, batches = cut
    rescaled, wanted = rescale_heads(pruned, original, batches, damping=50.0), norm_inputs(original, batches)
    for block in range(4):
        plain = copy.deepcopy(rescaled)
        mixers(plain)[block].weight = mixers(pruned)[block].weight
        scaled, unscaled = ((norm_inputs(m, batches)[block] - wanted[block]).square().sum() for m in (rescaled, plain))
        assert scaled < unscaled


def test_unpruned_model_stays_as_it_is(cut):
    _, original, batches = cut
    rescaled = rescale_heads(original, original, batches)
    assert all(np.allclose(scale, 1, atol=1e-4) for scale in scales_of(rescaled, original))


def test_padding_batching_and_arguments_do_not_matter(cut):
    pruned, original, batches = cut
    before = copy.deepcopy(pruned), copy.deepcopy(original)
    rows = random_rows(original, lengths=LENGTHS)
    first, second = (rescale_heads(pruned, original, b) for b in (batches, stack(rows, 1)))
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.allclose(a, b, atol=1e-4)
    assert same_weights(pruned, before[0]) and same_weights(original, before[1])
    assert pruning_map(first.config) == pruning_map(pruned.config)


def test_block_with_wild_scales_keeps_its_own():
    """A head that adds next to nothing would have to be scaled a thousandfold."""
    original = random_raner()
    pruned = prune_heads(original, {0: [0, 1, 2]})
    with torch.no_grad():
        head_sites(pruned).projections[0].weight *= 1e-3
    batches = stack(random_rows(original), 5)
    found = scales_of(rescale_heads(pruned, original, batches, damping=0.0), pruned)
    assert (found[0] == 1).all() and not np.allclose(found[1], 1, atol=1e-3)


def test_layers_with_nothing_left_are_passed_over():
    original = random_raner()
    bare = prune_neurons(prune_heads(original, {0: [0, 1, 2, 3]}), {1: list(range(20))})
    batches = stack(random_rows(original), 5)
    rescaled = rescale_heads(bare, original, batches)
    wanted = norm_inputs(original, batches)
    errors = [float((norm_inputs(m, batches)[1] - wanted[1]).square().sum()) for m in (rescaled, bare)]
    assert errors[0] < errors[1]


def test_models_that_do_not_belong_together_are_refused(cut):
    pruned, original, batches = cut
    with pytest.raises(ValueError, match="no batches: make some"):
        rescale_heads(pruned, original, [])
    with pytest.raises(ValueError, match="differ in num_hidden_layers"):
        rescale_heads(pruned, random_raner(num_hidden_layers=3), batches)
    with pytest.raises(ValueError, match="prune the vocabulary"):
        rescale_heads(pruned, random_raner(vocab_size=99), batches)


# --- Schedules ---------------------------------------------------------------------------------


def test_gradual_follows_the_cubic_and_ends_at_the_target():
    start, final = Size(144, 9216), Size(72, 3072)
    steps = gradual(start, final, 4)
    for t, found in enumerate(steps, 1):
        for s0, sf, value in zip(start, final, found, strict=True):  # in sparsities, as the paper writes it
            sparsity = (1 - sf / s0) + (0 - (1 - sf / s0)) * (1 - t / 4) ** 3
            assert value == pytest.approx(s0 * (1 - sparsity), abs=0.51)
    assert steps[-1] == final and len(steps) == 4


@pytest.mark.parametrize("final, steps", [(Size(5, 1), 0), (Size(9, 1), 2), (Size(1, 50), 2)])
def test_schedule_that_goes_nowhere_is_refused(final, steps):
    with pytest.raises(ValueError, match="at least one step"):
        gradual(Size(8, 40), final, steps)


def cut_down(model, heads, neurons):
    now = size_of(model)
    batches = stack(random_rows(model), 5)
    fewer = prune_heads(model, select_globally(michel_per_example(model, batches), now.heads - heads))
    return prune_neurons(fewer, select_globally(neuron_importance(fewer, batches), now.neurons - neurons))


def test_gradual_recovery_prunes_what_is_left_and_recovers_in_between():
    original, draw, maps = random_raner(), random.Random(0), []

    def recover(model, step):
        maps.append((step, pruning_map(model.config)))
        shaken = copy.deepcopy(model)
        with torch.no_grad():
            for parameter in shaken.parameters():
                parameter += 0.1 * draw.random()
        return shaken

    schedule = gradual(size_of(original), Size(3, 12), 3)
    final = gradual_recovery(original, schedule, cut_down, recover)
    assert [step for step, _ in maps] == [1, 2, 3]
    assert [(sum(map(len, m.heads)), sum(map(len, m.neurons))) for _, m in maps] == schedule
    assert size_of(final) == Size(3, 12)
    for (_, earlier), (_, later) in zip(maps, maps[1:], strict=False):
        for part in ("heads", "neurons"):
            pairs = zip(getattr(earlier, part), getattr(later, part), strict=True)
            assert all(set(b) <= set(a) for a, b in pairs)


def test_pruner_that_misses_its_target_is_caught():
    with pytest.raises(ValueError, match=r"step 1: Left\(heads=4, neurons=10\) was to be left"):
        gradual_recovery(random_raner(), [Size(4, 10)], lambda m, *_: m, lambda m, _: m)
