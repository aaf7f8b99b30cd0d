"""Do these belong together? Models, pruning maps, tokenizers, corpora and sizes, asked before hours are spent on them.

Each check raises ValueError, remedy included, and returns nothing.
"""

from numbers import Integral

from transformers import BertPreTrainedModel

from utils.compress.gates import head_sites, neuron_sites
from utils.model.pruned_shape import head_size
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Corpus


def check_trainable(model: RanerModel, tokenizer: CharacterTokenizer, corpus: Corpus) -> None:
    """There is something to train and to choose by, in words and labels that the model has."""
    if not corpus.train or not corpus.dev:
        raise ValueError("nothing to train on: the corpus has no train or no dev sentence; see utils.text.hub_datasets")
    known = {label[2:] for label in model.labels}
    if unknown := sorted({e.type for s in (*corpus.train, *corpus.dev) for e in s.entities} - known):
        raise ValueError(f"the model has no label for {', '.join(unknown)}: rename or drop these entities")
    if len(tokenizer) > model.config.vocab_size:
        raise ValueError(
            f"the tokenizer knows {len(tokenizer)} characters, the model {model.config.vocab_size}: "
            "use the tokenizer that was loaded, or pruned, with the model"
        )
    check_map(model)


def check_share(name: str, share: float) -> None:
    """A share is a number from 0 to 1, not a percentage."""
    if not 0 <= share <= 1:
        raise ValueError(f"{name} {share}: wanted a share from 0 to 1, such as 0.2 for a fifth")


def check_count(name: str, count: int) -> None:
    """A count is a whole number, 0 or more, not a share."""
    if not isinstance(count, Integral) or count < 0:
        raise ValueError(f"{name} {count}: wanted a whole number, 0 or more")


def check_map(model: BertPreTrainedModel) -> None:
    """Each layer is as wide as the pruning map says."""
    for sites, features in ((head_sites(model), head_size(model.config)), (neuron_sites(model), 1)):
        for layer, (matrix, kept) in enumerate(zip(sites.projections, sites.kept, strict=True)):
            if getattr(matrix, "in_features", 0) != len(kept) * features:
                raise ValueError(
                    f"layer {layer}: the pruning map does not fit the weights; "
                    "prune with utils.compress.pruning.remove only, which changes both together"
                )


def check_vocabulary(model: BertPreTrainedModel, other: BertPreTrainedModel) -> None:
    """The same number means the same character to both models."""
    tokens, others = (getattr(m.config, "kept_tokens", None) or m.config.vocab_size for m in (model, other))
    if tokens != others:
        raise ValueError("the two models have other vocabularies: prune the vocabulary of both alike, or afterwards")
