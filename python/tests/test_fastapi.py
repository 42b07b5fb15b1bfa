"""FastAPI behind the middleware: nothing goes around it."""

from typing import Annotated, Any

import pytest
from conftest import Mint
from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.testclient import TestClient
from starlette.routing import Mount, Route
from starlette.websockets import WebSocketDisconnect

from artos_auth import Caller, Engine
from artos_auth.fastapi import Auth

OWNERS = {"doc-a": "org-a", "doc-b": "org-b"}
NOT_AUTHENTICATED = {"detail": "Not authenticated"}
NOT_AUTHORIZED = {"detail": "User has no organization or not authorized"}


def build(engine: Engine, *, preflight: bool = False, cors: bool = False) -> tuple[FastAPI, list[str]]:
    """A service with everything that could go around a check, and a list of what ran."""
    auth = Auth(engine)
    ran: list[str] = []
    app = FastAPI()
    if cors:
        app.add_middleware(CORSMiddleware, allow_origins=["https://app.example"], allow_methods=["*"])
    auth.install(app, preflight=preflight)
    Known = Annotated[Caller, Depends(auth.caller)]

    @app.get("/api/v1/documents/{document_id}")
    async def read(document_id: str, caller: Known, tasks: BackgroundTasks) -> dict[str, str]:
        principal = caller.authorize(owner=OWNERS.get(document_id))
        tasks.add_task(ran.append, "task")
        return {"id": document_id, "user": principal.user_id}

    @app.get("/api/v1/search/status")
    async def status(caller: Annotated[Caller | None, Depends(auth.optional_caller)]) -> dict[str, bool]:
        return {"known": caller is not None}

    @app.get("/api/v1/search/status-of-caller")
    async def needs_caller(caller: Known) -> str:
        return caller.user_id

    @app.post("/api/v1/write")
    async def write(caller: Annotated[Caller, Depends(auth.requires("documents:write"))]) -> str:
        return caller.org_id

    @app.get("/forgotten")
    async def forgotten() -> str:
        ran.append("forgotten")
        return "a route without a dependency"

    @app.websocket("/socket")
    async def socket(websocket: WebSocket, caller: Known) -> None:
        ran.append("socket")
        await websocket.accept()
        await websocket.send_text(caller.user_id)
        await websocket.close()

    @app.exception_handler(Exception)
    async def anything(request: Request, error: Exception) -> JSONResponse:
        ran.append("handler")
        return JSONResponse({"error": "rewritten"}, 200)

    inner = FastAPI()

    @inner.get("/documents/{document_id}")
    async def mounted(document_id: str, caller: Known) -> str:
        caller.authorize(owner=OWNERS.get(document_id))
        return document_id

    app.mount("/mounted", inner)
    app.router.routes.append(Route("/raw", lambda request: PlainTextResponse("raw")))
    app.router.routes.append(Mount("/static", app=PlainTextResponse("static")))
    return app, ran


@pytest.fixture
def client(engine: Engine) -> TestClient:
    return TestClient(build(engine)[0])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "path", ["/api/v1/documents/doc-a", "/forgotten", "/mounted/documents/doc-a", "/raw", "/static", "/nowhere", "/docs"]
)
def test_nothing_answers_without_a_token(engine: Engine, path: str) -> None:
    app, ran = build(engine)
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        answer = TestClient(app).request(method, path)
        assert answer.status_code == 401
        assert method == "HEAD" or answer.json() == NOT_AUTHENTICATED
        assert answer.headers["www-authenticate"] == 'Bearer realm="artos"'
        assert answer.headers["cache-control"] == "no-store"
    assert ran == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/documents/doc-a", 200),
        ("/api/v1/documents/doc-b", 403),
        ("/api/v1/documents/doc%2Db", 403),
        ("/api/v1/documents/unheard-of", 403),
        ("/mounted/documents/doc-a", 200),
        ("/mounted/documents/doc-b", 403),
        ("/forgotten", 200),
    ],
)
def test_a_token_opens_its_own_organization(client: TestClient, mint: Mint, path: str, status: int) -> None:
    answer = client.get(path, headers=bearer(mint()))
    assert answer.status_code == status
    assert status == 200 or answer.json() == NOT_AUTHORIZED


def test_no_spelling_of_an_owned_path_is_open_to_another_organization(client: TestClient, mint: Mint) -> None:
    path = "/api/v1/documents/doc-b"
    for at in range(1, len(path)):
        before, letter, after = path[:at], path[at], path[at + 1 :]
        code = f"{ord(letter):02X}"
        for spelling in (f"%{code}", f"%{code.lower()}", f"%25{code}", letter.upper(), f"{letter}/"):
            if spelling != letter:
                answer = client.get(before + spelling + after, headers=bearer(mint()), follow_redirects=False)
                assert not answer.is_success, (before + spelling + after, answer.text)


def test_a_denial_in_a_handler_is_not_rewritten(engine: Engine, mint: Mint) -> None:
    app, ran = build(engine)
    answer = TestClient(app).get("/api/v1/documents/doc-b", headers=bearer(mint()))
    assert (answer.status_code, answer.json(), ran) == (403, NOT_AUTHORIZED, [])


def test_a_public_path_needs_no_token_and_knows_no_caller(client: TestClient, mint: Mint) -> None:
    for headers in ({}, bearer("bad"), bearer(mint())):
        answer = client.get("/api/v1/search/status", headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"known": False})
    assert client.get("/api/v1/search/%73tatus").status_code == 401


def test_a_handler_that_needs_a_caller_on_a_public_path_is_401(engine: Engine) -> None:
    auth, app = Auth(engine), FastAPI()
    auth.install(app)

    @app.get("/api/v1/search/status")
    async def status(caller: Annotated[Caller, Depends(auth.caller)]) -> str:
        return caller.user_id

    answer = TestClient(app).get("/api/v1/search/status")
    assert (answer.status_code, answer.json()) == (401, NOT_AUTHENTICATED)


def test_a_dependency_adds_a_permission(client: TestClient, mint: Mint) -> None:
    assert client.post("/api/v1/write", headers=bearer(mint())).json() == NOT_AUTHORIZED
    answer = client.post("/api/v1/write", headers=bearer(mint(permissions=["documents:write"])))
    assert (answer.status_code, answer.json()) == (200, "org-a")


def test_a_dependency_takes_no_thread(engine: Engine, mint: Mint, monkeypatch: pytest.MonkeyPatch) -> None:
    async def pool(function: Any, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"{function} is called in a thread pool")

    monkeypatch.setattr("fastapi.dependencies.utils.run_in_threadpool", pool)
    client = TestClient(build(engine)[0])
    headers = bearer(mint(permissions=["documents:write"]))
    assert client.get("/api/v1/documents/doc-a", headers=headers).status_code == 200
    assert client.post("/api/v1/write", headers=headers).status_code == 200
    assert client.get("/api/v1/search/status").status_code == 200


def test_two_authorization_lines_are_refused(client: TestClient, mint: Mint) -> None:
    lines = [("Authorization", f"Bearer {mint()}")] * 2
    assert client.get("/forgotten", headers=lines).json() == NOT_AUTHENTICATED


def test_a_websocket_is_refused_before_it_is_accepted(engine: Engine, mint: Mint) -> None:
    app, ran = build(engine)
    client = TestClient(app)
    with pytest.raises((WebSocketDisconnect, Exception)) as refused, client.websocket_connect("/socket"):
        pass
    status = getattr(refused.value, "status_code", None) or getattr(refused.value, "code", None)
    assert status in (401, 1008)
    assert ran == []
    with client.websocket_connect("/socket", headers=bearer(mint())) as socket:
        assert socket.receive_text() == "alice"


def test_preflights_are_answered_by_the_cors_middleware_alone(engine: Engine) -> None:
    asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    strict = TestClient(build(engine, cors=True)[0])
    assert strict.options("/forgotten", headers=asks).status_code == 401
    app, ran = build(engine, preflight=True, cors=True)
    client = TestClient(app)
    answer = client.options("/forgotten", headers=asks)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")
    assert client.options("/forgotten").status_code == 401
    assert client.get("/forgotten", headers=asks).status_code == 401
    without = TestClient(build(engine, preflight=True)[0])
    assert without.options("/forgotten", headers=asks).status_code == 401
    assert ran == []


def test_openapi_shows_the_bearer_scheme(engine: Engine) -> None:
    schema: Any = build(engine)[0].openapi()
    assert schema["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"
    assert schema["paths"]["/api/v1/documents/{document_id}"]["get"]["security"] == [{"Bearer": []}]


def test_a_scope_without_raw_path_has_no_public_path(engine: Engine, mint: Mint) -> None:
    app, _ = build(engine)

    async def without(scope: Any, receive: Any, send: Any) -> None:
        await app({key: value for key, value in scope.items() if key != "raw_path"}, receive, send)

    client = TestClient(without)
    assert client.get("/api/v1/search/status").status_code == 401
    assert client.get("/api/v1/search/status", headers=bearer(mint())).status_code == 200


def test_a_missing_middleware_is_an_error_and_not_a_public_path(engine: Engine) -> None:
    auth, app = Auth(engine), FastAPI()

    @app.get("/x")
    async def x(caller: Annotated[Caller | None, Depends(auth.optional_caller)]) -> str:
        return "open"

    with pytest.raises(RuntimeError, match="not installed"):
        TestClient(app).get("/x")
