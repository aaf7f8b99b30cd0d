"""Getting the accuracy back: what pruning broke, repaired by arithmetic, by labels, by the unpruned model.

Three repairs, from cheap to dear: `rescale_heads` (least squares, no training), `fine_tune` (the CRF
likelihood of annotated sentences) and `distil` (answer as the teacher does, on any text). The last
two are one training, `utils.training.train`, with two losses.
"""

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, mse_loss
from tqdm.auto import tqdm

from utils.augmentation import NamePool, swap_entities
from utils.batches import make_batches
from utils.characters import CharacterTokenizer, sentence_ranges
from utils.corpus import Corpus, CorpusError
from utils.entities import Sentence
from utils.gates import observed
from utils.raner import IGNORED_LABEL, RanerModel, assemble, kept_heads, kept_neurons
from utils.training import (
    BF16,
    Batch,
    Clock,
    Loss,
    Settings,
    check_map,
    check_trainable,
    model_digest,
    text_digest,
    train,
)

SCALE_LIMIT = 10.0
"""Largest size of a scale that `rescale_heads` believes."""


# --- Fine-tuning -------------------------------------------------------------------------------


def fine_tune(
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    corpus: Corpus,
    out: str | Path,
    epochs: int = 6,
    learning_rate: float = 5e-4,
    seed: int = 1,
    seconds: float | None = None,
) -> RanerModel:
    """Train a copy on `corpus.train`; the epoch with the best F1 on `corpus.dev` is returned.

    The loss is the CRF likelihood of `RanerModel.forward`. The pruning map is kept: shapes do not
    change. An interrupted call, given again, goes on from the last whole epoch in `out` and ends
    where it would have; a finished one is not repeated.

    Args:
        out: directory for checkpoints, one an epoch, and of this run only.
        learning_rate: peak of AdamW; see `rise_and_fall`.
        seconds: wall-clock budget, evaluations included, the last of them excepted. The learning
            rate has then fallen to 0 at the end of the budget, or of the epochs if that comes
            first. Without a budget, two epochs without progress on dev end the training.

    Raises:
        ValueError: no training or dev sentence; a type that the model has no label for; a tokenizer
            or a pruning map that is not the model's; checkpoints of another run in `out`.
        DivergedError: the loss became NaN or infinite.
    """
    clock, settings = Clock(seconds), Settings(epochs, learning_rate, seed, seconds)
    check_trainable(model, tokenizer, corpus, settings)
    batches = make_batches(corpus.train, tokenizer, model.labels)
    return train(model, tokenizer, corpus, batches, _likelihood, Path(out), clock, settings, method="fine_tune")


def _likelihood(model: nn.Module, batch: Batch) -> Tensor:
    return model(**batch).loss


# --- Distillation ------------------------------------------------------------------------------


def distil(
    student: RanerModel,
    teacher: RanerModel,
    tokenizer: CharacterTokenizer,
    corpus: Corpus,
    out: str | Path,
    texts: Sequence[str] = (),
    epochs: int = 6,
    learning_rate: float = 5e-4,
    seed: int = 1,
    seconds: float | None = None,
    temperature: float = 2.0,
    alpha: float = 0.5,
    hidden: float = 1.0,
) -> RanerModel:
    """Train a copy of `student` to answer like `teacher`, on `corpus.train` and on `texts` without labels.

    The loss of a batch is alpha L_CRF + (1 - alpha) L_soft + hidden L_hidden, each a mean:
    L_CRF is what `fine_tune` minimises (0 for `texts`), L_soft is `soft_loss`, and L_hidden the mean
    squared error between the outputs of the student's layers and of those of the teacher that
    `matching_layers` names (Romero et al. 2015, "FitNets"; Jiao et al. 2020, "TinyBERT", equation 8,
    without the projection: widths must agree). Attention maps are not transferred: with heads gone
    there is no head to compare with, and the layer's output already holds what its heads did.

    The teacher reads everything once, before the training, within the budget. What it said stays in
    memory: per character 4 bytes a tag, and with `hidden` 2 bytes a feature and student layer.

    Args:
        out, epochs, learning_rate, seconds: as in `fine_tune`.
        temperature: T of `soft_loss`, above 0.
        alpha: weight of the labels, 0 to 1. At 0 `corpus.train` serves as text only.
        hidden: weight of L_hidden, 0 for none. A teacher may be deeper; with 0 it may also be wider.

    Raises:
        ValueError, DivergedError: as in `fine_tune`; or the two models have other labels, another
            vocabulary or, where `hidden` is asked for, another width.
    """
    clock, settings = Clock(seconds), Settings(epochs, learning_rate, seed, seconds)
    check_trainable(student, tokenizer, corpus, settings)
    _check_distillation(student, teacher, temperature, alpha, hidden)
    batches = make_batches(corpus.train, tokenizer, student.labels)
    batches += [_without_labels(b) for b in make_batches([Sentence(t) for t in texts], tokenizer, student.labels)]
    layers = matching_layers(student.config.num_hidden_layers, teacher.config.num_hidden_layers) if hidden else []
    answered = [batch | _answers(teacher, batch, layers) for batch in tqdm(batches, "the teacher reads", leave=False)]
    identity = {"temperature": temperature, "alpha": alpha, "hidden": hidden, "texts": text_digest(repr(list(texts)))}
    identity |= {"method": "distil", "teacher": model_digest(teacher)}
    loss = _distillation_loss(temperature, alpha, hidden)
    return train(student, tokenizer, corpus, answered, loss, Path(out), clock, settings, **identity)


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
    chosen = matching_layers(layers, teacher.config.num_hidden_layers)
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers = layers
    for name, kept in (("kept_heads", kept_heads(teacher.config)), ("kept_neurons", kept_neurons(teacher.config))):
        if getattr(config, name, None):
            setattr(config, name, [kept[layer] for layer in chosen])
    tensors = {name: t.detach().clone() for name, t in teacher.state_dict().items() if ".layer." not in name}
    for new, old in enumerate(chosen):
        for name, tensor in teacher.bert.encoder.layer[old].state_dict().items():
            tensors[f"bert.encoder.layer.{new}.{name}"] = tensor.detach().clone()
    return assemble(config, tensors)


def _check_distillation(
    student: RanerModel, teacher: RanerModel, temperature: float, alpha: float, hidden: float
) -> None:
    if temperature <= 0 or not 0 <= alpha <= 1 or hidden < 0:
        raise ValueError(f"{temperature=}, {alpha=}, {hidden=}: wanted above 0, 0 to 1, and 0 or more")
    if student.labels != teacher.labels:
        raise ValueError("student and teacher name other labels: give the student the teacher's id2label, in its order")
    _check_vocabulary(student, teacher)
    if hidden and student.config.hidden_size != teacher.config.hidden_size:
        widths = f"{student.config.hidden_size} and {teacher.config.hidden_size} features wide"
        raise ValueError(f"hidden states {widths} cannot be compared: pass hidden=0")


def _check_vocabulary(model: RanerModel, other: RanerModel) -> None:
    tokens, others = (getattr(m.config, "kept_tokens", None) or m.config.vocab_size for m in (model, other))
    if tokens != others:
        raise ValueError("the two models have other vocabularies: prune the vocabulary of both alike, or afterwards")


def _without_labels(batch: Batch) -> Batch:
    return batch | {"labels": torch.full_like(batch["labels"], IGNORED_LABEL)}


@torch.no_grad()
def _answers(teacher: RanerModel, batch: Batch, layers: Sequence[int]) -> Batch:
    """What the teacher says: `teacher_emissions`, and `teacher_states` `(layers, batch, length, features)`."""
    ids, mask = (batch[name].to(teacher.device) for name in ("input_ids", "attention_mask"))
    with torch.autocast(teacher.device.type, torch.bfloat16, enabled=BF16):
        said = teacher.eval()(ids, mask, output_hidden_states=bool(layers))
    answers = {"teacher_emissions": said.logits.float().cpu()}
    if layers:
        answers["teacher_states"] = torch.stack([said.hidden_states[layer + 1].half().cpu() for layer in layers])
    return answers


def _distillation_loss(temperature: float, alpha: float, hidden: float) -> Loss:
    def loss(model: nn.Module, batch: Batch) -> Tensor:
        inputs = {name: tensor for name, tensor in batch.items() if not name.startswith("teacher_")}
        said, real = model(**inputs, output_hidden_states=bool(hidden)), batch["attention_mask"].bool()
        soft = soft_loss(said.logits[real].float(), batch["teacher_emissions"][real], temperature)
        total = alpha * said.loss + (1 - alpha) * soft
        if not hidden:
            return total
        states = torch.stack(said.hidden_states[1:])[:, real].float()
        return total + hidden * mse_loss(states, batch["teacher_states"][:, real].float())

    return loss


# --- Text to learn from ------------------------------------------------------------------------


def swapped_copies(sentences: Sequence[Sentence], pool: NamePool, copies: int, seed: int = 1) -> list[Sentence]:
    """`copies` times all sentences, every entity replaced by another of its type (`swap_entities`)."""
    rng = random.Random(seed)
    return [swap_entities(sentence, pool, rng, odds=1.0) for _ in range(copies) for sentence in sentences]


def read_texts(path: str | Path) -> list[str]:
    """The sentences of any UTF-8 text file, cut behind sentence ends and at line ends; empty ones are left out.

    Raises:
        CorpusError: the file cannot be opened, is not UTF-8, or holds no text.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); wanted is a text file in UTF-8") from None
    pieces = (text[start:end].strip() for start, end in sentence_ranges(text))
    if not (texts := [piece for piece in pieces if piece]):
        raise CorpusError(f"{path}: holds no text")
    return texts


# --- Least-squares rescaling -------------------------------------------------------------------


class Block(NamedTuple):
    """Half a layer, attention or feed-forward: how it runs, the module that mixes its parts, how many they are."""

    run: Callable[[Tensor, Tensor], Tensor]
    output: nn.Module
    parts: int


@torch.no_grad()
def rescale_heads(
    pruned: RanerModel, original: RanerModel, batches: Sequence[Batch], damping: float = 1.0
) -> RanerModel:
    """A new model whose kept heads and neurons are scaled to stand in for those that went. No training.

    From the lowest layer up, attention before feed-forward, the scales s of the n kept parts minimise

        || y - (x + b + sum_h s_h out_h) ||^2 + damping ||s - 1||^2

    over all real positions: y is what the original model hands to the block's LayerNorm, x the
    pruned model's own residual stream, lower blocks already rescaled, out_h what part h adds. So a
    block also makes up for errors from below, and its error never grows. The scales go into the
    columns of the matrix that mixes the parts: the model neither grows nor slows down.

    A block of which a scale leaves [-10, 10] keeps scales of 1 (the paper stops at the first such).

    Args:
        batches: a few hundred sentences; labels are not read.
        damping: in squared units of the hidden state, summed over positions; the paper's is 1.

    Raises:
        ValueError: no batches; the models differ in depth, width or vocabulary, or a map does not fit.

    Source: Kwon et al. 2022, "A Fast Post-Training Pruning Framework for Transformers", section 4.3.
    """
    _check_rescaling(pruned, original, batches)
    rescaled = copy.deepcopy(pruned).eval()
    masks = [batch["attention_mask"] for batch in batches]
    ours, theirs = ([m.eval().bert.embeddings(b["input_ids"]) for b in batches] for m in (rescaled, original))
    for block, reference in zip(_blocks(rescaled), _blocks(original), strict=True):
        traces = [_trace(reference, *pair) for pair in zip(theirs, masks, strict=True)]
        theirs = [trace.out for trace in traces]
        if block.parts:
            pairs = zip((_trace(block, *pair) for pair in zip(ours, masks, strict=True)), traces, strict=True)
            _scale(block, _scales(block, pairs, damping))
        ours = [_trace(block, *pair).out for pair in zip(ours, masks, strict=True)]
    return rescaled


def _check_rescaling(pruned: RanerModel, original: RanerModel, batches: Sequence[Batch]) -> None:
    if not batches:
        raise ValueError("no batches: make some of a few hundred sentences with utils.batches.make_batches")
    for name in ("num_hidden_layers", "hidden_size"):
        if getattr(pruned.config, name) != getattr(original.config, name):
            raise ValueError(f"the models differ in {name}: `original` is the model that `pruned` was cut from")
    _check_vocabulary(pruned, original)
    check_map(pruned)


class Trace(NamedTuple):
    """Of one batch: the mixing matrix's input and the LayerNorm's, `(real positions, features)`, and the output."""

    features: Tensor
    sums: Tensor
    out: Tensor


def _blocks(model: RanerModel) -> Iterator[Block]:
    widths = zip(kept_heads(model.config), kept_neurons(model.config), strict=True)
    for layer, (heads, neurons) in zip(model.bert.encoder.layer, widths, strict=True):
        yield Block(lambda x, mask, layer=layer: layer.attention(x, mask)[0], layer.attention.output, len(heads))
        yield Block(lambda x, mask, layer=layer: layer.feed_forward_chunk(x), layer.output, len(neurons))


def _trace(block: Block, hidden: Tensor, mask: Tensor) -> Trace:
    seen, real = [], mask.bool()
    closed = torch.where(real[:, None, None], 0.0, torch.finfo(hidden.dtype).min)
    modules = [block.output.dense, block.output.LayerNorm]
    with observed(modules, lambda _, arguments, *__: seen.append(arguments[0][real])):
        out = block.run(hidden, closed)
    return Trace(*seen, out)


def _scales(block: Block, pairs: Iterator[tuple[Trace, Trace]], damping: float) -> Tensor:
    """Scales `(parts,)` by the normal equations for s - 1, whose right side is what is missing at scales of 1.

    With features a and matrix W, out_f = a_f W_:f: so <out_f, out_g> summed over positions is the
    Gram matrix of a times that of W, element by element. A head's row is the sum of its features'.
    """
    weight = block.output.dense.weight
    gram, missing = 0.0, 0.0
    for ours, theirs in pairs:
        gram = gram + (ours.features.T @ ours.features).double()
        missing = missing + (ours.features * ((theirs.sums - ours.sums) @ weight)).double().sum(0)
    size = weight.shape[1] // block.parts
    gram = (gram * (weight.T @ weight)).reshape(block.parts, size, block.parts, size).sum((1, 3))
    ridge = damping * torch.eye(block.parts, dtype=gram.dtype)
    scales = 1 + torch.linalg.solve(gram + ridge, missing.reshape(block.parts, size).sum(1))
    return scales if scales.abs().max() <= SCALE_LIMIT else torch.ones_like(scales)


def _scale(block: Block, scales: Tensor) -> None:
    weight = block.output.dense.weight
    weight *= scales.repeat_interleave(weight.shape[1] // block.parts).to(weight)


# --- Pruning and recovering in turns -----------------------------------------------------------


class Left(NamedTuple):
    """How many heads and how many feed-forward neurons a whole model has."""

    heads: int
    neurons: int


def left(model: RanerModel) -> Left:
    return Left(sum(map(len, kept_heads(model.config))), sum(map(len, kept_neurons(model.config))))


def one_shot(start: Left, final: Left) -> list[Left]:
    """Everything at once: the schedule of one step."""
    return gradual(start, final, steps=1)


def gradual(start: Left, final: Left, steps: int) -> list[Left]:
    """What is left after each step, fast at first and slowly towards the end: final + (start - final) (1 - t/n)^3.

    Source: Zhu and Gupta 2017, "To prune, or not to prune", equation 1, for parts left instead of sparsity.

    Raises:
        ValueError: no step, or `final` is more than `start`.
    """
    if steps < 1 or final.heads > start.heads or final.neurons > start.neurons:
        raise ValueError(f"from {start} to {final} in {steps} steps: pruning takes at least one step, and never adds")
    shares = [(1 - step / steps) ** 3 for step in range(1, steps + 1)]
    return [Left(*(round(f + (s - f) * share) for s, f in zip(start, final, strict=True))) for share in shares]


def gradual_recovery(
    model: RanerModel,
    schedule: Sequence[Left],
    prune: Callable[[RanerModel, int, int], RanerModel],
    recover: Callable[[RanerModel, int], RanerModel],
) -> RanerModel:
    """Prune to the next target, recover, and again: later cuts see what the recovered model needs.

    Args:
        schedule: targets, `gradual` or `one_shot`.
        prune: `(model, heads left, neurons left) -> model`; scores are to be computed anew inside.
        recover: `(model, step) -> model`, `step` from 1; give each step a directory of its own.

    Raises:
        ValueError: `prune` left another number of heads or neurons than asked.
    """
    for step, target in enumerate(schedule, 1):
        model = prune(model, *target)
        if left(model) != target:
            raise ValueError(f"step {step}: {target} was to be left, but prune left {left(model)}")
        model = recover(model, step)
    return model
