"""Distillation: the loss is the formula, students come nearer to their teachers, shapes stay."""

import copy
import json
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from tiny_models import (
    emissions,
    random_raner,
    random_rows,
    random_texts,
    same_weights,
    stack,
    tiny_tokenizer,
)

from utils.compress.batches import make_batches
from utils.compress.pruning.remove import prune_heads, prune_neurons, prune_vocabulary
from utils.compress.recovery import distillation
from utils.compress.recovery.distillation import (
    Distillation,
    distil,
    matching_layers,
    shallow_student,
    soft_loss,
    student_of,
)
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Objective, Schedule, train
from utils.model.pruned_shape import pruning_map
from utils.model.raner import IGNORED_LABEL
from utils.model.torch_tagger import torch_tagger
from utils.text.entities import Corpus, Sentence
from utils.text.formats.bracketed import parse_bracketed

WORDS = Corpus([parse_bracketed("[天地](LOC)玄黄")] * 64, [parse_bracketed("[天地](LOC)玄黄")], [])
TEXTS = random_texts(256, seed=5)
ONCE = Schedule(epochs=1)
ALIKE = 32
"""Sentences of `WORDS` that a teacher reads: the other batch is the same once more."""


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
    lessons = Distillation(teacher, TEXTS, alpha=0.0, hidden=hidden)
    taught = distil(student, tiny_tokenizer(), WORDS, tmp_path, Schedule(epochs=4), lessons)
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

    lessons = Distillation(teacher, TEXTS, alpha=1.0, hidden=9.0)
    taught = distil(student, tiny_tokenizer(), WORDS, tmp_path, Schedule(epochs=4), lessons)
    assert distance(taught) < 0.8 * distance(student)


@pytest.mark.parametrize(("layers", "pairs"), [(1, [(2, 4)]), (2, [(1, 2), (2, 4)]), (9, [(1, 2), (2, 4)])])
def test_so_many_layers_are_compared(layers, pairs):
    """The loss against the mean square of the differences, which numpy takes; the teacher answers no other layer."""
    teacher, student = random_raner(num_hidden_layers=4), random_raner(1, num_hidden_layers=2)
    rows = stack(random_rows(student, (9,) * 4), 4)
    lessons = Distillation(teacher, alpha=1.0, hidden=3.0, layers=layers)
    (batch,) = distillation._answered(rows, student, lessons)
    labels_alone = distillation._loss(replace(lessons, hidden=0.0))(student, batch)
    found = float((distillation._loss(lessons)(student, batch) - labels_alone).detach())
    reads = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        ours, theirs = (model(**reads, output_hidden_states=True).hidden_states for model in (student, teacher))
    gaps = [np.square(ours[i].numpy() - theirs[j].numpy()).mean() for i, j in pairs]
    assert found == pytest.approx(3.0 * np.mean(gaps), rel=1e-2)  # the teacher's are kept in half precision
    assert len(batch["teacher_states"]) == len(pairs)


def test_labels_alone_are_fine_tuning(tmp_path):
    model = random_raner()
    lessons = Distillation(random_raner(1), alpha=1.0, hidden=0.0)
    tuned = fine_tune(model, tiny_tokenizer(), WORDS, tmp_path / "labels", ONCE)
    taught = distil(model, tiny_tokenizer(), WORDS, tmp_path / "taught", ONCE, lessons)
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
        distil(model, tiny_tokenizer(), WORDS, tmp_path, ONCE, Distillation(random_raner(1), TEXTS[:31]))
    assert {loss == 0 for size, loss in seen if size == 31} == {True}
    assert {loss == 0 for size, loss in seen if size == 32} == {False}


def test_deeper_and_wider_teachers_teach(tmp_path):
    wide = random_raner(num_hidden_layers=3, hidden_size=32, intermediate_size=40)
    student = random_raner(1)
    lessons = Distillation(wide, TEXTS, alpha=0.0, hidden=0.0)
    taught = distil(student, tiny_tokenizer(), WORDS, tmp_path, Schedule(epochs=3), lessons)
    assert divergence(taught, wide) < 0.9 * divergence(student, wide)
    with pytest.raises(ValueError, match="24 and 32 features wide cannot be compared: pass hidden=0"):
        distil(student, tiny_tokenizer(), WORDS, tmp_path / "other", ONCE, Distillation(wide))


LESSONS = Distillation(random_raner(1))


@pytest.mark.parametrize(
    "named, change",
    [("teacher", {"teacher": random_raner(2)}), ("texts", {"texts": TEXTS[:1]}), ("temperature", {"temperature": 3.0}),
     ("alpha", {"alpha": 0.4}), ("hidden", {"hidden": 0.0})],
)  # fmt: skip
def test_other_lessons_are_another_run(tmp_path, named, change):
    distil(random_raner(), tiny_tokenizer(), WORDS, tmp_path, ONCE, LESSONS)
    with pytest.raises(ValueError, match=f"another {named}: give another directory"):
        distil(random_raner(), tiny_tokenizer(), WORDS, tmp_path, ONCE, replace(LESSONS, **change))


def test_a_record_names_all_that_tells_runs_apart(tmp_path):
    distil(random_raner(), tiny_tokenizer(), WORDS, tmp_path, ONCE, LESSONS)
    record = json.loads((tmp_path / "settings.json").read_text("utf-8"))
    schedule = {"epochs": 1, "learning_rate": 5e-4, "seed": 1, "steps": None}
    weights = {"temperature": 2.0, "alpha": 0.5, "hidden": 1.0, "method": "distil"}
    assert {name: record.pop(name) for name in schedule | weights} == schedule | weights
    assert record.keys() == {"model", "data", "teacher", "texts"}


def test_a_teacher_answers_in_evaluation_mode_and_stays_in_its_own(tmp_path):
    student, quiet, noisy = random_raner(), random_raner(1), random_raner(1).train()
    taught = [
        distil(student, tiny_tokenizer(), WORDS, tmp_path / name, ONCE, Distillation(teacher))
        for name, teacher in (("quiet", quiet), ("noisy", noisy))
    ]
    assert same_weights(*taught)
    assert noisy.training and not quiet.training


def test_a_teacher_reads_each_batch_once_and_its_answers_are_as_good_as_fresh_ones(tmp_path):
    """Two epochs beside a loss that asks the teacher again in every step."""
    teacher, student, lessons = random_raner(1), random_raner(), Distillation(random_raner(1), TEXTS, hidden=0)
    read = []
    with lessons.teacher.classifier.register_forward_hook(lambda _, inputs, __: read.append(len(inputs[0]))):
        taught = distil(student, tiny_tokenizer(), WORDS, tmp_path / "once", Schedule(epochs=2), lessons)
    assert sum(read) == ALIKE + len(TEXTS)

    def asking(model, batch):
        ids, mask = batch["input_ids"], batch["attention_mask"]
        with torch.no_grad():
            answer = teacher(ids, mask).logits[mask.bool()]
        said = model(**batch)
        return 0.5 * said.loss + 0.5 * soft_loss(said.logits[mask.bool()], answer, 2.0)

    batches = make_batches(WORDS.train, tiny_tokenizer(), student.labels)
    unlabelled = make_batches([Sentence(text) for text in TEXTS], tiny_tokenizer(), student.labels)
    batches += [batch | {"labels": torch.full_like(batch["labels"], IGNORED_LABEL)} for batch in unlabelled]
    objective, schedule = Objective(batches, asking, {}), Schedule(epochs=2)
    again = train(student, tiny_tokenizer(), WORDS, tmp_path / "again", objective, schedule)
    for ours, theirs in zip(taught.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


@contextmanager
def counted(teacher):
    """How many sentences the teacher reads, batch by batch."""
    read = []
    with teacher.classifier.register_forward_hook(lambda _, inputs, __: read.append(len(inputs[0]))):
        yield read


@pytest.mark.parametrize("hidden", [0.0, 1.0])
def test_students_share_a_reading_and_are_the_same_to_the_bit(tmp_path, hidden):
    """A cut model after a shallow one; a lesson with texts after one without: only what is new is read."""
    teacher = random_raner(num_hidden_layers=4)
    student, other = shallow_student(teacher, 2), shallow_student(prune_heads(teacher, {1: [0]}), 2)
    alone, more = Distillation(teacher, hidden=hidden), Distillation(teacher, TEXTS, hidden=hidden)

    def taught(name, model, lesson):
        return distil(model, tiny_tokenizer(), WORDS, tmp_path / name, ONCE, lesson)

    fresh = [taught("a", student, alone), taught("b", other, replace(alone, answers={})), taught("c", student, more)]
    shared = replace(alone, answers={})
    with counted(teacher) as read:
        again = [taught("d", student, shared)]
        assert sum(read) == ALIKE
        again.append(taught("e", other, shared))
        assert sum(read) == ALIKE
        again.append(taught("f", student, replace(more, answers=shared.answers)))
        assert sum(read) == ALIKE + len(TEXTS)
    assert all(same_weights(*pair) for pair in zip(fresh, again, strict=True))
    assert shared == replace(alone, answers={}) and shared.identity() == alone.identity()


def test_answers_of_another_teacher_or_of_other_layers_are_not_taken(tmp_path):
    answers, lessons = {}, Distillation(random_raner(num_hidden_layers=4), hidden=1.0)
    other = random_raner(1, num_hidden_layers=4)
    distil(random_raner(), tiny_tokenizer(), WORDS, tmp_path / "1", ONCE, replace(lessons, answers=answers))
    for name, lesson, student in (
        ("2", replace(lessons, teacher=other, answers=answers), random_raner()),
        ("3", replace(lessons, answers=answers), random_raner(num_hidden_layers=3)),
        ("4", replace(lessons, hidden=0.0, answers=answers), random_raner()),
    ):
        with counted(lesson.teacher) as read:
            taught = distil(student, tiny_tokenizer(), WORDS, tmp_path / name, ONCE, lesson)
        assert sum(read) == ALIKE
        alone = distil(student, tiny_tokenizer(), WORDS, tmp_path / f"{name} alone", ONCE, replace(lesson, answers={}))
        assert same_weights(taught, alone)


def test_teacher_with_other_labels_or_vocabulary_is_refused(tmp_path):
    labels = random_raner().labels
    shuffled = random_raner(id2label=dict(enumerate(reversed(labels))))
    with pytest.raises(ValueError, match="give the student the teacher's id2label"):
        distil(random_raner(), tiny_tokenizer(), WORDS, tmp_path, ONCE, Distillation(shuffled))
    smaller, _ = prune_vocabulary(random_raner(), tiny_tokenizer(), ["天地玄"])
    with pytest.raises(ValueError, match="prune the vocabulary of both alike"):
        distil(random_raner(), tiny_tokenizer(), WORDS, tmp_path, ONCE, Distillation(smaller))


@pytest.mark.parametrize("odd", [{"temperature": 0.0}, {"alpha": 1.5}, {"hidden": -1.0}])
def test_senseless_weights_are_refused(odd):
    with pytest.raises(ValueError, match="wanted above 0, 0 to 1, and 0 or more"):
        Distillation(random_raner(), **odd)


def test_no_layer_to_compare_is_refused():
    with pytest.raises(ValueError, match="0 layers to compare: wanted is 1 or more"):
        Distillation(random_raner(), layers=0)


def test_case_29_one_text_is_no_list_of_texts():
    with pytest.raises(TypeError, match=r"write \[text\]"):
        Distillation(random_raner(), texts="天地玄黄")


def test_case_16_a_teacher_and_a_student_read_what_fits_both(tmp_path):
    long = Corpus([parse_bracketed("[天地](LOC)玄黄。" * 20)], WORDS.dev, [])
    lessons = Distillation(random_raner(1, max_position_embeddings=32), texts=["宇宙洪荒，" * 30], hidden=0)
    distil(random_raner(), tiny_tokenizer(), long, tmp_path / "short teacher", ONCE, lessons)
    lessons = Distillation(random_raner(1), texts=["宇宙洪荒，" * 30], hidden=0)
    distil(random_raner(max_position_embeddings=32), tiny_tokenizer(), long, tmp_path / "short", ONCE, lessons)


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


def test_a_student_of_any_layers_has_copies_of_them_in_that_order():
    teacher = prune_neurons(prune_heads(random_raner(num_hidden_layers=4), {1: [0, 2]}), {3: [5, 6]})
    student = student_of(teacher, [3, 1, 1])
    batch = stack(random_rows(teacher), 5)[0]
    expected = copy.deepcopy(teacher)
    expected.bert.encoder.layer = torch.nn.ModuleList([expected.bert.encoder.layer[i] for i in (3, 1, 1)])
    assert torch.equal(emissions(student, batch), emissions(expected, batch))
    assert torch.equal(emissions(student_of(teacher, range(4)), batch), emissions(teacher, batch))
    assert not {t.data_ptr() for t in student.state_dict().values()} & {
        t.data_ptr() for t in teacher.state_dict().values()
    }
    for chosen in ([], [4], [-1, 0]):
        with pytest.raises(ValueError, match="choose from 0 to 3"):
            student_of(teacher, chosen)
