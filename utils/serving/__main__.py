"""`python -m utils.serving`: serve a tagger on this machine. `make serve MODEL=... PORT=...` runs it."""

import argparse
import os
import sys
from dataclasses import replace

from utils.files import CheckpointError
from utils.serving.server import TaggerServer, application
from utils.serving.service import Settings


def command_line() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser("python -m utils.serving", description="Highlight entities while one types.")
    parser.add_argument("--model", default="", help="model directory, ONNX file or hub id; default: the embedded, INT8")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; default: this machine only")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--threads", type=int, default=default.threads, help="sentences computed at once")
    parser.add_argument("--sockets", type=int, default=default.sockets, help="WebSockets open at once")
    parser.add_argument(
        "--sockets-per-client", type=int, default=default.sockets_per_client, help="of one network address"
    )
    parser.add_argument("--queue", type=int, default=default.queue, help="requests that may wait at once")
    parser.add_argument("--rate", type=float, default=default.rate, help="REST requests a second of one client")
    parser.add_argument("--allow-host", action="append", default=[], help="another name that this server has")
    parser.add_argument("--allow-origin", action="append", default=[], help="another site whose pages may ask")
    return parser


def settings(arguments: argparse.Namespace) -> Settings:
    default = Settings()
    return replace(
        default,
        threads=arguments.threads,
        sockets=arguments.sockets,
        sockets_per_client=arguments.sockets_per_client,
        queue=arguments.queue,
        rate=arguments.rate,
        hosts=(*default.hosts, arguments.host, *arguments.allow_host),
        origins=tuple(arguments.allow_origin),
    )


def main() -> int:
    arguments = command_line().parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch reads it when it is loaded; `--threads` are the workers
    try:
        app = application(arguments.model, settings(arguments))
    except CheckpointError as error:
        print(error, file=sys.stderr)
        return 1
    TaggerServer(app, arguments.host, arguments.port).run()
    return 1 if app.state.service.problem else 0


if __name__ == "__main__":
    sys.exit(main())
