"""The web application: REST, WebSocket, health, metrics and the page, around one `Service`.

Refusals: 400 for a host that is not ours, 403 for a page of another site, 413 for a body that is too large,
422 for a question that does not follow the schema, 429 for too many requests, 503 where the service cannot
take it now; 429 and 503 say `Retry-After`. All have the body of `utils.serving.messages.Refused`.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Annotated, TypeVar

from fastapi import Depends, FastAPI, HTTPException, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection

from utils.serving.conversation import Conversation
from utils.serving.limits import RateLimit, address_of, check_origin
from utils.serving.messages import BODY, Answered, Question, Refused, refused, result, signature, wrong
from utils.serving.refusals import Invalid, NotReady, Refusal
from utils.serving.security import PLAIN, SameWords, SecureHeaders
from utils.serving.service import Service, Settings
from utils.tagger.tagger import Tagger

STATIC = Path(__file__).resolve().parent / "static"
REFUSALS = {
    **{status: {"model": Refused, "description": message} for status, (_, message) in PLAIN.items()},
    **{status: {"model": Refused} for status in (403, 422, 429, 503)},
}
T = TypeVar("T")


def create_app(load: Callable[[], Tagger], model: str, settings: Settings | None = None) -> FastAPI:
    """The application; its `Service` is `app.state.service`.

    Args:
        load: makes the tagger; called once, in a thread, when the application starts.
        model: the name that answers carry and that cached sentences belong to.
    """
    service = Service(load, model, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        app.state.loading = asyncio.create_task(service.start())
        yield
        await app.state.loading
        await service.drain()

    app = FastAPI(
        title="Entities in Chinese text",
        lifespan=lifespan,
        docs_url=None,  # these pages load their scripts from another host
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service, app.state.limit = service, RateLimit(service.settings.rate)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=BODY)  # FastAPI's own would be outside of the others
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=service.settings.hosts, www_redirect=False)
    app.add_middleware(SameWords)
    app.add_middleware(SecureHeaders)
    app.add_exception_handler(Refusal, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_invalid)
    _add_routes(app)
    return app


def _add_routes(app: FastAPI) -> None:
    guards = [Depends(_same_site), Depends(_not_too_fast)]
    app.post("/v1/entities", response_model=Answered, responses=REFUSALS, dependencies=guards)(find_entities)
    app.get("/healthz")(healthz)
    app.get("/readyz", responses={503: {"model": Refused}})(readyz)
    app.get("/metrics", response_class=Response, include_in_schema=False)(metrics)
    app.get("/", response_class=FileResponse, include_in_schema=False)(page)
    app.websocket("/ws")(socket)
    app.mount("/static", StaticFiles(directory=STATIC))


def service_of(connection: HTTPConnection) -> Service:
    return connection.app.state.service


Served = Annotated[Service, Depends(service_of)]


def _same_site(connection: HTTPConnection, service: Served) -> None:
    check_origin(connection, service.settings.origins)


def _not_too_fast(connection: HTTPConnection) -> None:
    connection.app.state.limit.spend(address_of(connection))


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
            raise HTTPException(499, "the client hung up")
        return answer.result()
    finally:
        answer.cancel()
        gone.cancel()


async def _refuse(connection: HTTPConnection, refusal: Refusal) -> JSONResponse:
    wait = refusal.retry_after
    headers = {} if wait is None else {"retry-after": str(max(1, math.ceil(wait)))}
    return JSONResponse(refused(refusal), refusal.status, headers)


async def _refuse_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Says what is wrong and where, and repeats nothing of the input: it may not even be valid Unicode."""
    return await _refuse(request, Invalid(wrong(error.errors())))


async def healthz() -> dict:
    """The process lives; it says nothing about the model."""
    return {"status": "ok"}


async def readyz(service: Served) -> dict:
    """The model is loaded and warm, and the service is not about to stop."""
    if not service.ready:
        raise NotReady(service.problem or "the model is not ready", retry_after=1)
    return {"status": "ready", "model": service.model}


async def metrics(service: Served) -> Response:
    return Response(service.metrics.page(), media_type="text/plain; version=0.0.4")


async def page() -> FileResponse:
    return FileResponse(STATIC / "index.html")


# --- WebSocket ---------------------------------------------------------------------------------


async def socket(websocket: WebSocket) -> None:
    """See `utils.serving.conversation`."""
    try:
        check_origin(websocket, service_of(websocket).settings.origins)
    except Refusal as refusal:
        await websocket.send_denial_response(await _refuse(websocket, refusal))
        return
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        await Conversation(websocket, service_of(websocket)).run()
