"""Keys, tokens and profiles of a run, made with `artos-auth` and removed with the run."""

import json
import os
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

# Tokens that the profile's key alone cannot stand for: they depend on what the service knows, or on another key.
NOT_MINTED = ("revoked", "not_a_member", "not_configured", "other_realm", "other_environment")


@dataclass(frozen=True)
class Credentials:
    """The files of one kind of key: what the service reads, and a profile for each power of the checker."""

    service: dict
    signing: Path
    tokens: Path


def make(folder: Path, artos_auth: Path, algorithm: str, with_environment: bool = True) -> Credentials:
    """Makes a key of the algorithm, tokens of every kind, and the two profiles."""
    folder.mkdir(parents=True)
    key, staging = folder / "signing.jwk.json", folder / "staging.jwk.json"
    for file, kid in ((key, "test-only-current"), (staging, "test-only-staging")):
        run([artos_auth, "keys", "generate", "--alg", algorithm, "--kid", kid, "--out", file], what="keys generate")
    _write(folder / "keys.json", {"keys": [_public(key)]})
    _write(folder / "staging-keys.json", {"keys": [_public(key), _public(staging)]})
    claims = {"iss": ISSUER, "aud": AUDIENCE} if with_environment else {}

    def mint(user="conformance", organization="org-a", permission="documents:write", key=key, lives="1h", **other):
        argv = [artos_auth, "token", "mint", "--key", key, "--user", user, "--org", organization, f"--expires-in={lives}"]
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
        "no_permission": mint(permission="documents:read"),
        "not_a_member": mint(user="former-member"),
        "not_configured": mint(user="no-account"),
        "other_realm": mint(organization="org-elsewhere"),
    }
    for name, token in tokens.items():
        _write_secret(folder / f"{name}.jwt", token)
    (folder / "revoked-texts").write_text(tokens["revoked"])
    signing = ENDPOINTS + _named(NOT_MINTED)
    signing += '\n[signing]\nkey = "signing.jwk.json"\norganization = "org-a"\nother_organization = "org-b"\n'
    signing += 'permissions = ["documents:write"]\n'
    signing += f'issuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n' if with_environment else ""
    (folder / "signing.toml").write_text(signing)
    (folder / "tokens.toml").write_text(ENDPOINTS + _named(tokens))
    service = {
        "SERVICE_KEYS": str(folder / "keys.json"),
        "SERVICE_STAGING_KEYS": str(folder / "staging-keys.json"),
        "SERVICE_ORGANIZATIONS": "org-a,org-b",
        "SERVICE_REVOKED": str(folder / "revoked"),
        "SERVICE_REVOKED_TEXTS": str(folder / "revoked-texts"),
    }
    if with_environment:
        service |= {"SERVICE_ISSUER": ISSUER, "SERVICE_AUDIENCE": AUDIENCE}
    return Credentials(service, folder / "signing.toml", folder / "tokens.toml")


def _named(kinds) -> str:
    return "\n[tokens]\n" + "".join(f'{kind} = {{ file = "{kind}.jwt" }}\n' for kind in kinds)


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
