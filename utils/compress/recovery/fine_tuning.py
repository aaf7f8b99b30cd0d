"""Fine-tuning: a pruned model trained on annotated sentences, by the likelihood that it was made with."""

from pathlib import Path

from torch import Tensor, nn

from utils.compress.batches import Batch, make_batches
from utils.compress.checks import check_trainable
from utils.compress.training import Objective, Schedule, train
from utils.model.raner import RanerModel, piece_limit
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Corpus


def fine_tune(
    model: RanerModel, tokenizer: CharacterTokenizer, corpus: Corpus, out: str | Path, schedule: Schedule
) -> RanerModel:
    """Train a copy on `corpus.train`; the epoch with the best F1 on `corpus.dev` is returned.

    The loss is the CRF likelihood of `RanerModel.forward`. The pruning map is kept: shapes do not
    change. An interrupted call, given again, goes on from the last whole epoch in `out` and ends
    where it would have; a finished one is not repeated.

    Args:
        out: directory for checkpoints, one an epoch, and of this run only.

    Raises:
        ValueError: no training or dev sentence; a type that the model has no label for; a tokenizer
            or a pruning map that is not the model's; checkpoints of another run in `out`.
        DivergedError: the loss became NaN or infinite.
    """
    check_trainable(model, tokenizer, corpus)
    batches = make_batches(corpus.train, tokenizer, model.labels, limit=piece_limit(model.config))
    objective = Objective(batches, _likelihood, {"method": "fine_tune"})
    return train(model, tokenizer, corpus, Path(out), objective, schedule)


def _likelihood(model: nn.Module, batch: Batch) -> Tensor:
    return model(**batch).loss
