"""The web application: REST, WebSocket, health, metrics and the page, around one `Service`.

Refusals: 400 for a host that is not ours or a body that is no text, 403 for a page of another site, 404 and 405
for what is not there, 413 for a body that is too large, 415 for one that is not said to be JSON, 422 for a question
that does not follow the schema, 429 for too many requests, 500 for an error of the service, 503 where it cannot take
the question now; 429 and 503 say `Retry-After`. All have the body of `utils.serving.messages.Refused`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import HTTPConnection

from utils.serving.conversation import Conversation
from utils.serving.limits import RateLimit, address_of, check_content_type, check_origin
from utils.serving.messages import BODY, Answered, Question, Refused, result, signature
from utils.serving.refusals import HungUp, NotReady
from utils.serving.refusing import HeadAsGet, OwnHosts, Refusing, refuse_http, refuse_invalid
from utils.serving.security import SecureHeaders
from utils.serving.service import Service
from utils.serving.settings import Settings
from utils.tagger.tagger import Tagger

STATIC = Path(__file__).resolve().parent / "static"
REFUSALS = {status: {"model": Refused} for status in (400, 403, 413, 415, 422, 429, 500, 503)}
T = TypeVar("T")


def create_app(load: Callable[[], Tagger], model: str, settings: Settings | None = None) -> FastAPI:
    """The application; its `Service` is `app.state.service`.

    Args:
        load: makes the tagger; called once, in a thread, when the application starts.
        model: the name that answers carry and that cached sentences belong to.
    """
    app = FastAPI(
        title="Entities in Chinese text",
        lifespan=_lifespan,
        docs_url=None,  # these pages load their scripts from another host
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    service = Service(load, model, settings)
    app.state.service, app.state.limit = service, RateLimit(service.settings.rate)
    _add_middleware(app)
    _add_routes(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI):
    service = app.state.service
    app.state.loading = asyncio.create_task(service.start())
    yield
    await app.state.loading
    await service.drain()


def _add_middleware(app: FastAPI) -> None:
    """From the inside out."""
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=BODY)  # FastAPI's own would be outside of the others
    app.add_middleware(HeadAsGet)
    app.add_middleware(OwnHosts, hosts=app.state.service.settings.hosts)
    app.add_middleware(Refusing)
    app.add_middleware(SecureHeaders)
    app.add_exception_handler(HTTPException, refuse_http)
    app.add_exception_handler(RequestValidationError, refuse_invalid)


def _add_routes(app: FastAPI) -> None:
    guarded = APIRouter(route_class=Guarded)
    guarded.post("/v1/entities", response_model=Answered, responses=REFUSALS)(find_entities)
    app.include_router(guarded)
    app.get("/healthz")(healthz)
    app.get("/readyz", responses={503: {"model": Refused}})(readyz)
    app.get("/metrics", response_class=Response, include_in_schema=False)(metrics)
    app.get("/", response_class=FileResponse, include_in_schema=False)(page)
    app.websocket("/ws")(socket)
    app.mount("/static", StaticFiles(directory=STATIC))


class Guarded(APIRoute):
    """A route that refuses before it reads a body, so that a request which cannot be read is charged as well."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            check_origin(request, service_of(request).settings.origins)
            request.app.state.limit.spend(address_of(request))
            check_content_type(request)
            return await handle(request)

        return guarded


def service_of(connection: HTTPConnection) -> Service:
    return connection.app.state.service


Served = Annotated[Service, Depends(service_of)]


# --- REST --------------------------------------------------------------------------------------


async def find_entities(question: Question, request: Request, service: Served) -> dict:
    """Entities of one text or of several."""
    started = perf_counter()
    texts = [question.text] if isinstance(question.text, str) else question.text
    answers = await _unless_gone(request, service.analyse(texts, "rest"))
    return {**signature(service.model, started), "results": [result(answer) for answer in answers]}


async def _unless_gone(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when the client hangs up."""
    answer, gone = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise HungUp("the client hung up")
        return answer.result()
    finally:
        answer.cancel()
        gone.cancel()


async def healthz() -> dict:
    """The process lives; it says nothing about the model."""
    return {"status": "ok"}


async def readyz(service: Served) -> dict:
    """The model is loaded and warm, all workers are alive, and the service is not about to stop."""
    if not service.ready:
        raise NotReady(service.not_ready, retry_after=1)
    return {"status": "ready", "model": service.model}


async def metrics(service: Served) -> Response:
    return Response(service.metrics.page(), media_type="text/plain; version=0.0.4")


async def page() -> FileResponse:
    return FileResponse(STATIC / "index.html")


# --- WebSocket ---------------------------------------------------------------------------------


async def socket(websocket: WebSocket) -> None:
    """See `utils.serving.conversation`."""
    check_origin(websocket, service_of(websocket).settings.origins)
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        await Conversation(websocket, service_of(websocket)).run()
