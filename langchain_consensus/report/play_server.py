"""The play page's server, for this machine alone: HTTP requests go in, the page, events and solved games come out.

Four walls keep others out. It listens on the loopback address; a request must name that address as its host, so that no
foreign name can be bound to it; it must carry the key that only the printed address holds, in a header that other sites
cannot set; and where a browser says which site a request comes from, it must be this one.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from langchain_consensus.errors import ConsensusError
from langchain_consensus.report.assets import asset
from langchain_consensus.report.render import policy, render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_consensus.report.play_session import Event, PlaySession

__all__ = ["PlayServer"]

_LOOPBACK = "127.0.0.1"
_LONGEST_BODY = 200_000
_PATIENCE = 30
"""Seconds that a client may take to send its request."""


class PlayServer(ThreadingHTTPServer):
    """Serves one session until `shutdown`."""

    daemon_threads = True

    def __init__(self, session: PlaySession, *, port: int, model: str, draws: int) -> None:
        """Listens on the loopback address; `port` 0 takes a free one.

        Raises:
            OSError: If the port is taken.
        """
        super().__init__((_LOOPBACK, port), _Handler)
        self.session = session
        self.key = secrets.token_urlsafe(24)
        style = asset("page.css") + asset("play.css")
        script = asset("stepper.js") + asset("play.js")
        self.policy = policy(style, script, "connect-src 'self'", "frame-ancestors 'none'")
        self.page = render(
            "play.html.jinja", style=style, script=script, key=self.key, model=model, draws=draws
        ).encode()

    @property
    def address(self) -> str:
        """What to open in a browser; it holds the key."""
        return f"http://{_LOOPBACK}:{self.server_port}/?key={self.key}"


class _Handler(BaseHTTPRequestHandler):
    server: PlayServer
    timeout = _PATIENCE

    def do_GET(self) -> None:
        """The page, to whoever has the address with its key."""
        if not self._is_from_here():
            return
        address = urlsplit(self.path)
        if address.path != "/":
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing here.")
        elif not self._is_key("".join(parse_qs(address.query).get("key", []))):
            self._refuse(HTTPStatus.FORBIDDEN, "Open the address as the program printed it, with its key.")
        else:
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)

    def do_POST(self) -> None:
        """`/ask`: a stream of events; `/solve`: a game solved again."""
        if not self._is_from_here():
            return
        if not self._is_key(self.headers.get("X-Play-Key", "")):
            self._refuse(HTTPStatus.FORBIDDEN, "The key is missing or wrong.")
            return
        body = self._body()
        if body is None:
            return
        try:
            if self.path == "/ask":
                self._stream(self.server.session.ask(body))
            elif self.path == "/solve":
                self._send_json(HTTPStatus.OK, self.server.session.solve(body))
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "There is nothing here.")
        except ConsensusError as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002 - the name of the base class
        """Says nothing: a line for every request would bury what the program says."""

    def _is_from_here(self) -> bool:
        hosts = {f"{name}:{self.server.server_port}" for name in (_LOOPBACK, "localhost")}
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site")
        if self.headers.get("Host") not in hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "This server answers to its own address alone.")
        elif origin not in {None, *(f"http://{host}" for host in hosts)} or site not in {None, "same-origin", "none"}:
            self._refuse(HTTPStatus.FORBIDDEN, "This server answers to its own page alone.")
        else:
            return True
        return False

    def _is_key(self, key: str) -> bool:
        return secrets.compare_digest(key.encode("utf-8", "replace"), self.server.key.encode())

    def _body(self) -> dict[str, Any] | None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 9 and int(length) <= _LONGEST_BODY):
            rule = f"Send at most {_LONGEST_BODY:,} bytes, with their length."
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, rule)
            return None
        if self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
            return None
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            self._refuse(HTTPStatus.BAD_REQUEST, "Send one JSON object.")
            return None
        return body

    def _stream(self, events: Iterator[Event]) -> None:
        """Server-sent events, each as it happens. The question is answered to its end even if nobody listens."""
        self._head(HTTPStatus.OK, "text/event-stream; charset=utf-8")
        listening = True
        for event in events:
            if listening:
                text = f"event: {event.name}\ndata: {json.dumps(event.data)}\n\n"
                try:
                    self.wfile.write(text.encode())
                    self.wfile.flush()
                except OSError:
                    listening = False

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._send_json(status, {"message": message})

    def _send_json(self, status: HTTPStatus, data: dict[str, Any]) -> None:
        self._send(status, "application/json; charset=utf-8", json.dumps(data).encode())

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self._head(status, kind, length=len(content))
        with contextlib.suppress(OSError):  # the browser has gone away
            self.wfile.write(content)

    def _head(self, status: HTTPStatus, kind: str, *, length: int | None = None) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Security-Policy": self.server.policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Connection": "close",
            **({} if length is None else {"Content-Length": str(length)}),
        }
        for name, value in headers.items():
            self.send_header(name, value)
        with contextlib.suppress(OSError):
            self.end_headers()
