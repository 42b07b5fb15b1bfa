"""The documented API on FastAPI, in front of two organizations' documents.

    ARTOS_AUTH_CONFIG=artos-auth.toml uvicorn artos_api:app --no-server-header

It conforms by `artos-conformance run --level should`.
"""

import os
from typing import Annotated, Any, Literal

from artos_auth import UNOWNED, Engine
from artos_auth.fastapi import Auth, Caller
from fastapi import Depends, FastAPI, HTTPException, Response

Account = Literal["unknown", "active", "not_a_member", "not_configured"]

engine = Engine.from_config(os.environ["ARTOS_AUTH_CONFIG"])
auth = Auth(engine)
# A trailing slash makes another path here: a redirect would answer before authentication.
app = FastAPI(title="Artos API", redirect_slashes=False, docs_url=None, redoc_url=None, openapi_url=None)
#: The organizations whose tokens authenticate at this deployment.
TENANTS = ("org-a", "org-b")
auth.install(app, realm=lambda scope: TENANTS)

#: Stands for a database: every row has the organization that it was created by.
DOCUMENTS = {
    "doc-a": {"id": "doc-a", "title": "Quarterly report", "org_id": "org-a"},
    "doc-b": {"id": "doc-b", "title": "Audit findings", "org_id": "org-b"},
}
#: What the database knows of accounts; of others, nothing beyond the token.
ACCOUNTS: dict[str, Account] = {"left": "not_a_member", "half": "not_configured"}
TEMPLATES = [
    {"id": "template-a", "title": "Letterhead of A", "org_id": "org-a"},
    {"id": "template-b", "title": "Letterhead of B", "org_id": "org-b"},
]


def member(caller: Annotated[Caller, Depends(auth.caller)]) -> Caller:
    """The caller, whose account is looked up for every request: a member may have left since the token was issued."""
    caller.authorize(owner=UNOWNED, account=ACCOUNTS.get(caller.user_id, "unknown"))
    return caller


Authenticated = Annotated[Caller, Depends(member)]


@app.middleware("http")
async def no_store(request: Any, call_next: Any) -> Response:
    """Answers of one organization are in no shared cache."""
    response: Response = await call_next(request)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Authorization"
    return response


@app.get("/api/v1/search/status")
async def search_status() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/v1/templates/")
async def list_templates(caller: Authenticated) -> list[dict[str, str]]:
    # A list needs no second step: it is filtered by the caller's organization.
    return [template for template in TEMPLATES if template["org_id"] == caller.org_id]


@app.get("/api/v1/documents/{document_id}")
async def read_document(document_id: str, caller: Authenticated) -> dict[str, str]:
    document = DOCUMENTS.get(document_id)
    # `None` is unresolved, never "owned by nobody": an unknown id is the same 403 as another organization's.
    caller.authorize(owner=document["org_id"] if document else None)
    if document is None:
        raise HTTPException(404)
    return document


@app.post("/api/v1/documents/generate", dependencies=[Depends(auth.requires("documents:write"))])
async def generate(caller: Authenticated) -> dict[str, str]:
    return {"status": "queued", "org_id": caller.org_id}
