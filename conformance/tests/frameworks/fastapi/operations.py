"""An API of documents and comments for `artos-conformance matrix`. FastAPI generates its OpenAPI document."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Security
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer, OAuth2PasswordBearer
from pydantic import BaseModel, Field

import auth
import rules
import settings

PARTS = settings.PARTS


class Draft(BaseModel):
    title: str = Field(examples=["A plan for next year"])


class Merge(BaseModel):
    source: str


class Settings(BaseModel):
    theme: str = "dark"


class Document(BaseModel):
    id: str
    organization: str
    title: str


class Comment(BaseModel):
    id: str
    organization: str
    document: str
    text: str


DOCUMENTS = {
    "doc-a": Document(id="doc-a", organization="org-a", title="Protocol of org-a"),
    "doc-b": Document(id="doc-b", organization="org-b", title="Protocol of org-b"),
}
COMMENTS = {
    "comment-a": Comment(id="comment-a", organization="org-a", document="doc-a", text="A remark of org-a"),
    "comment-b": Comment(id="comment-b", organization="org-b", document="doc-b", text="A remark of org-b"),
}
# The description of refusals. A media type of its own for problem documents (RFC 9457).
PROBLEM = "application/problem+json"
REFUSALS = {
    status: {"description": text, "content": {PROBLEM if "problem" in PARTS else "application/json": {}}}
    for status, text in ((401, "Not authenticated"), (403, "Not authorized"))
}
RULES = {
    name: rules.of(name)
    for name in (
        *("status", "me", "documents", "create", "read", "replace", "remove", "search", "merge", "export"),
        *("comments", "comment", "members", "settings"),
    )
}
SCOPES = {name: name for name in ("documents:read", "documents:write", "documents:export")}
# The document then says which scopes an operation needs.
with_scopes = "oauth2" in PARTS
bearer = OAuth2PasswordBearer("token", scopes=SCOPES, auto_error=False) if with_scopes else HTTPBearer(auto_error=False)
api = APIRouter(prefix="/api/v1", responses=REFUSALS)


def caller(operation: str, permission: str | None = None):
    """The dependency of an operation: who calls it, and whether they may."""
    checks = RULES[operation]

    async def guest() -> auth.Caller:
        return rules.GUEST

    async def authorized(request: Request, _: Annotated[object, Depends(bearer)]) -> auth.Caller:
        caller = await checks.authenticate(request)
        if permission and not checks.may(caller, permission):
            raise auth.FORBIDDEN
        return caller

    return Security(authorized, scopes=[permission] if permission else []) if checks.secured else Depends(guest)


def described(operation: str) -> dict | None:
    return {"security": [{}]} if RULES[operation].described_as_public else None


def owned(operation: str, caller: auth.Caller, resource):
    """The resource, if it is the caller's organization's."""
    if resource is None:
        raise HTTPException(404, "Not Found")
    if not RULES[operation].owns(caller, resource.organization):
        raise RULES[operation].refuse(resource)
    return resource


@api.get("/status")
async def status(caller=caller("status")) -> dict:
    return {"status": "ok"}


@api.get("/me", openapi_extra=described("me"))
async def me(caller=caller("me")) -> dict:
    return {"user": caller.user, "organization": caller.organization}


@api.get("/documents")
async def documents(caller=caller("documents", "documents:read")) -> list[Document]:
    everything = RULES["documents"].lists_everything
    return [document for document in DOCUMENTS.values() if everything or auth.owns(caller, document.organization)]


@api.post("/documents", status_code=201)
async def create(draft: Draft, caller=caller("create", "documents:write")) -> Document:
    return Document(id="doc-new", organization=caller.organization, title=draft.title)


@api.post("/documents/merge")
async def merge(merge: Merge, caller=caller("merge", "documents:write")) -> Document:
    return owned("merge", caller, DOCUMENTS.get(merge.source))


@api.get("/documents/{document_id}")
async def read(document_id: str, caller=caller("read", "documents:read")) -> Document:
    return owned("read", caller, DOCUMENTS.get(document_id))


@api.put("/documents/{document_id}")
async def replace(document_id: str, draft: Draft, caller=caller("replace", "documents:write")) -> Document:
    return owned("replace", caller, DOCUMENTS.get(document_id)).model_copy(update={"title": draft.title})


@api.delete("/documents/{document_id}", status_code=204)
async def remove(document_id: str, caller=caller("remove", "documents:write")) -> None:
    # The example keeps its documents.
    owned("remove", caller, DOCUMENTS.get(document_id))


@api.get("/documents/{document_id}/comments")
async def comments(document_id: str, caller=caller("comments")) -> list[Comment]:
    document = owned("comments", caller, DOCUMENTS.get(document_id))
    everything = RULES["comments"].lists_everything
    return [comment for comment in COMMENTS.values() if everything or comment.document == document.id]


@api.get("/documents/{document_id}/comments/{comment_id}")
async def comment(document_id: str, comment_id: str, caller=caller("comment")) -> Comment:
    checks = RULES["comment"]
    if checks.checks_parent:
        owned("comment", caller, DOCUMENTS.get(document_id))
    found = COMMENTS.get(comment_id)
    if found is None or not checks.checks_child:
        return found
    owned("comment", caller, found)
    if found.document != document_id and checks.checks_parent:
        raise HTTPException(404, "Not Found")
    return found


@api.get("/search")
async def search(document_id: str, caller=caller("search")) -> Document:
    return owned("search", caller, DOCUMENTS.get(document_id))


@api.get("/export")
async def export(caller=caller("export", "documents:export")) -> dict:
    return {"rows": len(DOCUMENTS)}


class Organization(BaseModel):
    organization: str
    members: list[str]


@api.get("/organizations/{organization}/members")
async def members(organization: str, caller=caller("members")) -> Organization:
    return owned("members", caller, Organization(organization=organization, members=[f"a member of {organization}"]))


@api.patch("/settings")
async def change_settings(settings: Settings, caller=caller("settings")) -> Settings:
    return settings


async def problem(request: Request, error: HTTPException) -> JSONResponse:
    body = {"type": "about:blank", "status": error.status_code, "title": "Refused"}
    return JSONResponse(body, error.status_code, headers=error.headers, media_type=PROBLEM)


app = FastAPI(root_path="/artos" if "root-path" in PARTS else "")
app.include_router(api)
if "problem" in PARTS:
    app.exception_handler(HTTPException)(problem)
if "gzip" in PARTS:
    app.add_middleware(GZipMiddleware, minimum_size=1)
