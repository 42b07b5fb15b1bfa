"""The servers around a proxy in the lab: an API that records what reaches it, and a relay in front of the auth server."""

import hashlib
import json
import socket
import threading
from dataclasses import dataclass


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@dataclass
class Received:
    """A request that reached the API."""

    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """The values of all fields that a CGI application would read under this name: `-` and `_` are the same to it."""
        same = name.lower().replace("-", "_")
        return [value for its, value in self.fields if its.lower().replace("-", "_") == same]


class Api:
    """Answers everything with 200 but another letter case of its own routes, and records the requests that carry a number in
    `X-Lab`."""

    ROUTES = "/api/v1/"

    def __init__(self) -> None:
        self.received: dict[str, Received] = {}
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                while self._answer(connection, stream):
                    pass
        except (OSError, ValueError):
            return

    def _answer(self, connection: socket.socket, stream) -> bool:
        start = stream.readline().decode("latin-1").rstrip("\r\n")
        if not start:
            return False
        method, target, _ = start.split(" ", 2)
        fields = []
        while line := stream.readline().decode("latin-1").rstrip("\r\n"):
            name, value = line.split(":", 1)
            fields.append((name, value.strip()))
        received = Received(method, target, fields, b"")
        if received.values("Transfer-Encoding"):
            while length := int(stream.readline().split(b";")[0], 16):
                received.body += stream.read(length)
                stream.readline()
            stream.readline()
        elif length := received.values("Content-Length"):
            received.body = stream.read(int(length[0]))
        for number in received.values("X-Lab"):
            self.received[number] = received
        # Different content for every path, and nothing of the request in it.
        page = hashlib.sha256(target.split("?")[0].encode("latin-1")).hexdigest()[:12]
        body = json.dumps({"page": page}).encode()
        known = target.startswith(self.ROUTES) or not target.lower().startswith(self.ROUTES)
        status = "200 OK" if known else "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + (b"" if method == "HEAD" else body))
        return True

    def close(self) -> None:
        self.listener.close()


class Relay:
    """A relay between proxy and auth server, which can be down, slow, or send another answer."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.port = free_port()
        self.answer: bytes | None = None
        self.silent = False
        self.accepted = 0
        self.open: set[socket.socket] = set()
        self.listener: socket.socket | None = None
        self.up()

    def up(self, answer: bytes | None = None, silent: bool = False) -> None:
        """Forwards everything, or gives this one answer to everything, or never answers."""
        self.down()
        self.answer, self.silent = answer, silent
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def down(self) -> None:
        """Refuses new connections, and closes the open ones."""
        if self.listener:
            # A thread that waits in accept keeps the port open until it is woken.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self.open.add(connection)
        try:
            if self.silent:
                while connection.recv(65536):
                    pass
            elif self.answer is not None:
                connection.recv(65536)
                connection.sendall(self.answer)
            else:
                with socket.create_connection(("127.0.0.1", self.upstream)) as upstream:
                    self.open.add(upstream)
                    back = threading.Thread(target=_pump, args=(upstream, connection), daemon=True)
                    back.start()
                    _pump(connection, upstream)
                    back.join()
                    self.open.discard(upstream)
        except OSError:
            pass
        finally:
            self.open.discard(connection)
            connection.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
