"""The code of docs/embed-python.md works as the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Mint
from fastapi.testclient import TestClient

PAGE = Path(__file__).resolve().parents[2] / "docs/embed-python.md"
NOT_ALLOWED = "User has no organization or not authorized"


@pytest.fixture
def page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the blocks of the page define, one after the other."""
    monkeypatch.chdir(folder)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    return names


def test_the_service_of_the_page(page: dict[str, Any], mint: Mint) -> None:
    client = TestClient(page["app"])
    reader, writer = ({"Authorization": f"Bearer {mint(permissions=some)}"} for some in ([], ["documents:write"]))
    assert client.get("/api/v1/documents", headers=reader).json() == ["doc-a"]
    assert client.get("/api/v1/documents/doc-a", headers=reader).json() == {"id": "doc-a", "user": "alice"}
    assert client.post("/api/v1/documents", headers=writer).json() == "org-a"
    assert client.get("/api/v1/search/status").json() == {"signed_in": False}
    for path in ("/api/v1/documents/doc-b", "/api/v1/documents/unheard-of"):
        assert (client.get(path, headers=writer).status_code, client.get(path).status_code) == (403, 401)
    assert client.post("/api/v1/documents", headers=reader).json() == {"detail": NOT_ALLOWED}
    assert client.get("/docs").status_code == 401


def test_the_test_of_the_page(page: dict[str, Any], mint: Mint) -> None:
    page["test_another_organization_is_refused"](mint())
    with pytest.raises(AssertionError):
        page["test_another_organization_is_refused"](mint(org_id="org-b"))


def test_the_page_without_fastapi(page: dict[str, Any], mint: Mint) -> None:
    client = TestClient(page["starlette"])
    assert client.get("/whoami").status_code == 401
    assert client.get("/whoami", headers={"Authorization": f"Bearer {mint()}"}).text == "alice"
    answer, good = page["answer"], [f"Bearer {mint()}"]
    assert answer("GET", "/x", good, "org-a") == (200, None)
    assert answer("GET", "/x", good, None) == (403, NOT_ALLOWED)
    assert answer("GET", "/x", [], "org-a") == (401, "Not authenticated")
