"""Prints the table of docs/performance-embedded.md, and fails where a target is not met. `python/bench` calls it."""

import asyncio
import json
import os
import pathlib
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import jwt
import service
from artos_auth import Engine

HERE = pathlib.Path(__file__).resolve().parent
SECRET = "benchmark-secret-never-a-real-1!"
PATH = "/api/v1/templates/"
#: What the figures have to keep to.
DECIDE_MICROSECONDS, DECIDE_RATIO, FASTAPI_RATIO = 3.0, 0.1, 0.93


def configure(work):
    """Writes a configuration and gives its file and a token."""
    key = {"kty": "oct", "alg": "HS256", "kid": "benchmark-key", "k": jwt.utils.base64url_encode(SECRET.encode()).decode()}
    (work / "keys.json").write_text(json.dumps({"keys": [key]}))
    (work / "keys.json").chmod(0o600)
    (work / "artos-auth.toml").write_text('[keys]\nfile = "keys.json"\n')
    now = int(time.time())
    claims = {"sub": "user-3b1e8d52", "org_id": "org-7c9e6679", "permissions": ["documents:read"], "iat": now, "exp": now + 3600}
    return work / "artos-auth.toml", jwt.encode(claims, SECRET, "HS256", headers={"kid": "benchmark-key"})


def microseconds(call):
    """One call, by the processor time of the process: the lower quartile of rounds."""
    rounds = []
    for _ in range(60):
        before = time.process_time_ns()
        for _ in range(500):
            call()
        rounds.append((time.process_time_ns() - before) / 500 / 1000)
    return statistics.quantiles(rounds, n=4)[0]


def decisions(file, token):
    engine, line = Engine.from_config(file), [f"Bearer {token}".encode()]

    def decide():
        assert engine.decide("GET", PATH, line, resource_org="org-7c9e6679").allowed

    def decode():
        assert jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]

    return microseconds(decide), microseconds(decode)


def in_process(token):
    """Microseconds of a request that no server and no socket is part of, by processor time, for each service in turns."""
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": "GET", "path": PATH}
    scope |= {"raw_path": PATH.encode(), "query_string": b"", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1)}

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        assert message.get("status", 200) == 200

    async def requests(app, number):
        for _ in range(number):
            await app(dict(scope), receive, send)

    checks = ("none", "artos-auth", "artos-auth-caller")
    apps, rounds = {check: service.build(check) for check in checks}, {check: [] for check in checks}
    with asyncio.Runner() as runner:
        for _ in range(60):
            for check, app in apps.items():
                before = time.process_time_ns()
                runner.run(requests(app, 200))
                rounds[check].append((time.process_time_ns() - before) / 200 / 1000)
    return {check: statistics.quantiles(figures[5:], n=4)[0] for check, figures in rounds.items()}


def services(file, token):
    """Requests a second of each service, in turns; and the ratio of each to the one without a check."""
    running, ports = [], {}
    for check in ("none", "artos-auth", "artos-auth-caller", "pyjwt"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports[check] = free.getsockname()[1]
        environment = {**os.environ, "CHECK": check, "ARTOS_AUTH_CONFIG": str(file), "SECRET": SECRET}
        command = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
        # From this folder: the one above has the package's sources, which Python would import instead of the wheel.
        command += ["--port", str(ports[check]), "--factory", "service:app"]
        running.append(subprocess.Popen(command, cwd=HERE, env=environment))
    try:
        for server, port in zip(running, ports.values(), strict=True):
            for _ in range(600):
                if server.poll() is not None:
                    raise SystemExit("a service ended before it answered")
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
        rounds = []
        for turn in range(9):
            order = list(ports.items()) if turn % 2 else list(reversed(ports.items()))
            rounds.append({check: requests_a_second(port, token) for check, port in order})
    finally:
        for server in running:
            server.terminate()
            server.wait(20)
    counted = rounds[1:]
    rates = {check: statistics.median(one[check] for one in counted) for check in ports}
    ratios = {check: statistics.median(one[check] / one["none"] for one in counted) for check in ports}
    return rates, ratios


def requests_a_second(port, token):
    command = ["wrk", "-t1", "-c8", "-d2s", "-H", f"Authorization: Bearer {token}", f"http://127.0.0.1:{port}{PATH}"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in shown, shown
    return float(re.search(r"Requests/sec:\s+([\d.]+)", shown)[1])


def main():
    with tempfile.TemporaryDirectory() as folder:
        file, token = configure(pathlib.Path(folder))
        decide, decode = decisions(file, token)
        os.environ["ARTOS_AUTH_CONFIG"] = str(file)
        alone = in_process(token)
        rates, ratios = services(file, token)
    rows = [
        ("cached `decide`", f"{decide:.2f} µs", decide, "≤ 3 µs", decide <= DECIDE_MICROSECONDS),
        ("the same over `jwt.decode`", f"{decide:.2f} µs, {decode:.1f} µs", decide / decode, "≤ 0.1", decide / decode <= DECIDE_RATIO),
        ("a request in the process, without a server: no check, `auth.install`, `Depends(auth.caller)` too",
         ", ".join(f"{figure:.1f} µs" for figure in alone.values()), alone["artos-auth"] / alone["none"], "", True),
        ("FastAPI with `auth.install` over no check, requests a second", f"{rates['artos-auth']:,.0f}, {rates['none']:,.0f}",
         ratios["artos-auth"], "≥ 0.93", ratios["artos-auth"] >= FASTAPI_RATIO),
        ("the same with `Depends(auth.caller)`", f"{rates['artos-auth-caller']:,.0f}, {rates['none']:,.0f}",
         ratios["artos-auth-caller"], "", True),
        ("FastAPI with PyJWT over no check", f"{rates['pyjwt']:,.0f}, {rates['none']:,.0f}", ratios["pyjwt"], "", True),
    ]  # fmt: skip
    print(f"CPython {platform.python_version()}, {os.cpu_count()} cores; load at the end {os.getloadavg()[0]:.1f}.\n")
    print("| what | measured | value | target | |\n|---|---|---|---|---|")
    for what, measured, value, target, passes in rows:
        verdict = "" if not target else "pass" if passes else "**fail**"
        print(f"| {what} | {measured} | {value:.3g} | {target} | {verdict} |")
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
