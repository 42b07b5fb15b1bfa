"""The documented API on FastAPI: a public status, and an organization's templates and documents."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

import auth
import settings

PARTS = settings.PARTS
PUBLIC = "/api/v1/search/status"


class Draft(BaseModel):
    title: str


class Document(BaseModel):
    id: str
    organization: str
    title: str


TEMPLATES = [
    Document(id="template-a", organization="org-a", title="Letter of org-a"),
    Document(id="template-b", organization="org-b", title="Letter of org-b"),
]
DOCUMENTS = {
    "doc-a": Document(id="doc-a", organization="org-a", title="Protocol of org-a"),
    "doc-b": Document(id="doc-b", organization="org-b", title="Protocol of org-b"),
}


async def by_http_bearer(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> auth.Caller:
    """The framework's own reading of the header field."""
    if credentials is None:
        raise auth.NOT_AUTHENTICATED
    return auth.authenticate(credentials.credentials)


Caller = Annotated[auth.Caller, Depends(by_http_bearer if "http-bearer" in PARTS else auth.current_caller)]


def visible(caller: auth.Caller, documents: list[Document]) -> list[Document]:
    """The documents of the caller's organization."""
    return [document for document in documents if auth.owns(caller, document.organization)]


async def writer(caller: Caller) -> auth.Caller:
    if not auth.may(caller, "documents:write"):
        raise auth.FORBIDDEN
    return caller


def find(document_id: str, caller: auth.Caller) -> Document:
    document = DOCUMENTS.get(document_id)
    if document is None:
        raise HTTPException(404, "Not Found")
    if not auth.owns(caller, document.organization):
        raise auth.FORBIDDEN
    return document


async def owned(document_id: str, caller: Caller) -> Document:
    return find(document_id, caller)


Owned = Annotated[Document, Depends(owned)]
Writer = Annotated[auth.Caller, Depends(writer)]

public = APIRouter()
secured = APIRouter(dependencies=[Depends(by_http_bearer if "http-bearer" in PARTS else auth.current_caller)])


@public.get("/api/v1/search/status")
async def status() -> dict:
    return {"status": "ok"}


@secured.get("/api/v1/templates/")
async def templates(caller: Caller) -> list[Document]:
    return visible(caller, TEMPLATES)


@secured.get("/api/v1/documents/")
async def documents(caller: Caller) -> list[Document]:
    return visible(caller, list(DOCUMENTS.values()))


@secured.get("/api/v1/documents/{document_id}")
async def read(document: Owned) -> Document:
    return document


@secured.put("/api/v1/documents/{document_id}")
async def replace(draft: Draft, document: Owned, caller: Writer) -> Document:
    return document.model_copy(update={"title": draft.title})


@secured.delete("/api/v1/documents/{document_id}", status_code=204)
async def remove(document: Owned, caller: Writer) -> None:
    # The example keeps its documents.
    return None


if "validation-first" in PARTS:

    @public.post("/api/v1/documents/generate", status_code=202)
    async def generate_after_validation(draft: Draft, request: Request) -> Document:
        caller = await writer(await auth.current_caller(request))
        return Document(id="doc-new", organization=caller.organization, title=draft.title)

else:

    @secured.post("/api/v1/documents/generate", status_code=202)
    async def generate(draft: Draft, caller: Writer) -> Document:
        return Document(id="doc-new", organization=caller.organization, title=draft.title)


def create() -> FastAPI:
    app = FastAPI(
        redirect_slashes="no-slash-redirect" not in PARTS,
        root_path="/artos" if "root-path" in PARTS else "",
        openapi_url=None if "no-docs" in PARTS else "/openapi.json",
    )
    if "mounted" in PARTS:
        # The versioned API as an application of its own, behind the paths of the outer one.
        inner = FastAPI(openapi_url=None)
        inner.include_router(public)
        inner.include_router(secured)
        app.mount("/", inner)
    else:
        app.include_router(public)
        app.include_router(secured)
    app.exception_handler(RequestValidationError)(invalid_body)
    if "guard" in PARTS:
        app.middleware("http")(guard)
    if "gzip" in PARTS:
        app.add_middleware(GZipMiddleware, minimum_size=1)
    if "cors" in PARTS:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=["https://app.example"],
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],
        )
    if "trusted-host" in PARTS:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1"])
    return app


async def invalid_body(request: Request, error: RequestValidationError) -> JSONResponse:
    """What the framework answers, without `input`: a body that was sent here by mistake may hold a token."""
    problems = [{key: problem[key] for key in ("loc", "msg", "type")} for problem in error.errors()]
    return JSONResponse({"detail": problems}, 422)


async def guard(request: Request, call_next):
    """Authentication as middleware, before routing: every path but the public one needs a good token."""
    if request.scope["path"] != PUBLIC:
        try:
            await auth.current_caller(request)
        except HTTPException as refused:
            return JSONResponse({"detail": refused.detail}, refused.status_code, headers=refused.headers)
    return await call_next(request)
