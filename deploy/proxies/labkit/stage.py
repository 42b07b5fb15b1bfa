"""One proxy, one auth server and one API, started together on free ports of this machine."""

import itertools
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

from .install import edit, need, program
from .parts import Api, Received, Relay, free_port
from .wire import Client, Response, request

RECIPES = Path(__file__).resolve().parents[1]

# Appended to each recipe's artos-auth.toml: what a decision can depend on.
POLICY = """
[audit]
output = "stderr"

[revocations]
file = "revocations.json"

[policy]
issuers = ["https://issuer.example"]
audiences = ["https://api.example"]
routes = [{ methods = ["POST"], path = "/api/v1/documents/generate", permissions = ["documents:write"] }]

[[resources]]
path = "/api/v1/orgs/{org}/{*rest}"
organization = "{org}"

[[resources]]
path = "/{*rest}"
unowned = true
"""

# As root, nginx would run its workers as a user who cannot write into the folder of the lab.
NGINX_USER = " user root;" if os.geteuid() == 0 else ""

COMMANDS = {
    "nginx": lambda program: [program, "-p", ".", "-c", "nginx.conf", "-e", "stderr", "-g", f"daemon off;{NGINX_USER}"],
    "envoy": lambda program: [program, "-c", "envoy.yaml", "--log-level", "error", "--concurrency", "2", "--use-dynamic-base-id"],
    "envoy-grpc": lambda program: [program, "-c", "envoy.yaml", "--log-level", "error", "--concurrency", "2", "--use-dynamic-base-id"],
    "traefik": lambda program: [program, "--configFile=traefik.yml"],
    "caddy": lambda program: [program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
    "haproxy": lambda program: [program, "-f", "haproxy.cfg", "-db"],
}


class Ports(NamedTuple):
    """Where the parts listen instead of the ports of the recipes."""

    auth: int
    api: int
    http: int
    https: int


def write_recipe(proxy: str, version: str, folder: Path, ports: Ports, change=lambda name, text: text) -> None:
    """The files of a recipe with these ports, and a certificate."""
    numbers = {"8080": ports.auth, "3000": ports.api, "8000": ports.http, "8443": ports.https}
    # Envoy writes address and port apart.
    places = {f"{before}{number}": f"{before}{port}" for number, port in numbers.items()
              for before in ("127.0.0.1:", "http://:", "https://:", "port_value: ")}
    for file in (RECIPES / proxy).iterdir():
        if file.name in ("artos-auth.toml", "hop.toml"):
            continue
        text = change(file.name, edit(version, file.read_text()))
        for before, after in places.items():
            text = text.replace(before, after)
        (folder / file.name).write_text(text)
    if not (folder / "tls.crt").exists():
        certificate(folder)
    pair = (folder / "tls.crt").read_text() + (folder / "tls.key").read_text()
    (folder / "tls.pem").write_text(pair)
    # nginx makes these under its prefix.
    (folder / "logs").mkdir(exist_ok=True)


def hops(proxy: str) -> dict[str, list[dict[str, str]]]:
    """The other ways to the auth server, each with what it changes in the recipe."""
    return tomllib.loads((RECIPES / proxy / "hop.toml").read_text())


def certificate(folder: Path) -> None:
    """For clients, and for the proxy where it asks over TLS."""
    subprocess.run(
        [need("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=api.example", "-addext", "subjectAltName=DNS:api.example,DNS:localhost,IP:127.0.0.1",
         "-keyout", "tls.key", "-out", "tls.crt"],
        cwd=folder, check=True, capture_output=True,
    )
    shutil.copy(folder / "tls.crt", folder / "artos-auth-ca.pem")


class Stage:
    """Started on entry, ended on exit."""

    def __init__(self, proxy: str, version: str, auth: Path, hop: str | None = None) -> None:
        self.proxy, self.version, self.auth, self.hop = proxy, version, auth, hop
        self.numbers = itertools.count(1)
        self.processes: list[subprocess.Popen] = []
        self.audit: queue.Queue = queue.Queue()

    def __enter__(self) -> "Stage":
        self.folder = Path(tempfile.mkdtemp(prefix=f"artos-auth-lab-{self.proxy}-"))
        try:
            self.api = Api()
            self._start_auth()
            if self.hop != "unix":
                self.relay = Relay(self.auth_port)
            self._start_proxy()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for part in ("relay", "api"):
            if hasattr(self, part):
                getattr(self, part).down() if part == "relay" else self.api.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self, *args: str) -> str:
        return subprocess.run(
            [self.auth, *args], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def _start_auth(self) -> None:
        recipe = (RECIPES / self.proxy / "artos-auth.toml").read_text()
        listen, tls = ("unix:artos.sock" if self.hop == "unix" else "127.0.0.1:0"), ""
        if self.hop == "tls":
            certificate(self.folder)
            tls = '\n[tls]\ncertificate = "tls.crt"\nkey = "tls.key"\n'
        (self.folder / "artos-auth.toml").write_text(
            recipe.replace("127.0.0.1:8080", listen).replace("127.0.0.1:9090", "127.0.0.1:0") + POLICY + tls
        )
        self._command("keys", "generate", "--alg", "ES256", "--kid", "lab-only", "--out", "signing.jwk.json")
        (self.folder / "keys.jwks.json").write_text(self._command("keys", "public", "--in", "signing.jwk.json"))
        (self.folder / "revocations.json").write_text('{"tokens": ["revoked"]}')
        log = open(self.folder / "auth.out", "w+")
        process = subprocess.Popen(
            [self.auth, "serve", "--config", "artos-auth.toml"],
            cwd=self.folder, stdout=log, stderr=subprocess.PIPE, text=True,
        )
        self.processes.append(process)
        threading.Thread(target=self._read_audit, args=(process.stderr,), daemon=True).start()
        for _ in range(300):
            lines = (self.folder / "auth.out").read_text().splitlines()
            if len(lines) >= 2:
                self.auth_port = 0 if self.hop == "unix" else int(lines[0].rsplit(":", 1)[1])
                return
            if process.poll() is not None:
                raise RuntimeError(f"artos-auth ended with status {process.returncode}: {self._complaints()}")
            time.sleep(0.1)
        raise RuntimeError("artos-auth does not listen")

    def _complaints(self) -> str:
        time.sleep(0.2)
        return " / ".join(self.audit.get_nowait() for _ in range(self.audit.qsize()))

    def _read_audit(self, stream) -> None:
        for line in stream:
            self.audit.put(line.strip())

    def _start_proxy(self) -> None:
        self.port, self.tls_port = free_port(), free_port()
        auth = 0 if self.hop == "unix" else self.relay.port
        ports = Ports(auth, self.api.port, self.port, self.tls_port)
        write_recipe(self.proxy, self.version, self.folder, ports, self._with_hop)
        log = open(self.folder / "proxy.log", "w")
        command = COMMANDS[self.proxy](str(program(self.proxy, self.version)))
        home = {**os.environ, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=home)
        self.processes.append(process)
        for _ in range(300):
            if process.poll() is not None:
                break
            try:
                # Envoy's health check of the auth server has to pass first.
                response, reached = self.ask("/api/v1/search/status")
                if response.status == 200 and reached is not None:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"{self.proxy} does not serve: {(self.folder / 'proxy.log').read_text()[-2000:]}")

    def _with_hop(self, name: str, text: str) -> str:
        """A file of the recipe with what the way to the auth server changes in it."""
        for change in hops(self.proxy).get(self.hop, []):
            if change["file"] == name:
                if change["instead_of"] not in text:
                    raise RuntimeError(f"{name} has no {change['instead_of']!r}, which hop.toml replaces")
                text = text.replace(change["instead_of"], change["write"])
        return text.replace("/run/artos-auth/artos-auth.sock", str(self.folder / "artos.sock"))

    def token(self, *flags: str, user: str = "u1", org: str | None = "org-a", permissions=("documents:read",)) -> str:
        """A good token, unless flags of `artos-auth token mint` say otherwise."""
        flags = [*flags, *(flag for permission in permissions for flag in ("--permission", permission))]
        claims = ["--claim", 'iss="https://issuer.example"', "--claim", 'aud="https://api.example"']
        org_flags = ["--org", org or "none"]
        return self._command("token", "mint", "--key", "signing.jwk.json", "--user", user, *org_flags, *claims, *flags)

    def ask(self, target: str, *lines: str, client: Client | None = None, tls: bool = False, **shape):
        """Sends a request on a connection of its own or a given one: the answer, and what reached the API."""
        number = str(next(self.numbers))
        own = client or Client(self.tls_port if tls else self.port, tls)
        try:
            own.send(request(target, f"X-Lab: {number}", *lines, **shape))
            response = own.read(shape.get("method", "GET"))
        finally:
            if client is None:
                own.close()
        return response, self.api.received.get(number)

    def forget(self) -> None:
        """Drops the audit lines so far."""
        self.judged(0.05)

    def judged(self, patience: float = 5.0) -> list[dict]:
        """The audit lines since the last call: waits for the first one."""
        lines, deadline = [], time.monotonic() + patience
        while not lines and (left := deadline - time.monotonic()) > 0:
            try:
                lines = [self.audit.get(timeout=left)]
            except queue.Empty:
                break
        lines += [self.audit.get_nowait() for _ in range(self.audit.qsize())]
        return [line for line in map(json.loads, lines) if "outcome" in line]



__all__ = ["Received", "Response", "Stage"]
