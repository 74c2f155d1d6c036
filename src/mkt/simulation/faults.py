"""What goes wrong between a partner and us, the same for each simulator.

`partner.inject(faults.slow(2), path="/token")`. A fault that gives the partner's own answer, in whatever state,
lets the partner do its work first: a token is rotated even when the reply that brings it is cut.
"""

from collections.abc import Callable, Mapping

from mkt.simulation.exchange import Exchange, Fault, Reply

_MAINTENANCE = b"<!DOCTYPE html><html><head><title>Scheduled maintenance</title></head><body>Back soon.</body></html>"


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes | str = b"") -> Fault:
    """Answer with this status."""
    content = body.encode() if isinstance(body, str) else body
    return _instead(Reply(code, content, {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}))


def html(status: int = 200) -> Fault:
    """Answer with a maintenance page."""
    return _instead(Reply(status, _MAINTENANCE, {"Content-Type": "text/html; charset=utf-8"}))


def redirect(url: str, status: int = 302) -> Fault:
    """Send the caller elsewhere."""
    return _instead(Reply(status, b"", {"Location": url}))


def slow(seconds: float) -> Fault:
    """Wait before answering."""

    def fault(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        exchange.wait(seconds)
        exchange.send(answer())

    return fault


def drip(seconds_per_byte: float) -> Fault:
    """Send the body byte by byte."""

    def fault(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        reply = answer()
        exchange.send_head(reply)
        for position in range(len(reply.body)):
            exchange.write(reply.body[position : position + 1])
            exchange.wait(seconds_per_byte)

    return fault


def reset() -> Fault:
    """Break the connection with TCP's RST in the middle of the body."""
    return _cut(reset=True)


def truncated() -> Fault:
    """Declare the whole body, send half of it and close."""
    return _cut(reset=False)


def cut_json() -> Fault:
    """Answer with half of the body in a complete HTTP message."""

    def fault(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        reply = answer()
        exchange.send(Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers))

    return fault


def echo(status: int = 400) -> Fault:
    """Answer with an error that repeats the request's credentials, as careless partners do."""

    def fault(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        del answer
        request = exchange.request
        seen = f"Authorization: {request.headers.get('authorization', '')} {request.body.decode(errors='replace')}"
        problem = {"error": "invalid_request", "error_description": f"cannot serve {seen}", "message": seen}
        exchange.send(Reply.json({**problem, "form": request.form}, status))

    return fault


def _instead(reply: Reply) -> Fault:
    def fault(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        del answer
        exchange.send(reply)

    return fault


def _cut(*, reset: bool) -> Fault:
    def fault(exchange: Exchange, answer: Callable[[], Reply]) -> None:
        reply = answer()
        exchange.send_head(reply)
        exchange.write(reply.body[: len(reply.body) // 2])
        exchange.hang_up(reset=reset)

    return fault
