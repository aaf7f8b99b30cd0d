"""One process that serves one application, and answers what it has accepted before it stops.

The usual way is one process with a thread for each core: a second process would load the model again.
Under gunicorn, the article's choice, the same application runs as

    SERVING_MODEL=path/of/model gunicorn -k uvicorn_worker.UvicornWorker -w 2 'utils.serving.__main__:application()'

There every process has a cache, a queue and metrics of its own, and a restart closes WebSockets (1012)
without waiting for their last answer; the page connects again and repeats its text.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_address

import uvicorn
from fastapi import FastAPI

from utils.serving.app import create_app
from utils.serving.messages import MESSAGE
from utils.serving.models import open_model
from utils.serving.service import Service
from utils.serving.settings import Settings

STARTS_WITH = "Entities are highlighted at "

SECONDS_TO_START = 300
"""After which `running_server` gives up. The embedded model is exported at the first start."""

SECONDS_TO_STOP = 10
"""That open connections get when a server stops."""


def application(source: str = "", settings: Settings | None = None) -> FastAPI:
    """The application around a model that `utils.serving.models.open_model` knows.

    Raises:
        CheckpointError: the model's file cannot be read.
    """
    settings = settings or Settings()
    name, load = open_model(source, settings.sentence_threads, settings.threads)
    return create_app(load, name, settings)


class TaggerServer(uvicorn.Server):
    """Says its address when its model is loaded, stops where that fails, and drains before it closes."""

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
            self.application.state.loading.add_done_callback(self._open)

    def _open(self, loading: asyncio.Task) -> None:
        if self.service.problem:
            self.should_exit = True
        elif not self.should_exit:
            address, port = self.servers[0].sockets[0].getsockname()[:2]
            print(f"{STARTS_WITH}{url_of(self.config.host, address, port)}", flush=True)

    async def shutdown(self, sockets=None) -> None:
        await self.service.drain()
        await super().shutdown(sockets)


def in_url(host: str) -> str:
    """A host name or an address as it stands in a URL: one of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def url_of(host: str, address: str, port: int) -> str:
    """Where a browser on this machine finds a server.

    Args:
        host: what the server was told to listen at.
        address: what it is bound to. 0.0.0.0 and :: stand for all addresses and are none that one could open.
    """
    bound = ip_address(address.partition("%")[0])
    if bound.is_unspecified:
        host = "127.0.0.1" if bound.version == 4 else "::1"
    return f"http://{in_url(host)}:{port}"


@contextmanager
def running_server(*options: str) -> Iterator[str]:
    """`python -m utils.serving` on a free port of this machine, as long as the block lasts.

    Args:
        options: more of its command line, such as `"--model", "path"`.

    Yields:
        The address, such as `http://127.0.0.1:40123`, once the model is loaded.

    Raises:
        RuntimeError: the server ended before it was ready (what is wrong stands on its stderr), or was not ready
            after `SECONDS_TO_START`.
    """
    command = [sys.executable, "-m", "utils.serving", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _address_of(process)
        finally:
            _end(process)


def _address_of(process: subprocess.Popen) -> str:
    with ThreadPoolExecutor(1, "reader") as reader:
        line = reader.submit(process.stdout.readline)
        try:
            said = line.result(SECONDS_TO_START)
        except TimeoutError:
            process.kill()  # which ends the reader, too
            raise RuntimeError(f"the server was not ready after {SECONDS_TO_START:g} seconds") from None
    if not said.startswith(STARTS_WITH):
        raise RuntimeError(f"the server ended with code {process.wait()}")
    return said.removeprefix(STARTS_WITH).strip()


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(3 * SECONDS_TO_STOP)  # it drains first
    except subprocess.TimeoutExpired:
        process.kill()
