"""Keys by URL, from an issuer on loopback: they arrive and rotate in the background, and nothing waits for them."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY_ID, Mint, jwk
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from artos_auth import UNOWNED, Engine
from artos_auth.fastapi import Auth

#: How long a fetch may take. What waits for one, waits as long as this: the issuer hangs.
PATIENCE = 60


class Issuer(http.server.ThreadingHTTPServer):
    """An issuer whose JWK Set changes, and that can be made to hang."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.keys: list[dict[str, str]] = []
        self.is_up = threading.Event()
        self.asked = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/keys"


class Answer(http.server.BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self.server.asked.set()
        self.server.is_up.wait()
        body = json.dumps({"keys": self.server.keys}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.is_up.set()
    issuer.shutdown()
    issuer.server_close()


@pytest.fixture
def engine_by_url(issuer: Issuer, tmp_path: Path) -> Engine:
    """An engine that was created while its issuer hangs."""
    file = tmp_path / "artos-auth.toml"
    file.write_text(f'[keys]\nurl = "{issuer.url}"\ncooldown_seconds = 1\ntimeout_seconds = {PATIENCE}\n')
    before = time.monotonic()
    engine = Engine.from_config(file)
    assert time.monotonic() - before < PATIENCE - 5, "the constructor waited for the issuer"
    assert issuer.asked.wait(30)
    return engine


def until_decided(engine: Engine, token: str, reason: str) -> None:
    """Decides until the reason is this one."""
    seen = set()
    for _ in range(2400):
        decision = engine.decide("GET", "/", [f"Bearer {token}"], resource_org=UNOWNED)
        if decision.reason == reason:
            return
        seen.add(decision.reason)
        time.sleep(0.05)
    pytest.fail(f"never decided {reason}, but {seen}")


def test_nothing_but_public_paths_is_judged_before_keys_arrive(issuer: Issuer, engine_by_url: Engine, mint: Mint) -> None:
    token = mint()
    waiting = engine_by_url.decide("GET", "/", [f"Bearer {token}"], resource_org=UNOWNED)
    assert (waiting.allowed, waiting.status, waiting.reason) == (False, 503, "keys_unavailable")
    assert (waiting.detail, waiting.www_authenticate) == ("Service unavailable", None)
    explanation = engine_by_url.explain("GET", "/", [f"Bearer {token}"], resource_org=UNOWNED)
    assert (explanation.decision.reason, explanation.steps) == ("keys_unavailable", ())
    assert engine_by_url.decide("GET", "/api/v1/search/status", [], resource_org=UNOWNED).allowed
    issuer.keys.append(jwk(KEY_ID))
    issuer.is_up.set()
    until_decided(engine_by_url, token, "authorized")


def test_a_rotated_key_is_fetched_because_a_token_names_it(issuer: Issuer, engine_by_url: Engine, mint: Mint) -> None:
    issuer.keys.append(jwk(KEY_ID))
    issuer.is_up.set()
    until_decided(engine_by_url, mint(), "authorized")
    issuer.keys.append(jwk("test-only-next-key"))
    # The next refresh is minutes away: the unknown `kid` causes the fetch.
    until_decided(engine_by_url, mint(kid="test-only-next-key"), "authorized")


def test_the_middleware_asks_for_a_rotated_key_too(issuer: Issuer, engine_by_url: Engine, mint: Mint) -> None:
    issuer.keys.append(jwk(KEY_ID))
    issuer.is_up.set()
    until_decided(engine_by_url, mint(), "authorized")
    issuer.keys.append(jwk("test-only-next-key"))
    token = mint(kid="test-only-next-key")
    for _ in range(2400):
        try:
            engine_by_url.authenticate("GET", "/", [f"Bearer {token}"])
            return
        except Exception:
            time.sleep(0.05)
    pytest.fail("the rotated key was never fetched")


def test_an_event_loop_does_not_wait_for_keys(issuer: Issuer, engine_by_url: Engine, mint: Mint) -> None:
    app, auth = FastAPI(), Auth(engine_by_url)
    auth.install(app)

    async def ask() -> tuple[list[int], float]:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://service.test") as client:
            before = time.monotonic()
            headers = {"Authorization": f"Bearer {mint()}"}
            answers = await asyncio.gather(*(client.get("/", headers=headers) for _ in range(20)))
            return [answer.status_code for answer in answers], time.monotonic() - before

    statuses, seconds = asyncio.run(ask())
    assert statuses == [503] * 20
    assert seconds < PATIENCE - 5, "the event loop waited for the issuer"
