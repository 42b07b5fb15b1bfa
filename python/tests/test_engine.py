"""The engine from Python: what is not said is refused, and nothing has a truth value by accident."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Mint

from artos_auth import PUBLIC, UNOWNED, UNRESOLVED, Caller, ConfigError, Denied, Engine, ForkError

DOCUMENT = "/api/v1/documents/doc-a"


@pytest.mark.parametrize(
    ("owner", "status", "reason"),
    [
        ("org-a", 200, "authorized"),
        ("org-b", 403, "resource_of_other_organization"),
        (UNOWNED, 200, "authorized"),
        (UNRESOLVED, 403, "resource_unresolved"),
        (None, 403, "resource_unresolved"),
    ],
)
def test_an_owner_decides(engine: Engine, mint: Mint, owner: Any, status: int, reason: str) -> None:
    decision = engine.decide("GET", DOCUMENT, [f"Bearer {mint()}"], resource_org=owner)
    assert (decision.status, decision.reason, decision.allowed) == (status, reason, status == 200)


def test_an_allow_has_a_principal_and_a_denial_has_the_documented_answer(engine: Engine, mint: Mint) -> None:
    allowed = engine.decide("GET", DOCUMENT, [f"Bearer {mint()}".encode()], resource_org="org-a")
    principal = allowed.principal
    assert principal is not None
    assert (principal.user_id, principal.org_id, principal.permissions) == ("alice", "org-a", ("read",))
    assert (principal.token_id, allowed.detail, allowed.www_authenticate) == ("t-1", None, None)
    denied = engine.decide("GET", DOCUMENT, [f"Bearer {mint(exp=1)}"], resource_org="org-a")
    assert (denied.status, denied.detail) == (401, "Invalid authentication credentials")
    assert denied.www_authenticate == 'Bearer realm="artos", error="invalid_token"'
    assert (denied.reason, denied.clause, denied.principal) == ("token_expired", "TOK-3", None)


def test_a_decision_has_no_truth_value(engine: Engine) -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(engine.decide("GET", DOCUMENT, [], resource_org="org-a"))


@pytest.mark.parametrize("lines", ["Bearer x", b"Bearer x", [1], ["Bearer \u20ac"]])
def test_what_is_no_sequence_of_values_is_an_error(engine: Engine, lines: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        engine.decide("GET", DOCUMENT, lines, resource_org="org-a")


def test_an_owner_that_is_left_out_is_a_type_error(engine: Engine, mint: Mint) -> None:
    with pytest.raises(TypeError):
        engine.decide("GET", DOCUMENT, [])  # type: ignore[call-arg]
    caller = engine.authenticate("GET", DOCUMENT, [f"Bearer {mint()}"])
    assert isinstance(caller, Caller)
    with pytest.raises(TypeError):
        caller.authorize()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="owner"):
        caller.authorize(owner=7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="account"):
        caller.authorize(owner="org-a", account="member")  # type: ignore[arg-type]


def test_two_steps_give_the_documented_answers(engine: Engine, mint: Mint) -> None:
    caller = engine.authenticate("GET", DOCUMENT, [f"Bearer {mint()}"])
    assert isinstance(caller, Caller)
    assert caller.authorize(owner="org-a").org_id == "org-a"
    caller.require("read")
    for refused in (
        lambda: caller.authorize(owner="org-b"),
        lambda: caller.authorize(owner=None),
        lambda: caller.authorize(owner="org-a", account="not_a_member"),
        lambda: caller.require("write"),
    ):
        with pytest.raises(Denied) as denied:
            refused()
        assert (denied.value.status, denied.value.detail) == (403, "User has no organization or not authorized")
        assert denied.value.body() == b'{"detail":"User has no organization or not authorized"}'


def test_a_public_path_needs_the_spelling_as_received(engine: Engine) -> None:
    assert engine.authenticate("GET", "/api/v1/search/status", []) is not None
    assert engine.authenticate("GET", "/api/v1/search/status?q=1", []) == PUBLIC
    with pytest.raises(Denied, match="401 Not authenticated"):
        engine.authenticate("GET", "/api/v1/search/status", [], public=False)


def test_a_path_that_servers_read_differently_is_refused_at_once(engine: Engine, mint: Mint) -> None:
    for path, reason in [("/api/v1/reports/%2e%2e", "path_ambiguous"), ("/api/v1/reports/1", "permission_missing")]:
        with pytest.raises(Denied) as denied:
            engine.authenticate("GET", path, [f"Bearer {mint()}"])
        assert (denied.value.status, denied.value.reason) == (403, reason)


def test_a_realm_refuses_other_organizations(engine: Engine, mint: Mint) -> None:
    token = [f"Bearer {mint()}"]
    assert engine.decide("GET", "/", token, resource_org=UNOWNED, realm=["org-a"]).allowed
    assert engine.decide("GET", "/", token, resource_org=UNOWNED, realm=["org-b"]).status == 401
    assert engine.decide("GET", "/", token, resource_org=UNOWNED, realm=[]).status == 401
    with pytest.raises(TypeError, match="realm"):
        engine.decide("GET", "/", token, resource_org=UNOWNED, realm="org-a")


def test_a_replaced_file_counts_without_a_restart(engine: Engine, mint: Mint, folder: Path) -> None:
    token = [f"Bearer {mint()}"]
    assert engine.decide("GET", "/", token, resource_org=UNOWNED).allowed
    (folder / "new.json").write_text('{"tokens": ["t-1"]}')
    (folder / "new.json").rename(folder / "revocations.json")
    for _ in range(300):
        if engine.decide("GET", "/", token, resource_org=UNOWNED).reason == "token_revoked":
            return
        time.sleep(0.1)
    pytest.fail("the revocation never counted")


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ('[policy]\nleeway_seconds = 121\n[keys]\nfile = "keys.jwks.json"\n', 2, "policy.leeway_seconds"),
        ('lisen = "127.0.0.1:1"\n[keys]\nfile = "keys.jwks.json"\n', 1, "lisen"),
        (None, None, None),
    ],
)
def test_a_configuration_error_has_file_line_and_key(
    folder: Path, text: str | None, line: int | None, key: str | None
) -> None:
    file = folder / ("wrong.toml" if text else "nowhere.toml")
    if text:
        file.write_text(text)
    with pytest.raises(ConfigError) as error:
        Engine.from_config(file)
    assert (error.value.file, error.value.line, error.value.key) == (str(file), line, key)
    assert str(file) in str(error.value)


def test_threads_share_an_engine(engine: Engine, mint: Mint) -> None:
    token, wrong = [f"Bearer {mint()}"], []

    def ask() -> None:
        for _ in range(500):
            if not engine.decide("GET", DOCUMENT, token, resource_org="org-a").allowed:
                wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_fork_says_so(engine: Engine) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            engine.decide("GET", DOCUMENT, [], resource_org="org-a")
            said = b"worked"
        except ForkError as error:
            said = str(error).encode()
        os.write(write, said)
        os._exit(0)
    os.waitpid(child, 0)
    assert b"fork" in os.read(read, 4096)


def test_nothing_that_is_shown_holds_the_token(engine: Engine, mint: Mint) -> None:
    token = mint()
    caller = engine.authenticate("GET", "/", [f"Bearer {token}"])
    decision = engine.decide("GET", "/", [f"Bearer {token}x"], resource_org=UNOWNED)
    shown = f"{engine!r} {caller!r} {decision!r} {decision.cause}"
    assert not any(part[:8] in shown for part in token.split("."))


def test_warnings_about_the_configuration_are_on_standard_error(folder: Path) -> None:
    configuration = folder / "artos-auth.toml"
    glob = 'routes = [{ path = "/admin/*", permissions = ["admin"] }, {'
    text = configuration.read_text().replace("routes = [{", glob)
    configuration.write_text(f'listen = "0.0.0.0:80"\n{text}')
    program = "import sys; from artos_auth import Engine; Engine.from_config(sys.argv[1])"
    result = subprocess.run([sys.executable, "-c", program, configuration], stderr=subprocess.PIPE, text=True, check=True)
    assert "`policy.routes[0].path`: `*` matches a literal `*`" in result.stderr
    assert "listen" not in result.stderr, "it does not listen"
