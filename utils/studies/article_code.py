"""Where the article's code fails, or answers something else than it says: each fault shown in a few lines of our own.

Nothing here is the article's code. Each function tries one thing on tensors or on a random model of a few numbers,
and says what happened.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn
from transformers import AutoModelForTokenClassification, BertConfig, BertForTokenClassification, ConvBertConfig

from utils.compress.quantization.dynamic import quantize_only

LAYERS = HEADS = 12

CODE_HEADER = ("§", "the article's code", "tried here", "what happens")


class Fault(NamedTuple):
    """`section` of the article, what its code does, what was tried here, and what happened."""

    section: str
    code: str
    tried: str
    happened: str


def _outcome(attempt: Callable[[], object]) -> str:
    """What was raised, on one line, or that nothing was."""
    try:
        attempt()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return "nothing is raised"


@contextmanager
def _unheard_warnings() -> Iterator[None]:
    """transformers' log, without what it warns of."""
    log = logging.getLogger("transformers")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _bert(**settings) -> BertForTokenClassification:
    """A random BERT of 12 x 12 heads, two features each."""
    sizes = {"vocab_size": 20, "hidden_size": 24, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BertForTokenClassification(BertConfig(**sizes, intermediate_size=8, **settings)).eval()


def model_of_another_kind() -> Fault:
    """The id names a ConvBERT, whose encoder is not where a BERT's is; RaNER is a BERT with a CRF."""
    sizes = {"vocab_size": 20, "hidden_size": 24, "embedding_size": 24, "num_hidden_layers": 1}
    model = AutoModelForTokenClassification.from_config(
        ConvBertConfig(**sizes, num_attention_heads=2, intermediate_size=8)
    )
    return Fault(
        "3.2",
        "loads damo/conv-bert-medium-ner, by its name a ConvBERT, and prunes model.bert; "
        "ModelScope has RaNER as nlp_raner_named-entity-recognition_chinese-base-news",
        "model.bert of a ConvBERT",
        _outcome(lambda: model.bert),
    )


def no_crf() -> Fault:
    """The class that is loaded ends in a linear layer; RaNER's transition scores have no place in it."""
    last = [name for name, _ in _bert().named_parameters() if not name.startswith("bert.")]
    return Fault(
        "3.2", "loads a token classifier", "what such a model has on top of BERT",
        f"{', '.join(last)}: no CRF, so RaNER's transition scores would be dropped",
    )  # fmt: skip


def unsaved_integers() -> Fault:
    """`save_pretrained` wants tensors; packed INT8 weights are none."""
    model = _bert()
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    with tempfile.TemporaryDirectory() as folder:
        happened = _outcome(lambda: quantize_only(model, linears).save_pretrained(folder))
    return Fault("3.2", "saves the INT8 model with save_pretrained", "the same, with a small INT8 model", happened)


def another_paper() -> Fault:
    """Nothing to run: the paper cited is Lester, Al-Rfou and Constant 2021, arXiv 2104.08691."""
    return Fault(
        "3.3",
        "takes its score of heads from The Power of Scale for Parameter-Efficient Prompt Tuning",
        "the paper (Lester et al. 2021)",
        "it trains prompts before a frozen T5 and scores no head; for norms of what a head adds see Kobayashi 2020, "
        "for gradients Michel 2019",
    )


def one_number_a_layer() -> Fault:
    """Twelve places for 12 x 12 heads: one layer's scores do not fit into its place."""
    totals = torch.zeros(LAYERS)

    def add_first_layer() -> None:
        totals[0] += torch.ones(HEADS)

    return Fault(
        "3.3", "adds each layer's 12 scores to one of 12 numbers", "12 scores added to totals[0]",
        _outcome(add_first_layer),
    )  # fmt: skip


def no_weakest_of_one() -> Fault:
    """And if it had fitted: one number a layer cannot say which of its heads is the weakest."""
    return Fault(
        "3.3", "sorts one layer's score and takes the first two", "the two smallest of one number",
        _outcome(lambda: torch.tensor(0.3).argsort()[:2]),
    )  # fmt: skip


def no_maps_to_sum() -> Fault:
    """Fused attention, the default, never forms the maps: a loop over them ends before it begins, without an error."""
    model = _bert()
    with _unheard_warnings(), torch.no_grad():
        maps = model(torch.ones(1, 5, dtype=torch.long), output_attentions=True).attentions
    return Fault(
        "3.3", "sums over the attention maps that a model returns", "output_attentions=True, nothing else set",
        f"{len(maps)} maps of {LAYERS} layers, and no error: every score would stay 0",
    )  # fmt: skip


def maps_without_values() -> Fault:
    """The formula has the norm of what a head puts out, the code the mean square of its attention weights."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(5, 5, generator=generator).softmax(-1)
    silent = weights @ torch.zeros(5, 2)
    return Fault(
        "3.3", "squares attention weights, where its formula has the outputs of heads",
        "a head whose values are all 0, so that it adds nothing",
        f"norm of its output {silent.norm():.0f}, score of its attention weights {weights.square().mean():.2f}",
    )  # fmt: skip


def padding_counts() -> Fault:
    """A mean over all positions of a batch: the same sentence scores less beside a longer one."""
    attention = torch.eye(4)
    padded = nn.functional.pad(torch.cat([attention, torch.full((4, 4), 1 / 4)]), (0, 4))
    alone, beside = attention.square().mean(), padded.square().mean()
    return Fault(
        "3.3", "takes the mean over all positions of a batch",
        "four characters that look at themselves, alone and with four of padding", f"{alone:.3f} becomes {beside:.3f}",
    )  # fmt: skip


def a_fifth_of_twelve() -> Fault:
    """Cut off, not rounded: a fifth of twelve heads is two."""
    gone = int(HEADS * 0.2)
    return Fault(
        "3.3", "takes int(12 * 0.2) heads from each layer for a ratio of 20 %", "int(12 * 0.2)",
        f"{gone} of {HEADS}: {100 * gone / HEADS:.1f} %",
    )  # fmt: skip


def pruning_that_is_gone() -> Fault:
    """transformers 5 has no `prune_heads` on its attention modules any more."""
    attention = _bert().bert.encoder.layer[0].attention
    return Fault(
        "3.3", "calls attention.prune_heads", "the same method of this transformers' BERT",
        _outcome(lambda: attention.prune_heads),
    )  # fmt: skip


FAULTS = (
    model_of_another_kind, no_crf, unsaved_integers, another_paper, one_number_a_layer, no_weakest_of_one,
    no_maps_to_sum, maps_without_values, padding_counts, a_fifth_of_twelve, pruning_that_is_gone,
)  # fmt: skip


def code_faults() -> list[tuple[str, ...]]:
    """All of them, as cells below `CODE_HEADER`."""
    return [tuple(show()) for show in FAULTS]
