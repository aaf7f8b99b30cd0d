"""Getting the accuracy back: training what pruning left.

The loss is the CRF likelihood of `RanerModel.forward`; the loop, its progress bar, checkpoints and
early stopping are the transformers `Trainer`'s.
"""

import copy
from pathlib import Path

import torch
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import logging

from utils.batches import make_batches
from utils.characters import CharacterTokenizer
from utils.corpus import Corpus
from utils.evaluation import entity_scores
from utils.raner import RanerModel
from utils.tagger import torch_tagger


class TaggerTrainer(Trainer):
    """The Trainer on ready-made batches, evaluating by strict entity F1 (`eval_f1`, in points)."""

    def __init__(self, *args, tokenizer: CharacterTokenizer, sentences: list, **kwargs):
        super().__init__(*args, data_collator=lambda items: items[0], **kwargs)
        self.characters, self.sentences = tokenizer, sentences

    def evaluate(self, *args, **kwargs) -> dict[str, float]:
        self.model.eval()
        predictions = torch_tagger(self.model, self.characters).predict([s.text for s in self.sentences])
        metrics = {"eval_f1": entity_scores(self.sentences, predictions).f1}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def fine_tune(
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    corpus: Corpus,
    out: str | Path,
    epochs: int = 6,
    learning_rate: float = 5e-4,
    seed: int = 1,
) -> RanerModel:
    """Train a copy on `corpus.train`; the epoch with the best F1 on `corpus.dev` is returned.

    Stops early after two epochs without progress. The pruning map is kept: shapes do not change.
    An interrupted call goes on from the last checkpoint in `out`.

    Args:
        out: directory for checkpoints, one an epoch.
        learning_rate: peak of AdamW, reached after a tenth of the steps, then falling to 0 linearly.

    Raises:
        ValueError: the corpus has no training sentence, or a type that the model has no label for.
    """
    if not corpus.train or not corpus.dev:
        raise ValueError("nothing to train on: the corpus has no train or no dev sentence")
    logging.disable_progress_bar()  # a bar for each checkpoint that is written; that of the training stays
    batches = make_batches(corpus.train, tokenizer, model.labels)
    trainer = TaggerTrainer(
        copy.deepcopy(model),
        _arguments(Path(out), epochs, learning_rate, seed, len(batches)),
        train_dataset=batches,
        eval_dataset=batches[:1],
        tokenizer=tokenizer,
        sentences=corpus.dev,
        callbacks=[EarlyStoppingCallback(early_stopping_patience=2)],
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(out)) if Path(out).is_dir() else None)
    return trainer.model.eval()


def _arguments(out: Path, epochs: int, learning_rate: float, seed: int, steps: int) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out),
        num_train_epochs=epochs,
        per_device_train_batch_size=1,
        learning_rate=learning_rate,
        warmup_steps=epochs * steps // 10,
        lr_scheduler_type="linear",
        weight_decay=0.01,
        bf16=torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported(),
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="f1",
        logging_strategy="epoch",
        seed=seed,
        report_to=[],
        remove_unused_columns=False,
    )
