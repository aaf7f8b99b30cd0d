"""Annotated sentences as JSON objects or rows of a data set, in the shapes that tools and corpora write.

A shape is a pydantic model. It knows which records are meant for it, and gives their entities as `Mark`s.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, NamedTuple

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
)

from utils.text.entities import CorpusError, Sentence, Span, annotate
from utils.text.formats.lines import quoted
from utils.text.tags import sentence_of_tokens, tag_checker


class Record(NamedTuple):
    """A value, where it was read (a file and its line, or the number of a row), and how it stands there."""

    place: str
    value: object
    source: str


class Mark(NamedTuple):
    """An entity as its record has it; `text` is None where the record does not repeat it."""

    start: int
    end: int
    type: str
    text: str | None = None


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"half of a surrogate pair, {ascii(text[error.start])}, is no character") from None
    return text


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return _unicode(text)


Text = Annotated[StrictStr, AfterValidator(_unicode)]
Type = Annotated[StrictStr, AfterValidator(_not_empty)]


class Shape(BaseModel):
    """One way to write an annotated sentence: the name of its format, and an example for error messages."""

    format: ClassVar[str]
    example: ClassVar[str]

    @classmethod
    def fits(cls, record: dict) -> bool:
        """Whether the record is meant to be of this shape, however malformed it is."""
        raise NotImplementedError

    def marks(self) -> list[Mark]:
        """The entities, where they are written by their offsets."""
        return []


def _entities_have(key: str, record: dict) -> bool:
    """Whether `entities` is an empty list, or one in which the key is seen."""
    entities = record.get("entities")
    return isinstance(entities, list) and (not entities or any(isinstance(e, dict) and key in e for e in entities))


class _Offsets(BaseModel):
    start: StrictInt
    end: StrictInt
    type: Type
    text: Text | None = None

    def mark(self) -> Mark:
        return Mark(self.start, self.end, self.type, self.text)


class Ours(Shape):
    """`end` is exclusive; an entity may repeat its `text`."""

    format = "jsonl"
    example = '{"text": "陈默说", "entities": [{"start": 0, "end": 2, "type": "PER"}]}'
    text: Text
    entities: list[_Offsets]

    @classmethod
    def fits(cls, record: dict) -> bool:
        others = any(_entities_have(key, record) for key in ("start_idx", "start_offset"))
        return "entities" in record and (record["entities"] == [] or not others)

    def marks(self) -> list[Mark]:
        return [entity.mark() for entity in self.entities]


class Cluener(Shape):
    """The second offset is that of the last character."""

    format = "cluener"
    example = '{"text": "陈默说", "label": {"name": {"陈默": [[0, 1]]}}}'
    text: Text
    label: dict[Type, dict[Text, list[tuple[StrictInt, StrictInt]]]]

    @classmethod
    def fits(cls, record: dict) -> bool:
        return isinstance(record.get("label"), dict)

    def marks(self) -> list[Mark]:
        return [
            Mark(start, last + 1, kind, name)
            for kind, names in self.label.items()
            for name, places in names.items()
            for start, last in places
        ]


class Doccano(Shape):
    """The second offset is exclusive; older versions write `labels`."""

    format = "doccano"
    example = '{"text": "陈默说", "label": [[0, 2, "PER"]]}'
    text: Text
    label: list[tuple[StrictInt, StrictInt, Type]] = Field(validation_alias=AliasChoices("label", "labels"))

    @classmethod
    def fits(cls, record: dict) -> bool:
        return not AdaSeqTags.fits(record) and any(isinstance(record.get(key), list) for key in ("label", "labels"))

    def marks(self) -> list[Mark]:
        return [Mark(*label) for label in self.label]


class _DoccanoEntity(BaseModel):
    start_offset: StrictInt
    end_offset: StrictInt
    label: Type


class DoccanoRelations(Shape):
    """What doccano writes where relations are annotated, too; `end_offset` is exclusive."""

    format = "doccano"
    example = '{"text": "陈默说", "entities": [{"start_offset": 0, "end_offset": 2, "label": "PER"}]}'
    text: Text
    entities: list[_DoccanoEntity]

    @classmethod
    def fits(cls, record: dict) -> bool:
        return _entities_have("start_offset", record)

    def marks(self) -> list[Mark]:
        return [Mark(e.start_offset, e.end_offset, e.label) for e in self.entities]


class AdaSeqSpans(Shape):
    """`end` is exclusive."""

    format = "adaseq"
    example = '{"text": "陈默说", "spans": [{"start": 0, "end": 2, "type": "PER"}]}'
    text: Text
    spans: list[_Offsets]

    @classmethod
    def fits(cls, record: dict) -> bool:
        return "spans" in record

    def marks(self) -> list[Mark]:
        return [span.mark() for span in self.spans]


class AdaSeqTags(Shape):
    """One tag a token; a text that is one string has its characters for tokens."""

    format = "adaseq"
    example = '{"text": ["陈", "默", "说"], "labels": ["B-PER", "I-PER", "O"]}'
    text: Annotated[list[Text], BeforeValidator(lambda text: list(text) if isinstance(text, str) else text)]
    labels: list[Text]

    @classmethod
    def fits(cls, record: dict) -> bool:
        labels = record.get("labels")
        return isinstance(labels, list) and any(isinstance(label, str) for label in labels)


class _CmeeeEntity(BaseModel):
    start_idx: StrictInt
    end_idx: StrictInt
    type: Type
    entity: Text


class Cmeee(Shape):
    """`end_idx` is that of the last character in CMeEE's first version, and exclusive in its second."""

    format = "cmeee"
    example = '{"text": "陈默说", "entities": [{"start_idx": 0, "end_idx": 1, "type": "per", "entity": "陈默"}]}'
    text: Text
    entities: list[_CmeeeEntity]

    @classmethod
    def fits(cls, record: dict) -> bool:
        return _entities_have("start_idx", record)

    def marks(self) -> list[Mark]:
        return [Mark(e.start_idx, e.end_idx, e.type, e.entity) for e in self.entities]


SHAPES: tuple[type[Shape], ...] = (Ours, Cluener, Doccano, DoccanoRelations, AdaSeqSpans, AdaSeqTags, Cmeee)
RECORD_FORMATS = tuple(dict.fromkeys(shape.format for shape in SHAPES))


def format_of_records(records: Sequence[Record]) -> str:
    """The one of `RECORD_FORMATS` that all records have; a record without entities may fit several.

    Raises:
        CorpusError: a record has none, or another than those before it.
    """
    common = list(RECORD_FORMATS)
    for place, value, source in records:
        fitting = [shape.format for shape in SHAPES if isinstance(value, dict) and shape.fits(value)]
        if not fitting:
            known = "; ".join(f"{shape.format} {shape.example}" for shape in SHAPES)
            raise CorpusError(f"{place}: no annotated sentence in {quoted(source)}; known are {known}")
        if not set(common) & set(fitting):
            raise CorpusError(f"{place}: {quoted(source)} looks like {fitting[0]}, the lines before like {common[0]}")
        common = [name for name in common if name in fitting]
    return common[0]


def sentences_of_records(records: Sequence[Record], name: str) -> list[Sentence]:
    """The sentences of records that are all of one of `RECORD_FORMATS`.

    Raises:
        CorpusError: a field is absent or of another type, a span leaves the text, overlaps another or contradicts
            the text that is given for it, or a text is no Unicode.
    """
    shapes = [_shape(record, name) for record in records]
    last = name == "cmeee" and any(_ends_with_last(shape, mark) for shape in shapes for mark in shape.marks())
    check = tag_checker()
    sentences = []
    for (place, _, source), shape in zip(records, shapes, strict=True):
        try:
            sentences.append(_sentence(shape, int(last), check))
        except ValueError as error:
            raise CorpusError(f"{place}: {error}, in {quoted(source)}") from None
    return sentences


def _shape(record: Record, name: str) -> Shape:
    place, value, source = record
    shapes = [shape for shape in SHAPES if shape.format == name]
    shape = next((shape for shape in shapes if isinstance(value, dict) and shape.fits(value)), shapes[0])
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "record"
        wrong = f"{where}: {first['msg'].removeprefix('Value error, ')}, got {quoted(first['input'])}"
        raise CorpusError(f"{place}: {wrong}, in {quoted(source)}; expected {shape.example}") from None


def _ends_with_last(shape: Shape, mark: Mark) -> bool:
    return 0 <= mark.start <= mark.end < len(shape.text) and shape.text[mark.start : mark.end + 1] == mark.text


def _sentence(shape: Shape, more: int, check: Callable[[str], None]) -> Sentence:
    """`more` is added to all ends."""
    if isinstance(shape, AdaSeqTags):
        for tag in shape.labels:
            check(tag)
        return sentence_of_tokens(shape.text, shape.labels)
    marks = [mark._replace(end=mark.end + more) for mark in shape.marks()]
    sentence = annotate(shape.text, [Span(*mark[:3]) for mark in marks])
    for start, end, _, text in marks:
        if text not in (None, held := shape.text[start:end]):
            raise ValueError(f"the text holds {held!r} from {start} to {end} (exclusive), and not {text!r}")
    return sentence
