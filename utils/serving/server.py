"""One process that serves one application, and answers what it has accepted before it stops.

The usual way is one process with a thread for each core: a second process would load the model again.
Under gunicorn, the article's choice, the same application runs as

    gunicorn -k uvicorn_worker.UvicornWorker -w 2 'utils.serving.server:application("path/of/model")'

There every process has a cache, a queue and metrics of its own, and a restart closes WebSockets (1012)
without waiting for their last answer; the page connects again and repeats its text.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

import uvicorn
from fastapi import FastAPI

from utils.serving.app import create_app
from utils.serving.messages import MESSAGE
from utils.serving.models import open_model
from utils.serving.service import Service, Settings

STARTS_WITH = "Entities are highlighted at "
SECONDS_TO_STOP = 10


def application(source: str = "", settings: Settings | None = None) -> FastAPI:
    """The application around a model that `utils.serving.models.open_model` knows.

    Raises:
        CheckpointError: the model's file cannot be read.
    """
    name, load = open_model(source)
    return create_app(load, name, settings)


class TaggerServer(uvicorn.Server):
    """Says its address when it listens; stops where the model cannot be loaded; drains before it closes."""

    def __init__(self, app: FastAPI, host: str, port: int):
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                ws_max_size=MESSAGE,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=SECONDS_TO_STOP,
            )
        )
        self.application = app

    @property
    def service(self) -> Service:
        return self.application.state.service

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            print(f"{STARTS_WITH}http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
            self.application.state.loading.add_done_callback(self._stop_if_broken)

    def _stop_if_broken(self, loading: asyncio.Task) -> None:
        self.should_exit = self.should_exit or bool(self.service.problem)

    async def shutdown(self, sockets=None) -> None:
        await self.service.drain()
        await super().shutdown(sockets)


@contextmanager
def running_server(*options: str) -> Iterator[str]:
    """`python -m utils.serving` on a free port of this machine, as long as the block lasts.

    Args:
        options: more of its command line, such as `"--model", "path"`.

    Yields:
        The address, such as `http://127.0.0.1:40123`, once the model is loaded.

    Raises:
        RuntimeError: the server ended before it was ready; what is wrong stands on its stderr.
    """
    command = [sys.executable, "-m", "utils.serving", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().removeprefix(STARTS_WITH).strip()
            while not (address and _is_ready(address)):
                if process.poll() is not None or not address:
                    raise RuntimeError(f"the server ended with code {process.wait()}")
                time.sleep(0.05)
            yield address
        finally:
            process.terminate()


def _is_ready(address: str) -> bool:
    try:
        with urlopen(f"{address}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
