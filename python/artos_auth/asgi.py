"""ASGI middleware: a refused request never reaches the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import quote

from . import PUBLIC, Caller, Denied, Engine
from ._artos_auth import Answer, admit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The key of the ASGI scope under which the middleware stores a `Caller`, or `PUBLIC`.
SCOPE_KEY = "artos_auth"


class AuthMiddleware:
    """Authenticates every HTTP request and WebSocket handshake before the application sees it.

    `realm`, called with the scope, names the organizations whose tokens authenticate; by default any.
    `preflight`, an application, answers CORS preflights; by default they need a token like everything else.
    """

    def __init__(
        self,
        app: App,
        engine: Engine,
        *,
        realm: Callable[[Scope], Iterable[str] | None] | None = None,
        preflight: App | None = None,
    ) -> None:
        self.app = app
        self.engine = engine
        self.realm = realm
        self.preflight = preflight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, send)
            return
        if kind not in ("http", "websocket"):
            raise ValueError(f"artos-auth cannot judge a scope of type {kind!r}")
        if self.preflight is not None and is_preflight(scope):
            await self.preflight(scope, receive, send)
            return
        # Without the raw path, the spelling that the client sent is unknown: the path is decided on, but never as
        # public.
        path = scope.get("raw_path") or quote(scope["path"], safe="/-._~!$&'()*+,;=:@")
        try:
            admitted = admit(self.engine, scope, SCOPE_KEY, path, None if self.realm is None else self.realm(scope))
        except Denied as denied:
            await answer(denied, scope, receive, send)
            return

        held = _Held(send)
        try:
            await self.app(admitted, receive, held)
        except Denied as denied:
            # From `caller.authorize` in a handler: the documented answer replaces the application's error page.
            if held.started:
                raise
            await answer(denied, scope, receive, send)
        except BaseException:
            await held.release()
            raise
        else:
            if held.delayed:
                await held.release()


class _Held(Answer):
    """Sends the application's answer, but delays an error page until the cause of the error is known.

    A mounted application answers 500 to an exception that it does not know before it raises it again. Every other message
    is sent by the native base class alone: a coroutine around each would cost a request more than its authentication.
    """

    LIMIT = 64 * 1024

    messages: list[Message] | None = None
    size = 0

    async def delay(self, message: Message) -> None:
        if self.messages is None:
            self.messages = []
        self.messages.append(message)
        self.size += len(message.get("body", b""))
        if self.size > self.LIMIT:
            await self.release()

    async def release(self) -> None:
        """Sends the delayed messages."""
        messages, self.messages = self.messages, None
        send = self.resume()
        for message in messages or ():
            await send(message)


def is_preflight(scope: Scope) -> bool:
    """Whether the request is a CORS preflight (Fetch standard)."""
    if scope["type"] != "http" or scope["method"] != "OPTIONS":
        return False
    names = [name.lower() for name, _ in scope["headers"]]
    return b"origin" in names and b"access-control-request-method" in names and b"authorization" not in names


def caller_of(scope: Scope) -> Caller | None:
    """The caller that the middleware authenticated; `None` on a public path.

    Raises `RuntimeError` where the middleware is missing: a route without a check must not pass for a public one.
    """
    try:
        found = scope[SCOPE_KEY]
    except KeyError:
        raise RuntimeError("artos-auth's middleware is not installed: call auth.install(app)") from None
    return None if found == PUBLIC else found


async def answer(denied: Denied, scope: Scope, receive: Receive, send: Send) -> None:
    """Sends the documented response. A WebSocket handshake is refused before it is accepted."""
    fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in denied.headers()]
    body = denied.body()
    fields.append((b"content-length", str(len(body)).encode()))
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": denied.status, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        return
    message = await receive()
    if message["type"] != "websocket.connect":
        return
    if "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": denied.status, "headers": fields})
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": denied.detail})
