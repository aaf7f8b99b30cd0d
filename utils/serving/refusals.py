"""What the service says when it does not answer: each refusal has an HTTP status, a code and a sentence."""


class Refusal(Exception):
    """A request that is not answered; `retry_after` in seconds where asking again may help."""

    status, code = 500, "refused"

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.message, self.retry_after = message, retry_after


class NotReady(Refusal):
    """The model is not loaded yet, or the service is about to stop."""

    status, code = 503, "not_ready"


class Overloaded(Refusal):
    """More is waiting than the service is willing to let wait."""

    status, code = 503, "overloaded"


class Expired(Refusal):
    """The answer did not come before the deadline."""

    status, code = 503, "expired"


class TooFast(Refusal):
    """More requests a second than one client may send."""

    status, code = 429, "too_fast"


class WrongOrigin(Refusal):
    """A page of another site asks in its visitor's name."""

    status, code = 403, "wrong_origin"


class Superseded(Refusal):
    """The same client has sent a newer text; the older one is dropped."""

    status, code = 409, "superseded"


class Invalid(Refusal):
    """A message that does not follow the schema."""

    status, code = 422, "invalid"
