"""Requests and responses byte by byte: an HTTP library would repair what the lab has to send."""

import json
import socket
import ssl
from dataclasses import dataclass

PATIENCE = 40.0
"""Seconds for one answer: longer than the slowest proxy waits for an auth server (Traefik, 30 s)."""


@dataclass
class Response:
    status: int
    fields: list[tuple[str, str]]
    body: bytes

    def field(self, name: str) -> str | None:
        """The value of the field, if it is there once."""
        values = [value for its, value in self.fields if its.lower() == name.lower()]
        return values[0] if len(values) == 1 else None

    def detail(self) -> str | None:
        """The `detail` of a documented JSON body."""
        try:
            return json.loads(self.body).get("detail")
        except (ValueError, AttributeError):
            return None


class Client:
    """A connection to the proxy."""

    def __init__(self, port: int, tls: bool = False):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if tls:
            context = ssl.create_default_context()
            # The lab signs its own certificate.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket, server_hostname="api.example")
        self.buffer = b""

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def _more(self) -> bool:
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def _until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            if not self._more():
                raise ConnectionError(f"the connection ended after {self.buffer[:80]!r}")
        before, self.buffer = self.buffer.split(end, 1)
        return before

    def _exactly(self, length: int) -> bytes:
        while len(self.buffer) < length:
            if not self._more():
                raise ConnectionError("the connection ended inside a body")
        data, self.buffer = self.buffer[:length], self.buffer[length:]
        return data

    def read(self, method: str = "GET") -> Response:
        """The next answer; interim ones (1xx) are ignored."""
        while True:
            head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            status = int(head[0].split(" ")[1])
            if status >= 200:
                break
        fields = [(name, value.strip()) for name, value in (line.split(":", 1) for line in head[1:])]
        response = Response(status, fields, b"")
        if method == "HEAD" or status in (204, 304):
            return response
        if (response.field("Transfer-Encoding") or "").lower() == "chunked":
            while length := int(self._until(b"\r\n").split(b";")[0], 16):
                response.body += self._exactly(length)
                self._exactly(2)
            while self._until(b"\r\n"):
                pass
        elif (length := response.field("Content-Length")) is not None:
            response.body = self._exactly(int(length))
        else:
            while self._more():
                pass
            response.body, self.buffer = self.buffer, b""
        return response


def request(
    target: str, *lines: str, method: str = "GET", host: str = "api.example", body: bytes = b"", chunked: bool = False
) -> bytes:
    """A request with these field lines, as they stand."""
    head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *lines]
    if chunked:
        head.append("Transfer-Encoding: chunked")
        pieces = [body[at : at + 5000] for at in range(0, len(body), 5000)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    elif body:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body
