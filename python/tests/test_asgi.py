"""The middleware by ASGI's own messages, which a test client hides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from conftest import Mint

from artos_auth import Caller, Denied, Engine
from artos_auth.asgi import AuthMiddleware, Message, Receive, Scope, Send, caller_of

App = Callable[[Scope, Receive, Send], Awaitable[None]]
PAGE: list[Message] = [
    {"type": "http.response.start", "status": 500, "headers": []},
    {"type": "http.response.body", "body": b"sorry", "more_body": True},
    {"type": "http.response.body", "body": b"", "more_body": False},
]
ANSWER: list[Message] = [
    {"type": "http.response.start", "status": 200, "headers": []},
    {"type": "http.response.body", "body": b"hello"},
]


def scope_of(token: str | None, **changes: Any) -> dict[str, Any]:
    """The scope of a request with this token; a keyword replaces a member."""
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    path = "/api/v1/documents/doc-a"
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": headers}
    return {**scope, **changes}


def ask(app: App, scope: dict[str, Any], *events: Message) -> list[Message]:
    """What `app` sends."""
    sent: list[Message] = []
    waiting = list(events)

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(as_coroutine(app(scope, receive, send)))
    return sent


async def as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


def sends(messages: list[Message], error: BaseException | None = None) -> App:
    """An application that sends these messages, and then raises the error."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
        if error is not None:
            raise error

    return app


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the application ran")


def denial(engine: Engine) -> Denied:
    with pytest.raises(Denied) as denied:
        engine.authenticate("GET", "/", [])
    return denied.value


def test_a_websocket_gets_the_documented_answer_where_the_server_can_send_it(engine: Engine) -> None:
    scope = scope_of(None, type="websocket", extensions={"websocket.http.response": {}})
    del scope["method"]
    start, body = ask(AuthMiddleware(never, engine), scope, {"type": "websocket.connect"})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert (b"www-authenticate", b'Bearer realm="artos"') in start["headers"]
    assert (body["type"], body["body"]) == ("websocket.http.response.body", b'{"detail":"Not authenticated"}')


def test_a_websocket_is_closed_with_1008_before_it_is_accepted(engine: Engine) -> None:
    without_extensions: list[dict[str, Any]] = [{}, {"extensions": {}}]
    for more in without_extensions:
        scope = scope_of("bad", type="websocket", **more)
        assert ask(AuthMiddleware(never, engine), scope, {"type": "websocket.connect"}) == [
            {"type": "websocket.close", "code": 1008, "reason": "Invalid authentication credentials"}
        ]


@pytest.mark.parametrize(
    ("raw_path", "root_path", "status"),
    [
        (b"/api/v1/search/status", "", 200),
        (b"/api/v1/search/status", "/artos", 200),
        (b"/artos/api/v1/search/status", "/artos", 401),
        (b"/api/v1/search/st\xe4tus", "", 401),
    ],
)
def test_the_path_as_received_is_decided_on(engine: Engine, raw_path: bytes, root_path: str, status: int) -> None:
    scope = scope_of(None, raw_path=raw_path, root_path=root_path)
    assert ask(AuthMiddleware(sends(ANSWER), engine), scope)[0]["status"] == status


def test_the_application_gets_a_scope_of_its_own_with_the_caller(engine: Engine, mint: Mint) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    # ASGI leaves open which sequence a header is, and servers other than uvicorn may keep the case of its name.
    for headers in ([[b"Authorization", f"Bearer {mint()}".encode()]], ((b"authorization", f"Bearer {mint()}".encode()),)):
        scope = scope_of(None, headers=headers)
        before = dict(scope)
        ask(AuthMiddleware(app, engine), scope)
        assert scope == before
        caller = caller_of(seen.pop())
        assert isinstance(caller, Caller)
        assert caller.user_id == "alice"


def test_an_answer_is_sent_as_the_application_sends_it(engine: Engine, mint: Mint) -> None:
    assert ask(AuthMiddleware(sends(ANSWER), engine), scope_of(mint())) == ANSWER


def test_an_error_page_is_sent_whole_and_the_error_raised(engine: Engine, mint: Mint) -> None:
    sent: list[Message] = []

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        async def record(message: Message) -> None:
            sent.append(message)

        with pytest.raises(ValueError, match="broken"):
            await AuthMiddleware(sends(PAGE, ValueError("broken")), engine)(scope, receive, record)

    ask(outer, scope_of(mint()))
    assert sent == PAGE
    assert ask(AuthMiddleware(sends(PAGE), engine), scope_of(mint())) == PAGE


def test_a_denial_replaces_the_error_page_of_a_mounted_application(engine: Engine, mint: Mint) -> None:
    start, body = ask(AuthMiddleware(sends(PAGE, denial(engine)), engine), scope_of(mint()))
    assert (start["status"], body["body"]) == (401, b'{"detail":"Not authenticated"}')


def test_a_denial_after_the_start_of_an_answer_is_raised(engine: Engine, mint: Mint) -> None:
    with pytest.raises(Denied):
        ask(AuthMiddleware(sends(ANSWER, denial(engine)), engine), scope_of(mint()))


def test_a_long_error_page_is_not_held_back(engine: Engine, mint: Mint) -> None:
    piece: Message = {"type": "http.response.body", "body": b"x" * 40_000, "more_body": True}
    with pytest.raises(Denied):
        ask(AuthMiddleware(sends([PAGE[0], piece, piece], denial(engine)), engine), scope_of(mint()))
    page = [PAGE[0], piece, piece, piece]
    assert ask(AuthMiddleware(sends(page), engine), scope_of(mint())) == page


def test_a_scope_of_another_type_is_an_error(engine: Engine) -> None:
    with pytest.raises(ValueError, match="'mqtt'"):
        ask(AuthMiddleware(never, engine), scope_of(None, type="mqtt"))
