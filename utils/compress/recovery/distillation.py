"""Distillation: a student trained to answer as its teacher does, on annotated sentences and on any other text."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, mse_loss
from tqdm.auto import tqdm

from utils.compress.batches import Batch, make_batches
from utils.compress.checks import check_trainable, check_vocabulary
from utils.compress.training import Loss, Objective, Schedule, train
from utils.files import text_digest
from utils.model.checkpoint import assemble, model_digest
from utils.model.modes import evaluating
from utils.model.pruned_shape import kept_heads, kept_neurons
from utils.model.raner import IGNORED_LABEL, RanerModel, piece_limit
from utils.tagger.tokenizer import CharacterTokenizer, check_texts
from utils.text.entities import Corpus, Sentence

Answers = dict[tuple, Batch]
"""What teachers said, by teacher, layers and the characters that they read; see `Distillation.answers`."""


@dataclass(frozen=True)
class Distillation:
    """Whose answers are learned, on which texts besides the corpus, and what weighs how much in the loss.

    The loss of a batch is alpha L_CRF + (1 - alpha) L_soft + hidden L_hidden, each a mean:
    L_CRF is what `fine_tune` minimises (0 for `texts`), L_soft is `soft_loss`, and L_hidden the mean
    squared error between the outputs of the student's layers and of those of the teacher that
    `matching_layers` names (Romero et al. 2015, "FitNets"; Jiao et al. 2020, "TinyBERT", equation 8,
    without the projection: widths must agree). Attention maps are not transferred: with heads gone
    there is no head to compare with, and the layer's output already holds what its heads did.

    Args:
        texts: read without labels.
        temperature: T of `soft_loss`, above 0.
        alpha: weight of the labels, 0 to 1. At 0 `corpus.train` serves as text only.
        hidden: weight of L_hidden, 0 for none. A teacher may be deeper; with 0 it may also be wider.
        layers: of the student, so many are compared in L_hidden, evenly spaced, the last one among them; None: all.
        positions: of a batch at most, as in `make_batches`.
        answers: what the teacher has said so far, filled by `distil`: no batch is read twice. A lesson keeps
            its own for the next student; give one dict to several lessons, and they share it. It is no part of
            the identity: a student is the same to the bit, wherever its teacher's answers come from.

    Raises:
        ValueError: a weight or a temperature out of its range.
        TypeError: `texts` is one text.
    """

    teacher: RanerModel
    texts: Sequence[str] = ()
    temperature: float = 2.0
    alpha: float = 0.5
    hidden: float = 1.0
    layers: int | None = None
    positions: int | None = None
    answers: Answers = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self):
        check_texts(self.texts)
        if self.temperature <= 0 or not 0 <= self.alpha <= 1 or self.hidden < 0:
            found = f"temperature={self.temperature}, alpha={self.alpha}, hidden={self.hidden}"
            raise ValueError(f"{found}: wanted above 0, 0 to 1, and 0 or more")
        if self.layers is not None and self.layers < 1:
            raise ValueError(f"{self.layers} layers to compare: wanted is 1 or more, or None for all")

    def identity(self) -> dict[str, object]:
        """What tells runs apart, as JSON."""
        weights = {"temperature": self.temperature, "alpha": self.alpha, "hidden": self.hidden}
        weights |= {name: value for name in ("layers", "positions") if (value := getattr(self, name))}
        texts = text_digest(repr(list(self.texts)))
        return weights | {"texts": texts, "method": "distil", "teacher": model_digest(self.teacher)}


def distil(
    student: RanerModel,
    tokenizer: CharacterTokenizer,
    corpus: Corpus,
    out: str | Path,
    schedule: Schedule,
    distillation: Distillation,
) -> RanerModel:
    """Train a copy of `student` to answer like the teacher, on `corpus.train` and on texts without labels.

    The teacher reads what it has not read yet, before the training: no step of the schedule. What it said stays
    in memory as long as `distillation.answers`: per character 4 bytes a tag, and with `hidden` 2 bytes a feature
    and layer that is compared.

    Args:
        out, schedule: as in `fine_tune`.

    Raises:
        ValueError, DivergedError: as in `fine_tune`; or the two models have other labels, another
            vocabulary or, where `hidden` is asked for, another width.
    """
    check_trainable(student, tokenizer, corpus)
    _check_teacher(student, distillation)
    limit = min(piece_limit(model.config) for model in (student, distillation.teacher))
    most = {"limit": limit, "positions": distillation.positions}
    batches = make_batches(corpus.train, tokenizer, student.labels, **most)
    unlabelled = make_batches([Sentence(text) for text in distillation.texts], tokenizer, student.labels, **most)
    batches += [_without_labels(batch) for batch in unlabelled]
    objective = Objective(_answered(batches, student, distillation), _loss(distillation), distillation.identity())
    return train(student, tokenizer, corpus, Path(out), objective, schedule)


def soft_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(student / T)), in nats, mean over positions.

    A high temperature shows what the teacher thinks of the tags that it does not choose. The factor
    T^2 makes up for gradients that shrink with 1 / T^2, so that the weights of the loss need not
    follow the temperature.

    Args:
        student, teacher: emissions, `(positions, tags)`.

    Source: Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network", section 2.
    """
    ours, theirs = (log_softmax(emissions / temperature, -1) for emissions in (student, teacher))
    return temperature**2 * kl_div(ours, theirs, log_target=True, reduction="batchmean")


def matching_layers(student: int, teacher: int) -> list[int]:
    """For each of `student` layers the one of `teacher` layers at the same relative depth, from 0.

    The last matches the last. Source: Jiao et al. 2020, "TinyBERT", section 3.1, the uniform strategy.

    Raises:
        ValueError: the student has more layers than the teacher, or none.
    """
    if not 1 <= student <= teacher:
        raise ValueError(f"a student of {student} layers for a teacher of {teacher}: take 1 to {teacher}")
    return [(layer + 1) * teacher // student - 1 for layer in range(student)]


def shallow_student(teacher: RanerModel, layers: int) -> RanerModel:
    """A new model of `layers` encoder layers, copies of the teacher's `matching_layers`; all else is copied too.

    Starting from copies is much of what a shallow student ever learns (Sanh et al. 2019,
    "DistilBERT", section 3).

    Raises:
        ValueError: as in `matching_layers`.
    """
    return student_of(teacher, matching_layers(layers, teacher.config.num_hidden_layers))


def student_of(teacher: RanerModel, chosen: Sequence[int]) -> RanerModel:
    """A new model whose encoder layers are copies of these of the teacher's, in this order; all else is copied too.

    Args:
        chosen: numbers of layers, from 0.

    Raises:
        ValueError: no layer is chosen, or one that the teacher does not have.
    """
    if not chosen or not set(chosen) <= set(range(teacher.config.num_hidden_layers)):
        raise ValueError(f"layers {list(chosen)}: choose from 0 to {teacher.config.num_hidden_layers - 1}")
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers = len(chosen)
    for name, kept in (("kept_heads", kept_heads(teacher.config)), ("kept_neurons", kept_neurons(teacher.config))):
        if getattr(config, name, None):
            setattr(config, name, [kept[layer] for layer in chosen])
    tensors = {name: t.detach().clone() for name, t in teacher.state_dict().items() if ".layer." not in name}
    for new, old in enumerate(chosen):
        for name, tensor in teacher.bert.encoder.layer[old].state_dict().items():
            tensors[f"bert.encoder.layer.{new}.{name}"] = tensor.detach().clone()
    return assemble(config, tensors)


def _check_teacher(student: RanerModel, distillation: Distillation) -> None:
    teacher = distillation.teacher
    if student.labels != teacher.labels:
        raise ValueError("student and teacher name other labels: give the student the teacher's id2label, in its order")
    check_vocabulary(student, teacher)
    if distillation.hidden and student.config.hidden_size != teacher.config.hidden_size:
        widths = f"{student.config.hidden_size} and {teacher.config.hidden_size} features wide"
        raise ValueError(f"hidden states {widths} cannot be compared: pass hidden=0")


def _without_labels(batch: Batch) -> Batch:
    return batch | {"labels": torch.full_like(batch["labels"], IGNORED_LABEL)}


def _answered(batches: Sequence[Batch], student: RanerModel, distillation: Distillation) -> list[Batch]:
    """The batches with what the teacher says to each."""
    teacher, layers = distillation.teacher, []
    if distillation.hidden:
        depth = student.config.num_hidden_layers
        matching = matching_layers(depth, teacher.config.num_hidden_layers)
        layers = [matching[layer] for layer in _compared(depth, distillation)]
    digest, known = model_digest(teacher), distillation.answers
    asked = {_question(digest, batch, layers): batch for batch in batches}
    new = [key for key in asked if key not in known]
    with evaluating(teacher.modules()):
        for key in tqdm(new, "the teacher reads", leave=False):
            known[key] = _answers(teacher, asked[key], layers)
    return [batch | known[_question(digest, batch, layers)] for batch in batches]


def _question(digest: str, batch: Batch, layers: Sequence[int]) -> tuple:
    """What the answers of a batch depend on."""
    read = (batch[name].numpy() for name in ("input_ids", "attention_mask"))
    return digest, tuple(layers), *((array.shape, array.tobytes()) for array in read)


@torch.no_grad()
def _answers(teacher: RanerModel, batch: Batch, layers: Sequence[int]) -> Batch:
    """What the teacher says: `teacher_emissions`, and `teacher_states` `(layers, batch, length, features)`."""
    ids, mask = (batch[name].to(teacher.device) for name in ("input_ids", "attention_mask"))
    with torch.autocast(teacher.device.type, torch.bfloat16, enabled=teacher.device.type == "cuda"):
        said = teacher(ids, mask, output_hidden_states=bool(layers))
    answers = {"teacher_emissions": said.logits.float().cpu()}
    if layers:
        answers["teacher_states"] = torch.stack([said.hidden_states[layer + 1].half().cpu() for layer in layers])
    return answers


def _compared(depth: int, distillation: Distillation) -> list[int]:
    """The layers of a student of that depth that are compared, from 0."""
    return matching_layers(min(distillation.layers or depth, depth), depth)


def _loss(distillation: Distillation) -> Loss:
    alpha, hidden, temperature = distillation.alpha, distillation.hidden, distillation.temperature

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        inputs = {name: tensor for name, tensor in batch.items() if not name.startswith("teacher_")}
        said, real = model(**inputs, output_hidden_states=bool(hidden)), batch["attention_mask"].bool()
        soft = soft_loss(said.logits[real].float(), batch["teacher_emissions"][real], temperature)
        total = alpha * said.loss + (1 - alpha) * soft
        if not hidden:
            return total
        ours = said.hidden_states[1:]
        states = torch.stack([ours[layer] for layer in _compared(len(ours), distillation)])[:, real].float()
        return total + hidden * mse_loss(states, batch["teacher_states"][:, real].float())

    return loss
