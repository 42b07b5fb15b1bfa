"""One FastAPI service with one of the checks: `CHECK=none|artos-auth|artos-auth-caller|pyjwt uvicorn --factory service:app`."""

import os
from typing import Annotated, Any

import jwt
from artos_auth import Engine
from artos_auth.fastapi import Auth
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer


def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> dict:
    try:
        return jwt.decode(credentials.credentials, os.environ["SECRET"].encode(), algorithms=["HS256"], options={"require": ["exp"]})
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error


def build(check: str) -> FastAPI:
    service = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    dependencies: list[Any] = []
    if check.startswith("artos-auth"):
        auth = Auth(Engine.from_config(os.environ["ARTOS_AUTH_CONFIG"]))
        auth.install(service)
        if check == "artos-auth-caller":
            dependencies.append(Depends(auth.caller))
    elif check == "pyjwt":
        dependencies.append(Depends(claims))

    @service.get("/api/v1/templates/", dependencies=dependencies)
    async def templates() -> list[dict[str, str]]:
        return [{"id": "template-a", "title": "Letterhead of A"}]

    return service


def app() -> FastAPI:
    return build(os.environ["CHECK"])
