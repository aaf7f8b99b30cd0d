"""Notebook 00 asks: what does a fifth of the heads weigh, how large is an INT8 file, how small is mini-RaNER?"""

from utils.course.exercises.published import published_parameters, published_parts
from utils.course.teaching import Checker, number
from utils.model.anatomy import parameters_by_part
from utils.model.raner import RanerModel


def pruned_share() -> Checker:
    """Percent of all parameters that go with 20 % of the heads, at the published size."""
    attention = 100 * published_parts()["attention"] / published_parameters()
    millions = published_parts()["attention"] / 1e6
    return number(
        0.2 * attention,
        {
            20: "20 % of the heads is not 20 % of the model: heads are only one of its parts",
            18: "that is the article's number; what does the bar above say all heads together hold?",
            attention: "that is what *all* heads hold; 20 % of them go",
            0.002 * attention: "right size, but asked for in percent",
            0.2 * millions: "so many *millions of parameters* go; what percent of all of them is that?",
        },
        tolerance=0.008,
    )


def published_megabytes() -> tuple[float, float]:
    """Float32 MB of the published model's embeddings, and of all of it."""
    return 4 * published_parts()["embeddings"] / 1e6, 4 * published_parameters() / 1e6


def published_int8_megabytes() -> float:
    """MB of the published model with one byte for each parameter but those of the embeddings, which keep four."""
    embeddings, everything = published_megabytes()
    return embeddings + (everything - embeddings) / 4


def int8_megabytes() -> Checker:
    """The answer is `published_int8_megabytes`."""
    embeddings, everything = published_megabytes()
    return number(
        published_int8_megabytes(),
        {
            everything / 4: "that shrinks the embeddings too; `{nn.Linear}` leaves them at four bytes",
            everything: "that is the model before: linear layers now take one byte a parameter",
            (everything - embeddings) / 4: "these are the linear layers alone; the embeddings are still in the file",
            110: "that is the article's number; add up the two parts",
            1e6 * published_int8_megabytes(): "that is in bytes; asked for are MB",
            published_int8_megabytes() / 1.048576: "a MB has 10^6 bytes here, as in the article",
        },
        tolerance=0.01,
    )


def relative_size(model: RanerModel) -> Checker:
    """Parameters of a model in percent of the published RaNER's."""
    share = 100 * sum(parameters_by_part(model).values()) / published_parameters()
    return number(
        share,
        {
            share / 100: "right size, but asked for in percent",
            share * 1e6: "mind the units: one side counts single parameters, the other millions",
            share * 1e4: "mind the units: one side counts single parameters, the other millions; and percent",
            25: "half of the width is a quarter of each matrix, but not of the embeddings, whose rows differ: count",
            50: "half of the width makes a matrix four times as small",
            100 * 100 / share: "the other way round: mini in percent of the published one",
        },
    )
