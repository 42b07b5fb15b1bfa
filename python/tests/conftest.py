"""A configuration with a key of its own, and a way to mint tokens: HMAC needs nothing but the standard library."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artos_auth import Engine

SECRET = b"test-only, never a real secret!!"
KEY_ID = "test-only-not-a-real-key"
Mint = Callable[..., str]


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(kid: str) -> dict[str, str]:
    """The key of the tests under another id."""
    return {"kty": "oct", "alg": "HS256", "kid": kid, "k": encode(SECRET)}


def sign(claims: dict[str, Any], kid: str = KEY_ID) -> str:
    header = {"alg": "HS256", "kid": kid, "typ": "JWT"}
    signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{encode(hmac.new(SECRET, signed.encode(), hashlib.sha256).digest())}"


@pytest.fixture
def mint() -> Mint:
    """Mints a good token of `alice` in `org-a`; a keyword replaces a claim, `None` removes it; `kid` names the key."""

    def mint(*, kid: str = KEY_ID, **changes: Any) -> str:
        now = int(time.time())
        claims = {"sub": "alice", "org_id": "org-a", "permissions": ["read"], "iat": now, "exp": now + 600, "jti": "t-1"}
        claims |= changes
        return sign({name: value for name, value in claims.items() if value is not None}, kid)

    return mint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration that has one route rule."""
    keys = tmp_path / "keys.jwks.json"
    keys.write_text(json.dumps({"keys": [jwk(KEY_ID)]}))
    keys.chmod(0o600)
    (tmp_path / "revocations.json").write_text("{}")
    (tmp_path / "artos-auth.toml").write_text(
        '[policy]\nroutes = [{ path = "/api/v1/reports/{*rest}", permissions = ["reports:read"] }]\n'
        '[keys]\nfile = "keys.jwks.json"\n[revocations]\nfile = "revocations.json"\n'
    )
    return tmp_path


@pytest.fixture
def engine(folder: Path) -> Engine:
    return Engine.from_config(folder / "artos-auth.toml")
