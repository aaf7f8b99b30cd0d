"""TODO compress.recovery.fine_tuning."""

from pathlib import Path

from torch import Tensor, nn

from utils.compress.batches import make_batches
from utils.compress.training import Batch, Clock, Settings, check_trainable, train
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Corpus


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
