"""What the notebooks of the course share: nine rooms, one above the other (`utils/README.md` is the map).

Four names can be had from here without knowing the rooms. Each is imported when it is first used, so
`import utils` itself loads neither torch nor transformers.

>>> import utils
>>> tagger = utils.load_tagger()
>>> [(entity.text, entity.type) for entity in tagger.predict(["李华昨天从上海飞往东京。"])[0]]
[('李华', 'PER'), ('上海', 'LOC'), ('东京', 'LOC')]
>>> evaluation = utils.evaluate(tagger, utils.load_corpus().test[:20])
>>> evaluation.f1_low <= evaluation.scores.f1 <= evaluation.f1_high  # points, with their 95 % interval
True
"""

import importlib

__all__ = ["Tagger", "evaluate", "load_corpus", "load_tagger"]

_MODULES = {
    "Tagger": "utils.tagger.tagger",
    "evaluate": "utils.measure.evaluation",
    "load_corpus": "utils.text.corpus",
    "load_tagger": "utils.model.torch_tagger",
}


def __getattr__(name: str) -> object:
    """A re-exported name, from its own module (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
