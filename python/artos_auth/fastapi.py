"""FastAPI: one line protects every route, and handlers get a `Caller`.

    auth = Auth(engine)
    auth.install(app)

    @app.get("/api/v1/documents/{document_id}")
    async def read(document_id: str, caller: Caller = Depends(auth.caller)):
        document = await load(document_id)
        caller.authorize(owner=document.org_id)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import FastAPI, Security
from fastapi.openapi.models import HTTPBearer as BearerModel
from fastapi.security.base import SecurityBase
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection

from . import Caller, Denied, Engine, Principal
from .asgi import App, AuthMiddleware, Receive, Scope, Send, answer, caller_of

__all__ = ["Auth", "Caller", "Denied", "Principal"]


class _Bearer(SecurityBase):
    """The security scheme in the OpenAPI document. It checks nothing, because the middleware does."""

    def __init__(self) -> None:
        self.model = BearerModel(bearerFormat="JWT", description="A bearer JWT of your organization.")
        self.scheme_name = "Bearer"

    async def __call__(self) -> None:
        return None


_BEARER = _Bearer()


class Auth:
    """Puts an engine in front of a FastAPI application."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def install(
        self,
        app: FastAPI,
        *,
        preflight: bool = False,
        realm: Callable[[Scope], Iterable[str] | None] | None = None,
    ) -> None:
        """Adds the middleware: every route, mounted app and WebSocket needs a token unless the policy says public.

        With `preflight=True`, CORS preflights are answered by the application's `CORSMiddleware` alone, without a
        token. Middleware that is added later is outside of this one and sees requests first.
        """
        app.add_middleware(
            AuthMiddleware,
            engine=self.engine,
            realm=realm,
            preflight=_Preflight(app, self.engine) if preflight else None,
        )

    # The dependencies are coroutines, because FastAPI calls plain functions in a thread pool.

    async def caller(self, connection: HTTPConnection, _: None = Security(_BEARER)) -> Caller:
        """A dependency: the authenticated caller. On a public path the result is 401."""
        caller = caller_of(connection.scope)
        if caller is None:
            raise _not_authenticated(self.engine)
        return caller

    async def optional_caller(self, connection: HTTPConnection, _: None = Security(_BEARER)) -> Caller | None:
        """A dependency: the authenticated caller, or `None` on a public path."""
        return caller_of(connection.scope)

    def requires(self, *permissions: str) -> Callable[..., Awaitable[Caller]]:
        """A dependency: the authenticated caller, who has every one of `permissions`; otherwise 403."""
        if not permissions:
            raise TypeError("requires() needs at least one permission")

        async def dependency(connection: HTTPConnection, _: None = Security(_BEARER)) -> Caller:
            caller = await self.caller(connection)
            for permission in permissions:
                caller.require(permission)
            return caller

        return dependency


def _not_authenticated(engine: Engine) -> Denied:
    """The documented answer to a request without a token."""
    try:
        engine.authenticate("GET", "/", [], public=False)
    except Denied as denied:
        return denied
    raise AssertionError("a request without a token was let in")


class _Preflight:
    """Answers CORS preflights with the application's own `CORSMiddleware`, without an application behind it."""

    def __init__(self, app: FastAPI, engine: Engine) -> None:
        self.application = app
        self.engine = engine
        self.cors: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.cors is None:
            self.cors = self._build()
        await self.cors(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(_not_authenticated(self.engine), scope, receive, send)

    def _build(self) -> App:
        for middleware in self.application.user_middleware:
            kind: Any = middleware.cls
            if isinstance(kind, type) and issubclass(kind, CORSMiddleware):
                built: Any = kind
                app: App = built(self._refuse, *middleware.args, **middleware.kwargs)
                return app
        return self._refuse
