"""Every case of `fixtures/cases`: the decision is the engine's, member for member."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from artos_auth import UNOWNED, UNRESOLVED, Engine


def toml(value: Any) -> str:
    """A JSON value as an inline TOML value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    # DEL is a control character for TOML and not for JSON.
    return json.dumps(value).replace("\x7f", "\\u007f")


def configuration(folder: Path, case: dict[str, Any]) -> Path:
    """The configuration file of a case."""
    text = "".join(f"policy.{name} = {toml(value)}\n" for name, value in case["policy"].items())
    # All engines are dropped together at the end, and the time to drop a cache grows with its size and with the number
    # of threads.
    text += "limits.cache_bytes = 65536\n"
    text += 'revocations.file = "revocations.json"\n'
    (folder / "revocations.json").write_text(json.dumps(case["revocations"]))
    sets = [{"jwks": case["keys"], "issuer": None, "organizations": None}, *case["more_keys"]]
    for number, keys in enumerate(sets):
        (folder / f"keys-{number}.json").write_text(json.dumps(keys["jwks"]))
        text += f'[[keys]]\nfile = "keys-{number}.json"\n'
        text += "".join(f"{name} = {toml(keys[name])}\n" for name in ("issuer", "organizations") if keys[name])
    file = folder / "artos-auth.toml"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def cases() -> Any:
    """The cases as JSON: `python/test` has them printed once for all interpreters."""
    return json.loads(Path(os.environ["ARTOS_AUTH_CASES"]).read_text())


def principal_of(decision: Any) -> Any:
    found = decision.principal
    if found is None:
        return None
    return {
        "user_id": found.user_id,
        "org_id": found.org_id,
        "permissions": list(found.permissions),
        "token_id": found.token_id,
        "issued_at": found.issued_at,
        "expires_at": found.expires_at,
    }


def test_every_case_is_decided_as_written(cases: Any, tmp_path: Path) -> None:
    engines: dict[str, Engine] = {}
    wrong = []
    for case in cases:
        setup = json.dumps([case["policy"], case["keys"], case["more_keys"], case["revocations"]])
        if setup not in engines:
            folder = tmp_path / str(len(engines))
            folder.mkdir()
            engines[setup] = Engine.from_config(configuration(folder, case))
        context = case["context"]
        owner = UNRESOLVED if context["resource_unresolved"] else context["resource_org"]
        request = (case["method"], case["path"], case["authorization"])
        keywords: Any = {
            "resource_org": UNOWNED if owner is None else owner,
            "realm": context["realm"],
            "account": context["account"],
            "now": case["now"],
        }
        decision = engines[setup].decide(*request, **keywords)
        expected = case["expected"]
        decided = {
            "status": decision.status,
            "detail": decision.detail,
            "www_authenticate": decision.www_authenticate,
            "reason": decision.reason,
            "clause": decision.clause,
            "principal": principal_of(decision),
        }
        if any(decided[name] != expected[name] for name in decided):
            wrong.append(f"{case['file']}/{case['id']}: expected {expected}, decided {decided}")
        explained = engines[setup].explain(*request, **keywords).as_dict()
        if explained["decision"] != decided | {"allowed": decision.allowed}:
            wrong.append(f"{case['file']}/{case['id']}: explained {explained['decision']}, decided {decided}")
        if [step["result"] for step in explained["steps"]].count("decided") != 1:
            wrong.append(f"{case['file']}/{case['id']}: not one check decided")
    assert len(cases) >= 771
    assert not wrong, "\n".join(wrong)
