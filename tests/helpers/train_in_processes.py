"""What `test_training.py` starts through torchrun: two trainings, and what every process saw of them.

    python -m torch.distributed.run ... train_in_processes.py OUT

Each process writes `rank-R.pt`: by method the inputs of each step, the weights before each step, and
the weights that came back.
"""

import os
import sys
from pathlib import Path

import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.recovery.distillation import Distillation, distil
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Schedule, TaggerTrainer
from utils.text.entities import Corpus, Span, annotate

TEXTS = random_texts(256, seed=1)
SENTENCES = [annotate(text, [Span(0, 1, "PER")]) for text in TEXTS]
CORPUS = Corpus(SENTENCES, SENTENCES[:8], SENTENCES[:8])


def flat(model) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in model.parameters()])


def main(out: Path) -> None:
    seen = []
    step = TaggerTrainer.training_step

    def recorded_step(self, model, inputs, *rest):
        seen.append((inputs["input_ids"].clone(), flat(self.model)))
        return step(self, model, inputs, *rest)

    TaggerTrainer.training_step = recorded_step
    model, tokenizer = random_raner(), tiny_tokenizer()
    report = {}
    for method in ("fine_tune", "distil"):
        schedule = Schedule(steps=6)
        if method == "fine_tune":
            tuned = fine_tune(model, tokenizer, CORPUS, out / method, schedule)
        else:
            lessons = Distillation(random_raner(1), TEXTS[:64], alpha=0.0)
            tuned = distil(model, tokenizer, CORPUS, out / method, schedule, lessons)
        report[method] = ([ids for ids, _ in seen], [weights for _, weights in seen], flat(tuned))
        seen.clear()
    torch.save(report, out / f"rank-{os.environ['RANK']}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
