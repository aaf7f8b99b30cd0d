"""The page's box inside JupyterLab: the same module, its messages answered by a tagger in the kernel.

No port is opened: the browser talks to the kernel as every widget does, so it works on a Hub too, where a
browser cannot reach the kernel's loopback address.
"""

from time import perf_counter

import anywidget
import traitlets
from pydantic import ValidationError

from utils.serving.app import STATIC
from utils.serving.incremental import Analysis, SentenceCache
from utils.serving.messages import Ask, entities_message, error_message, wrong
from utils.serving.refusals import Invalid
from utils.serving.service import Answer
from utils.tagger.tagger import Tagger


class TaggerBox(anywidget.AnyWidget):
    """A text area and the same text with its entities, tagged in this process while one types.

    Args:
        tagger: any tagger of the course.
        model: its name; sentences that are remembered belong to it.
        text: what stands in the box at first.
    """

    _esm = STATIC / "tagger.js"
    _css = STATIC / "tagger.css"
    text = traitlets.Unicode("").tag(sync=True)

    def __init__(self, tagger: Tagger, model: str = "tagger", text: str = ""):
        super().__init__(text=text)
        self.tagger, self.model_name, self.cache = tagger, model, SentenceCache()
        self.on_msg(lambda _, content, buffers: self.send(self.answer(content)))

    def __repr__(self) -> str:
        return f"TaggerBox({self.model_name!r}, {self.text!r})"

    def answer(self, message: object) -> dict:
        """What `/ws` would answer to the same message."""
        try:
            ask = Ask.model_validate(message)
        except ValidationError as error:
            return error_message(None, Invalid(wrong(error.errors(include_input=False))))
        try:
            return self._entities(ask)
        except Exception as error:
            return error_message(ask.seq, error)

    def _entities(self, ask: Ask) -> dict:
        started = perf_counter()
        analysis = Analysis(ask.text, self.model_name, self.cache)
        answer = Answer(analysis.computed(self.tagger), len(analysis.sentences), len(analysis.missing))
        return entities_message(ask, answer, self.model_name, started)
