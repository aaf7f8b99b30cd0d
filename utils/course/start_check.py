"""Whether a model and a corpus fit each other and the course, asked before anything heavy starts.

All errors are `CorpusError` or `CheckpointError`: one line that says what is wrong, and the remedy.
"""

from collections.abc import Collection, Mapping, Sequence

from utils.course.sizes import SIZES
from utils.files import CheckpointError
from utils.model.raner import RanerModel, piece_limit
from utils.model.twin import ARTICLE_HIDDEN_SIZE
from utils.text.entities import Corpus, CorpusError, Sentence, Span, annotate
from utils.text.tags import split_tag

FEWEST = {"train": 100, "dev": 30, "test": 30}
"""Sentences of each split that the notebooks, or a compression, need at least."""

LONGEST_TEXT = 500
"""Characters that notebooks hand to a model at once."""

READ_NO_CORPUS = {"00"}
"""Notebooks that any corpus will do for."""

USE_NO_TWIN = {"00", "01"}
"""Notebooks that need neither the model at the article's size nor long texts."""


def parse_types(text: str) -> dict[str, str]:
    """`NAME=PER,COMPANY=ORG,BOOK=` as a mapping; a type with nothing behind its sign is dropped.

    Raises:
        CorpusError: not pairs like these, or a type that is mapped twice.
    """
    mapping: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, sign, target = (part.strip() for part in pair.partition("="))
        if not sign or not name or "=" in target:
            raise CorpusError(f"types {text!r}: {pair!r} is no pair like NAME=PER; BOOK= leaves a type out")
        if name in mapping:
            raise CorpusError(f"types {text!r}: {name} is mapped twice")
        mapping[name] = target
    return mapping


def fitted(
    corpus: Corpus,
    labels: Sequence[str],
    types: Mapping[str, str],
    new_head: bool = False,
    head_option: str = "--new-head",
) -> Corpus:
    """The corpus with its types renamed, if a model with these tags can be trained and scored on it.

    Args:
        labels: the model's tags.
        types: as `parse_types` gives them; types that it does not name stay what they are.
        new_head: the model is to get tags for the corpus's own types, so any will do.
        head_option: what trains a head, as the message names it.

    Raises:
        CorpusError: a type to be renamed that the corpus does not have, no entity in a split, or types for which
            the model has no tag; the message names both sets.
    """
    if unknown := sorted(set(types) - set(corpus.types)):
        raise CorpusError(f"types: the corpus has no {', '.join(unknown)}; it has {_listed(corpus.types)}")
    renamed = Corpus(*([_renamed(sentence, types) for sentence in split] for split in corpus)) if types else corpus
    if empty := [name for name, split in renamed._asdict().items() if not any(s.entities for s in split)]:
        raise CorpusError(f"the corpus has no entity in {' and '.join(empty)}: nothing to learn from, or to score")
    known = model_types(labels)
    if not new_head and (strange := sorted(set(renamed.types) - known)):
        pairs = ",".join(f"{kind}={min(known)}" for kind in strange[:2])
        remedy = (
            f"map them, as in --types {pairs} ({strange[0]}= drops one), or train a head for them with {head_option}"
        )
        sets = f"the corpus has the types {_listed(renamed.types)}, the model {_listed(known)}"
        raise CorpusError(f"{sets}: the model has no tag for {_listed(strange)}; {remedy}")
    return renamed


def model_types(labels: Sequence[str]) -> set[str]:
    """The entity types that a model's tags name."""
    return {split_tag(label)[1] for label in labels} - {""}


def _renamed(sentence: Sentence, types: Mapping[str, str]) -> Sentence:
    spans = [Span(start, end, types.get(kind, kind)) for start, end, kind in sentence.spans]
    return annotate(sentence.text, [span for span in spans if span.type], sentence.domain, sentence.trap)


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def check_size(corpus: Corpus, notebooks: Collection[str], quick: bool) -> None:
    """There are enough sentences for these notebooks, given by their numbers, and those that they want to show.

    Raises:
        CorpusError: a split is too small, with all three counts; or dev has no sentence of the kind that is shown.
    """
    if set(notebooks) <= READ_NO_CORPUS:
        return
    check_counts(corpus, "the notebooks")
    first = corpus.dev[: SIZES["10"]["dev"][quick]]
    if "03" in notebooks and not any(len(s.entities) >= 2 and len(s.text) >= 15 for s in corpus.dev):
        raise CorpusError("dev: no sentence of 15 characters or more with two entities, which notebook 03 looks into")
    if "10" in notebooks and not any(s.entities and 12 <= len(s.text) <= 30 for s in first):
        raise CorpusError(
            f"dev: none of the first {len(first)} sentences has an entity and 12 to 30 characters, as notebook 10 wants"
        )


def check_counts(corpus: Corpus, user: str) -> None:
    """There are enough sentences of each split for `user`.

    Raises:
        CorpusError: a split is too small; the message has all three counts.
    """
    counts = {name: len(split) for name, split in corpus._asdict().items()}
    if any(counts[name] < fewest for name, fewest in FEWEST.items()):
        found = ", ".join(f"{name} has {counts[name]} sentences ({fewest} needed)" for name, fewest in FEWEST.items())
        raise CorpusError(f"the corpus is too small for {user}: {found}")


def check_model(model: RanerModel, notebooks: Collection[str]) -> None:
    """The model is one that these notebooks, given by their numbers, can make larger and hand long texts to.

    Raises:
        CheckpointError: it reads too few characters at once, or its width does not divide the article's.
    """
    if set(notebooks) <= USE_NO_TWIN:
        return
    if (limit := piece_limit(model.config)) < LONGEST_TEXT:
        needed = f"the notebooks need {LONGEST_TEXT} (max_position_embeddings of {LONGEST_TEXT + 2} or more)"
        raise CheckpointError(f"the model reads {limit} characters at once, {needed}")
    if ARTICLE_HIDDEN_SIZE % model.config.hidden_size:
        size = f"the model's hidden size {model.config.hidden_size} does not divide {ARTICLE_HIDDEN_SIZE}"
        raise CheckpointError(f"{size}, the article's, to which the notebooks widen it")
