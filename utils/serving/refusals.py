"""What the service says when it does not answer: each refusal has an HTTP status, a code and a sentence."""

import logging
from uuid import uuid4

LOG = logging.getLogger("utils.serving")


class Refusal(Exception):
    """A request that is not answered; `retry_after` in seconds where asking again may help."""

    status, code = 500, "refused"

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.message, self.retry_after = message, retry_after


class Failed(Refusal):
    """Something went wrong that nobody foresaw."""

    status, code = 500, "failed"


class NotReady(Refusal):
    """The model is not loaded yet, a worker is missing, or the service is about to stop."""

    status, code = 503, "not_ready"


class Overloaded(Refusal):
    """More is waiting than the service is willing to let wait."""

    status, code = 503, "overloaded"


class Expired(Refusal):
    """The answer did not come before the deadline."""

    status, code = 503, "expired"


class WorkerLost(Refusal):
    """The worker that computed the answer has died."""

    status, code = 503, "worker_lost"


class TooFast(Refusal):
    """More requests a second than one client may send."""

    status, code = 429, "too_fast"


class WrongOrigin(Refusal):
    """A page of another site asks in its visitor's name."""

    status, code = 403, "wrong_origin"


class WrongHost(Refusal):
    """The request is for a host that this service is not."""

    status, code = 400, "wrong_host"


class NotFound(Refusal):
    """There is nothing at this path."""

    status, code = 404, "not_found"


class WrongMethod(Refusal):
    """The path exists and takes other methods."""

    status, code = 405, "wrong_method"


class WrongContentType(Refusal):
    """A body that is not said to be JSON."""

    status, code = 415, "wrong_content_type"


class TooLarge(Refusal):
    """A body of more bytes than any question needs."""

    status, code = 413, "too_large"


class Unreadable(Refusal):
    """A body whose bytes cannot be read as JSON at all."""

    status, code = 400, "unreadable"


class Invalid(Refusal):
    """A message that is no JSON or does not follow the schema."""

    status, code = 422, "invalid"


class Superseded(Refusal):
    """The same client has sent a newer text; the older one is dropped."""

    status, code = 409, "superseded"


class HungUp(Refusal):
    """The client has gone; nobody hears this."""

    status, code = 499, "hung_up"


def new_request_id() -> str:
    return uuid4().hex


def as_refusal(error: Exception, request_id: str) -> Refusal:
    """A refusal as it is; anything else becomes `Failed`, and its traceback goes to the log under the request's id."""
    if isinstance(error, Refusal):
        return error
    LOG.error("request %s failed", request_id, exc_info=error)
    return Failed("something went wrong in the service; its log says what, under this request's id")
