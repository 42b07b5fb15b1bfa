"""Keys, tokens and profiles of a run, made with `artos-auth` and removed with the run."""

import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from .processes import run

ISSUER = "https://auth.example"
AUDIENCE = "https://api.example"
STAGING = "https://staging.auth.example"

ENDPOINTS = """
allow_writes = true

[endpoints]
public = { path = "/api/v1/search/status" }
protected = { path = "/api/v1/templates/" }
owned = { path = "/api/v1/documents/doc-a", organization = "org-a" }
permission = { method = "POST", path = "/api/v1/documents/generate", permission = "documents:write", body = { title = "A title" } }
"""

OPERATIONS = """
allow_writes = true

[endpoints]
public = { path = "/api/v1/status" }

[matrix.parameters]
document_id = { own = "doc-a", other = "doc-b" }
comment_id = { own = "comment-a", other = "comment-b" }
organization = { own = "org-a", other = "org-b" }

[matrix.permissions]
"GET /api/v1/documents" = ["documents:read"]
"GET /api/v1/documents/{document_id}" = ["documents:read"]
"POST /api/v1/documents" = ["documents:write"]
"POST /api/v1/documents/merge" = ["documents:write"]
"PUT /api/v1/documents/{document_id}" = ["documents:write"]
"DELETE /api/v1/documents/{document_id}" = ["documents:write"]
"GET /api/v1/export" = ["documents:export"]

[matrix.bodies]
"POST /api/v1/documents/merge" = { source = { own = "doc-a", other = "doc-b" } }
"""
PERMISSIONS = ("documents:read", "documents:write", "documents:export")

# Tokens that the profile's key alone cannot stand for: they depend on what the service knows, or on another key.
NOT_MINTED = ("revoked", "not_a_member", "not_configured", "other_realm", "other_environment")


@dataclass(frozen=True)
class Credentials:
    """The files of one kind of key: what the service reads, and a profile for each power of the checker."""

    service: dict
    signing: Path
    tokens: Path
    # Profiles of the services in `operations.*`.
    matrix_signing: Path
    matrix_tokens: Path


def make(folder: Path, artos_auth: Path, algorithm: str, with_environment: bool = True) -> Credentials:
    """Makes a key of the algorithm, tokens of every kind, and the two profiles."""
    folder.mkdir(parents=True)
    key, staging = folder / "signing.jwk.json", folder / "staging.jwk.json"
    for file, kid in ((key, "test-only-current"), (staging, "test-only-staging")):
        run([artos_auth, "keys", "generate", "--alg", algorithm, "--kid", kid, "--out", file], what="keys generate")
    _write(folder / "keys.json", {"keys": [_public(key)]})
    _write(folder / "staging-keys.json", {"keys": [_public(key), _public(staging)]})
    claims = {"iss": ISSUER, "aud": AUDIENCE} if with_environment else {}

    def mint(user="conformance", organization="org-a", permissions=("documents:write",), key=key, lives="1h", **other):
        argv = [artos_auth, "token", "mint", "--key", key, "--user", user, "--org", organization, f"--expires-in={lives}"]
        for permission in permissions:
            argv += ["--permission", permission]
        for name, value in {**claims, **other}.items():
            argv += ["--claim", f"{name}={json.dumps(value)}"]
        return run(argv, what="token mint").strip()

    (folder / "revoked").write_text("token-that-was-revoked\n")
    elsewhere = {"iss": STAGING, "aud": "https://staging.api.example"} if with_environment else {}
    tokens = {
        "valid": mint(),
        "other_organization": mint(organization="org-b"),
        "expired": mint(lives="-1h", iat=_iat_before(7200)),
        "revoked": mint(jti="token-that-was-revoked"),
        "no_organization": mint(org_id=None),
        "other_environment": mint(key=staging, **elsewhere),
        "no_permission": mint(permissions=["documents:read"]),
        "not_a_member": mint(user="former-member"),
        "not_configured": mint(user="no-account"),
        "other_realm": mint(organization="org-elsewhere"),
    }
    of_matrix = {
        "valid": mint(permissions=PERMISSIONS),
        "other_organization": mint(organization="org-b", permissions=PERMISSIONS),
        "expired": mint(permissions=PERMISSIONS, lives="-1h", iat=_iat_before(7200)),
        "revoked": mint(permissions=PERMISSIONS, jti="token-that-was-revoked"),
        "no_permission": mint(permissions=["documents:list"]),
        "not_a_member": mint(user="former-member", permissions=PERMISSIONS),
    }
    for prefix, made in (("", tokens), ("matrix-", of_matrix)):
        for name, token in made.items():
            _write_secret(folder / f"{prefix}{name}.jwt", token)
    (folder / "revoked-texts").write_text(tokens["revoked"])

    def signing(permissions) -> str:
        key = '\n[signing]\nkey = "signing.jwk.json"\norganization = "org-a"\nother_organization = "org-b"\n'
        key += f"permissions = {json.dumps(permissions)}\n"
        return key + (f'issuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n' if with_environment else "")

    (folder / "signing.toml").write_text(ENDPOINTS + _named(NOT_MINTED) + signing(["documents:write"]))
    (folder / "tokens.toml").write_text(ENDPOINTS + _named(tokens))
    not_minted = _named(("revoked", "not_a_member"), "matrix-")
    (folder / "matrix-signing.toml").write_text(OPERATIONS + not_minted + signing(PERMISSIONS))
    (folder / "matrix-tokens.toml").write_text(OPERATIONS + _named(of_matrix, "matrix-"))
    service = {
        "SERVICE_KEYS": str(folder / "keys.json"),
        "SERVICE_STAGING_KEYS": str(folder / "staging-keys.json"),
        "SERVICE_ORGANIZATIONS": "org-a,org-b",
        "SERVICE_REVOKED": str(folder / "revoked"),
        "SERVICE_REVOKED_TEXTS": str(folder / "revoked-texts"),
    }
    if with_environment:
        service |= {"SERVICE_ISSUER": ISSUER, "SERVICE_AUDIENCE": AUDIENCE}
    profiles = (folder / f"{name}.toml" for name in ("signing", "tokens", "matrix-signing", "matrix-tokens"))
    return Credentials(service, *profiles)


def _named(kinds, prefix="") -> str:
    return "\n[tokens]\n" + "".join(f'{kind} = {{ file = "{prefix}{kind}.jwt" }}\n' for kind in kinds)


def _public(file: Path) -> dict:
    """The JWK as the service gets it: a shared secret whole, any other key without its private members."""
    jwk = json.loads(file.read_text())
    private = () if jwk["kty"] == "oct" else ("d", "p", "q", "dp", "dq", "qi", "oth")
    return {name: value for name, value in jwk.items() if name not in private}


def _iat_before(seconds: int) -> int:
    return int(time.time()) - seconds


def _write(file: Path, value):
    file.write_text(json.dumps(value))


def _write_secret(file: Path, text: str):
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)


class Keys:
    """The credentials of each kind, made when they are first needed."""

    def __init__(self, folder: Path, artos_auth: Path):
        self.folder, self.artos_auth = folder, artos_auth
        self.made, self.lock = {}, threading.Lock()

    def of(self, algorithm: str, with_environment: bool = True):
        with self.lock:
            key = (algorithm, with_environment)
            if key not in self.made:
                folder = self.folder / f"{algorithm}-{with_environment}"
                self.made[key] = make(folder, self.artos_auth, *key)
            return self.made[key]
