"""One FastAPI service with one of the checks: `CHECK=none|artos-auth|artos-auth-caller|pyjwt uvicorn service:app`."""

import os
from typing import Annotated

import jwt
from artos_auth import Engine
from artos_auth.fastapi import Auth
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
dependencies = []

if os.environ["CHECK"].startswith("artos-auth"):
    auth = Auth(Engine.from_config(os.environ["ARTOS_AUTH_CONFIG"]))
    auth.install(app)
    if os.environ["CHECK"] == "artos-auth-caller":
        dependencies.append(Depends(auth.caller))
elif os.environ["CHECK"] == "pyjwt":
    SECRET = os.environ["SECRET"].encode()

    def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> dict:
        try:
            return jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"], options={"require": ["exp"]})
        except jwt.InvalidTokenError as error:
            raise HTTPException(401) from error

    dependencies.append(Depends(claims))


@app.get("/api/v1/templates/", dependencies=dependencies)
async def templates() -> list[dict[str, str]]:
    return [{"id": "template-a", "title": "Letterhead of A"}]
