"""One HTTP exchange over the gated import, to its end. JSON in, bytes out."""

import json
from dataclasses import dataclass
from typing import Any

from componentize_py_types import Err
from wit_world.imports import outgoing_handler
from wit_world.imports import wasi_http_types as http
from wit_world.imports.streams import InputStream, StreamError_Closed

from failure import failed

LONGEST_ANSWER = 8 * 1024 * 1024
LONGEST_WRITE = 4096  # of `blocking-write-and-flush`

METHODS = {
    "GET": http.Method_Get,
    "HEAD": http.Method_Head,
    "POST": http.Method_Post,
    "PUT": http.Method_Put,
    "PATCH": http.Method_Patch,
    "DELETE": http.Method_Delete,
}

# Errors that say that nothing was sent.
NOT_SENT = (
    http.ErrorCode_DnsTimeout,
    http.ErrorCode_DnsError,
    http.ErrorCode_DestinationNotFound,
    http.ErrorCode_DestinationUnavailable,
    http.ErrorCode_DestinationIpProhibited,
    http.ErrorCode_DestinationIpUnroutable,
    http.ErrorCode_ConnectionRefused,
    http.ErrorCode_ConnectionTimeout,
    http.ErrorCode_ConnectionLimitReached,
    http.ErrorCode_TlsProtocolError,
    http.ErrorCode_TlsCertificateError,
    http.ErrorCode_TlsAlertReceived,
    http.ErrorCode_HttpRequestDenied,
    http.ErrorCode_HttpRequestBodySize,
)


@dataclass
class Response:
    status: int
    body: bytes
    retry_after: int | None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def is_safe(method: str) -> bool:
    """Whether a request of this method changes nothing."""
    return method in ("GET", "HEAD")


def request(method: str, authority: str, path: str, body: Any = None) -> Response:
    """Sends a request and reads the answer."""
    headers = [("accept", b"application/json")]
    if body is not None:
        headers.append(("content-type", b"application/json"))
    outgoing = http.OutgoingRequest(http.Fields.from_list(headers))
    outgoing.set_method(METHODS[method]())
    outgoing.set_scheme(http.Scheme_Https())
    outgoing.set_authority(authority)
    outgoing.set_path_with_query(path)
    content = outgoing.body()
    try:
        answer = outgoing_handler.handle(outgoing, None)
        write(content, b"" if body is None else json.dumps(body).encode())
        return read(wait(answer))
    except Err as error:
        raise unanswered(method, error.value) from None


def write(body: http.OutgoingBody, content: bytes) -> None:
    if content:
        with body.write() as stream:
            for start in range(0, len(content), LONGEST_WRITE):
                stream.blocking_write_and_flush(content[start : start + LONGEST_WRITE])
    http.OutgoingBody.finish(body, None)


def wait(answer: http.FutureIncomingResponse) -> http.IncomingResponse:
    with answer.subscribe() as ready:
        ready.block()
    outer = answer.get()
    assert outer is not None and not isinstance(outer, Err)
    if isinstance(outer.value, Err):
        raise outer.value
    return outer.value.value


def read(response: http.IncomingResponse) -> Response:
    fields = response.headers().get("retry-after")
    seconds = fields[0].decode("latin-1").strip() if fields else ""
    retry_after = int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 10 else None
    with response.consume() as body, body.stream() as stream:
        return Response(response.status(), read_all(stream), retry_after)


def read_all(stream: InputStream) -> bytes:
    content = bytearray()
    while True:
        try:
            content += stream.blocking_read(65536)
        except Err as error:
            if isinstance(error.value, StreamError_Closed):
                return bytes(content)
            raise
        if len(content) > LONGEST_ANSWER:
            raise Err("the answer is too long")


def unanswered(method: str, reason: object) -> Exception:
    """The failure of a request that got no answer: after an unsafe one nobody knows what it did."""
    kind = "Unavailable" if is_safe(method) or isinstance(reason, NOT_SENT) else "OutcomeUnknown"
    what = reason if isinstance(reason, str) else type(reason).__name__.removeprefix("ErrorCode_")
    return failed(kind, f"no answer to {method} from the API of {{name}}: {what}")
