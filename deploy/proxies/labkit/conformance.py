"""The conformance checker, run against the proxy."""

import json
import subprocess
from pathlib import Path

from .attacks import Broken
from .stage import Stage

PROFILE = """
target = "http://127.0.0.1:{port}"
allow_writes = true

[endpoints]
public = {{ path = "/api/v1/search/status" }}
protected = {{ path = "/api/v1/templates/" }}
owned = {{ path = "/api/v1/orgs/org-a/doc", organization = "org-a" }}
permission = {{ method = "POST", path = "/api/v1/documents/generate", permission = "documents:write" }}

[tokens]
revoked = {{ value = "{revoked}" }}

[signing]
key = "signing.jwk.json"
organization = "org-a"
other_organization = "org-b"
user = "conformance"
issuer = "https://issuer.example"
audience = "https://api.example"
claims = {{ user = "sub", organization = "org_id", permissions = "permissions" }}
permissions = ["documents:read", "documents:write"]
"""

# What a proxy is known to do otherwise than a `must` asks, by the end of the checker's observation. None of it lets anybody in.
KNOWN = {
    # It gives the client the status and challenge of a denial, and an empty body.
    "traefik": "without the documented detail",
}


def conformance(stage: Stage, checker: Path) -> str:
    revoked = stage.token("--claim", 'jti="revoked"', permissions=("documents:read", "documents:write"))
    profile = stage.folder / "profile.toml"
    profile.write_text(PROFILE.format(port=stage.port, revoked=revoked))
    command = [checker, "run", "--profile", profile, "--format", "json", "--level", "must", "--rate", "200"]
    result = subprocess.run(command, capture_output=True, text=True)
    try:
        report = json.loads(result.stdout)
    except ValueError:
        raise Broken(f"the checker ended with status {result.returncode}: {result.stderr.strip()[-500:]}") from None
    failed = {case["id"]: case for case in report["cases"] if case["outcome"] == "failed"}
    known = KNOWN.get(stage.proxy)
    tolerated = {
        name for name, case in failed.items()
        if known and case["observed"].endswith(known) and not case.get("wrongly_allowed")
    }
    if unexpected := sorted(set(failed) - tolerated):
        shown = "; ".join(f"{name}: expected {failed[name]['expected']}, got {failed[name]['observed']}" for name in unexpected)
        raise Broken(f"the checker: {shown}")
    if known and not tolerated:
        raise Broken(f"known to differ, and does not: {known}")
    summary = report["summary"]
    text = f"{report['verdict']}: {summary['passed']} passed, {summary['warned']} warned"
    return text + (f", {len(failed)} {known}" if failed else "")
