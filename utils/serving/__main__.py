"""`python -m utils.serving`: serve a tagger on this machine. `make serve MODEL=... PORT=...` runs it.

gunicorn passes no arguments on to the application that it serves. So each option but `--host` and `--port` is
also a variable of the environment: `--rate 20` is `SERVING_RATE=20`, and lists are separated by commas,
`SERVING_ALLOW_HOST=ner.example.org,10.0.0.5`. What stands on the command line counts more.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from fastapi import FastAPI

from utils.files import CheckpointError
from utils.serving import server
from utils.serving.settings import Settings

PREFIX = "SERVING_"
LIMITS = ("threads", "sentence_threads", "queue", "deadline", "cache", "sockets", "sockets_per_client", "rate")
LISTS = ("allow_host", "allow_origin")

BOOT_FAILED = 3
"""The exit status at which gunicorn gives up; after any other it would start the same worker again and again."""


def command_line() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser(
        "python -m utils.serving", description="Highlight entities while one types.", epilog=__doc__.split("\n\n")[1]
    )
    add = parser.add_argument
    add("--model", default="", help="model directory, ONNX file or hub id; default: the embedded, INT8")
    add("--host", default="127.0.0.1", help="address to listen at; default: this machine only; 0.0.0.0: everywhere")
    add("--port", type=_port, default=8000, help="0 takes a free one")
    add("--threads", type=int, default=default.threads, help="sentences computed at once")
    add("--sentence-threads", type=int, default=default.sentence_threads, help="that compute one sentence")
    add("--queue", type=int, default=default.queue, help="requests that may wait at once")
    add("--deadline", type=float, default=default.deadline, help="seconds after which a request is given up")
    add("--cache", type=int, default=default.cache, help="characters that are remembered; 0: none")
    add("--sockets", type=int, default=default.sockets, help="WebSockets open at once")
    add("--sockets-per-client", type=int, default=default.sockets_per_client, help="of one network address")
    add("--rate", type=float, default=default.rate, help="REST requests a second of one client")
    add("--allow-host", action="append", default=[], help="another name that this server has; * for any")
    add("--allow-origin", action="append", default=[], help="another site whose pages may ask")
    return parser


def _port(word: str) -> int:
    if not 0 <= (port := int(word)) < 2**16:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def settings(arguments: argparse.Namespace) -> Settings:
    default = Settings()
    return replace(
        default,
        **{name: getattr(arguments, name) for name in LIMITS},
        hosts=(*default.hosts, server.in_url(arguments.host), *arguments.allow_host),
        origins=tuple(arguments.allow_origin),
    )


def words_of(environment: Mapping[str, str]) -> Iterator[str]:
    """`SERVING_...` as words of the command line; an empty value counts as none.

    Raises:
        ValueError: a name that is no option's: what is misspelt would be lost without a word.
    """
    known = {PREFIX + name.upper(): name for name in ("model", *LIMITS, *LISTS)}
    for variable, value in environment.items():
        if variable.startswith(PREFIX) and value:
            if variable not in known:
                raise ValueError(f"{variable} in the environment is no setting; those are {', '.join(known)}")
            name = known[variable]
            parts = value.split(",") if name in LISTS else [value]
            yield from (f"--{name.replace('_', '-')}={part.strip()}" for part in parts)


def configured(words: Sequence[str]) -> tuple[argparse.Namespace, FastAPI]:
    """The command line, the environment's share included, and the application that it describes.

    Raises:
        SystemExit: one of the two cannot be meant, or the model cannot be read; why stands on stderr.
    """
    parser = command_line()
    try:
        arguments = parser.parse_args([*words_of(os.environ), *words])
        os.environ.setdefault("OMP_NUM_THREADS", str(arguments.sentence_threads))  # torch reads it when it is loaded
        return arguments, server.application(arguments.model, settings(arguments))
    except CheckpointError as error:
        parser.exit(1, f"{error}\n")
    except ValueError as error:
        parser.error(str(error))


def application() -> FastAPI:
    """What gunicorn serves: `gunicorn ... 'utils.serving.__main__:application()'`."""
    try:
        return configured([])[1]
    except SystemExit:
        sys.exit(BOOT_FAILED)


def main(words: Sequence[str]) -> int:
    arguments, app = configured(words)
    with suppress(KeyboardInterrupt):  # Ctrl-C has stopped it in good order
        server.TaggerServer(app, arguments.host, arguments.port).run()
    return 1 if app.state.service.problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
