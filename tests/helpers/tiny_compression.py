"""A compression of a tiny model in seconds: ten types in BIO, no CRF, sentences that it is right about, a clock."""

import json
import random

import numpy as np
import torch
from hugging_face import WORDS, save, tagger
from torch.utils.flop_counter import FlopCounterMode

from utils.measure.latency import summarise
from utils.measure.memory import Memory
from utils.measure.run import open_run
from utils.model.checkpoint import load_raner
from utils.model.torch_tagger import load_tagger
from utils.studies import latency_table
from utils.studies.compression import search, trial
from utils.studies.compression.plan import Recipe
from utils.studies.compression.work import Work
from utils.text.corpus import load_corpus

TYPES = ("address", "book", "company", "game", "government", "movie", "name", "organization", "position", "scene")
LABELS = ("O", *(f"{prefix}-{kind}" for kind in TYPES for prefix in "BI"))
COUNTS = {"train": 100, "dev": 30, "test": 30}
CHARACTERS = [word for word in WORDS if len(word) == 1 and "\u4e00" <= word <= "\u9fff"]

RECIPE = Recipe(
    train=48, dev=16, texts=8, steps=(2, 2), scored=16, mended=16, searched=12, kept=(0.25, 1.0), shares=(0.0, 1.0),
    table_rounds=1, rounds=3, fits=3, tries=2, engines=("torch", "torch, sentences"),
)  # fmt: skip


def save_model(path):
    """A plain `BertForTokenClassification` with ten types, as transformers writes it; it answers texts differently."""
    model = tagger(LABELS)
    for name, parameter in model.named_parameters():
        if "LayerNorm" in name or name == "classifier.bias":
            torch.nn.init.constant_(parameter, float(name.endswith("weight")))
    return save(path, model)


def texts(count, seed=0):
    draw = random.Random(seed)
    return ["".join(draw.choices(CHARACTERS, k=draw.randint(6, 14))) + "。" for _ in range(count)]


def save_corpus(path, model):
    """Three splits whose entities are what the model answers, so that it has an F1 to lose."""
    path.mkdir()
    reader = load_tagger(model)
    for number, (split, count) in enumerate(COUNTS.items()):
        written = texts(count, number)
        rows = (
            {"text": text, "entities": [entity.span._asdict() for entity in found]}
            for text, found in zip(written, reader.predict(written), strict=True)
        )
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (path / f"{split}.jsonl").write_text("".join(lines), "utf-8")
    return path


def counted(taggers, texts, rounds, batch_size=16):
    """Stands for `measure_taggers`: a ms is a million multiplications in torch, the same in each run."""
    found = {}
    for key, each in taggers.items():
        with FlopCounterMode(display=False) as counter:
            each.predict(texts, batch_size)
        found[key] = summarise(np.full(rounds.usual, 1e-3 + counter.get_total_flops() / 2e6))
    return found


def steady(patch):
    """Times by `counted`, and memory that no process is started for."""
    patch.setattr(latency_table, "measure_taggers", counted)
    patch.setattr(search, "measure_taggers", counted)
    patch.setattr(trial, "memories", lambda variants, text: [Memory(200.0, 100.0) for _ in variants])


def tiny_work(folder, home, target, recipe=RECIPE, more=()):
    """A compression that is about to begin in `folder`; its model and corpus lie in `home`, made by `save_all`."""
    model, corpus = home / "model", home / "corpus"
    run = open_run(str(folder), str(model), str(corpus), seed=3)
    return Work(run, *load_raner(model), load_corpus(corpus), tuple(more), target, recipe)


def save_all(home):
    """Model and corpus."""
    save_corpus(home / "corpus", save_model(home / "model"))
    return home
