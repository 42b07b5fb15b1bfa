#!/usr/bin/env python3
"""Runs every client of this folder against `artos-auth serve --dev`; against `artos-auth serve` over TLS, with a
certification authority of its own; and against a scripted server for what neither ever answers: a token that is rotated
between two attempts, a 503, a redirect.

    docs/clients/test.py [PATH_OF_ARTOS_AUTH]

It needs curl, Go, Node.js, OpenSSL, and Python with requests; a missing one is a failure.
"""

import concurrent.futures
import contextlib
import http.server
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
GOOD, EXPIRED = "good-header.good-payload.good-signature", "old-header.old-payload.old-signature"
#: The variable that names the trusted certification authority of each client.
CA_VARIABLE = {"curl": "ARTOS_CA_FILE", "python": "ARTOS_CA_FILE", "javascript": "NODE_EXTRA_CA_CERTS", "go": "SSL_CERT_FILE"}
failures = []
tried = []


def clients(work):
    """Each client's name and command."""
    binary = work / "client-go"
    subprocess.run(["go", "build", "-o", binary, HERE / "client.go"], check=True, env={**os.environ, "GO111MODULE": "off"})
    return {
        "curl": ["bash", HERE / "client.sh"],
        "python": [sys.executable, HERE / "client.py"],
        "javascript": ["node", HERE / "client.mjs"],
        "go": [binary],
    }


def call(command, base, path, token, work, **environment):
    """Runs a client; returns its exit status, standard output and standard error."""
    file = work / "token.jwt"
    file.write_text(token + "\n")
    env = {k: v for k, v in os.environ.items() if not k.startswith("ARTOS_")}
    env |= {"ARTOS_API_URL": base, "ARTOS_TOKEN_FILE": str(file)} | environment
    done = subprocess.run([*command, path], env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def expect(name, what, got, status, text, tokens):
    """Checks the exit status of one run, a part of its output, and that no token is in it."""
    tried.append(what)
    returned, out, err = got
    if returned != status or text not in out + err:
        failures.append(f"{name}, {what}: exit {returned} (expected {status}), output {out + err!r}")
    for token in tokens:
        for part in filter(lambda part: len(part) >= 8, token.split(".")):
            if any(part[at : at + 12] in out + err for at in range(0, len(part) - 8, 4)):
                failures.append(f"{name}, {what}: the output shows a part of the token")
                return


class Scripted(http.server.BaseHTTPRequestHandler):
    """A server with scripted answers, like a deployment whose tokens rotate and whose instances restart."""

    def do_GET(self):
        seen = self.server.seen
        count = seen[self.path] = seen.get(self.path, 0) + 1
        good = self.headers.get("Authorization") == f"Bearer {GOOD}"
        if self.path == "/redirect":
            self.answer(302, "", Location="/elsewhere")
        elif self.path == "/restarting" and count == 1:
            self.answer(503, '{"detail":"Service unavailable"}', **{"Retry-After": "0"})
        elif good:
            self.answer(200, '{"ok":true}')
        else:
            if self.path == "/rotated":
                self.server.token_file.write_text(GOOD + "\n")
            self.answer(401, '{"detail":"Invalid authentication credentials"}')

    def answer(self, status, body, **fields):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def against_a_script(name, command, work):
    """Tests a client while tokens rotate and instances restart."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    server.token_file, server.seen = work / "token.jwt", {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    tokens = [GOOD, EXPIRED]
    expect(name, "a token rotated between two attempts", call(command, base, "/rotated", EXPIRED, work), 0, "ok", tokens)
    expect(name, "a token that stays bad", call(command, base, "/bad", EXPIRED, work), 4, "new token", tokens)
    expect(name, "a 503", call(command, base, "/restarting", GOOD, work), 0, "ok", tokens)
    expect(name, "a redirect", call(command, base, "/redirect", GOOD, work), 1, "HTTP 302", tokens)
    for path, count in {"/rotated": 2, "/bad": 1, "/restarting": 2, "/redirect": 1, "/elsewhere": 0}.items():
        if server.seen.get(path, 0) != count:
            failures.append(f"{name}: {path} was asked {server.seen.get(path, 0)} times, not {count}")
    server.shutdown()
    refused = call(command, "http://api.example", "/", GOOD, work)
    expect(name, "plain http", refused, 2, "https://", tokens)
    lacking = call(command, base, "/", GOOD, work, ARTOS_TOKEN_FILE=str(work / "nowhere"))
    expect(name, "a token file that is not there", lacking, 1, "", tokens)


def against_the_server(name, command, work, base, tokens, **environment):
    """Tests what a client prints for each answer of the documented API."""
    for what, token, path, status, text in [
        ("a good token", tokens["TOKEN"], "/api/v1/documents/doc-a", 0, "org-a"),
        ("no token", "", "/api/v1/templates/", 3, "401 Not authenticated"),
        ("an expired token", tokens["TOKEN_EXPIRED"], "/api/v1/templates/", 4, "401 Invalid authentication credentials"),
        ("a revoked token", tokens["TOKEN_REVOKED"], "/api/v1/templates/", 4, "401 Invalid authentication credentials"),
        ("another organization", tokens["TOKEN_ORG_B"], "/api/v1/documents/doc-a", 5, "403 User has no organization"),
        ("the public endpoint", "", "/api/v1/search/status", 0, ""),
    ]:
        got = call(command, base, path, token, work, **environment)
        expect(name, f"{what} at {base}", got, status, text, tokens.values())


def over_tls(name, command, work, base, tokens, authority):
    """The same over TLS; a server with an untrusted certificate gets no token."""
    against_the_server(name, command, work, base, tokens, **{CA_VARIABLE[name]: str(authority)})
    untrusted = call(command, base, "/api/v1/templates/", tokens["TOKEN"], work)
    expect(name, "an untrusted certificate", untrusted, 1, "no answer", tokens.values())


def certificates(work):
    """Creates a certification authority and a certificate for 127.0.0.1. Returns the authority's file."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=work, check=True, capture_output=True)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    usage = ["-addext", "keyUsage=critical,keyCertSign"]
    openssl("req", "-x509", *new_key, *usage, "-days", "2", "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", *new_key, "-subj", "/CN=test", "-keyout", "tls.key", "-out", "tls.csr")
    (work / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "names"]
    openssl("x509", "-req", "-in", "tls.csr", *signed, "-out", "tls.crt")
    return work / "ca.crt"


def deployment(work, binary):
    """Writes the configuration of a server with TLS, with the tokens that `serve --dev` prints."""

    def run(*arguments):
        return subprocess.run([binary, *arguments], cwd=work, check=True, capture_output=True, text=True).stdout

    def mint(organization, *more):
        return run("token", "mint", "--key", "key.jwk.json", "--user", "alice", "--org", organization, *more).strip()

    run("keys", "generate", "--alg", "ES256", "--kid", "test-only-not-a-real-key", "--out", "key.jwk.json")
    (work / "keys.jwks.json").write_text(run("keys", "public", "--in", "key.jwk.json"))
    (work / "revocations.json").write_text('{"tokens": ["revoked-1"]}')
    (work / "artos-auth.toml").write_text("""
listen = "127.0.0.1:0"
tls = { certificate = "tls.crt", key = "tls.key" }
keys = { file = "keys.jwks.json" }
revocations = { file = "revocations.json" }
audit = { output = "off" }
resources = [
    { path = "/api/v1/documents/doc-a", organization = "org-a" },
    { path = "/{*rest}", unowned = true },
]
""")
    return {
        "TOKEN": mint("org-a"),
        "TOKEN_EXPIRED": mint("org-a", "--expires-in=-1h"),
        "TOKEN_REVOKED": mint("org-a", "--claim", 'jti="revoked-1"'),
        "TOKEN_ORG_B": mint("org-b"),
    }


@contextlib.contextmanager
def serving(binary, *arguments, cwd=None):
    """A running server: its base URL and its printed tokens."""
    server = subprocess.Popen(
        [binary, "serve", *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        base, tokens = None, {}
        for line in server.stdout:
            base = base or (match := re.match(r"listening on (http\S+)", line)) and match[1]
            if match := re.match(r"(TOKEN\w*)='([^']+)'", line):
                tokens[match[1]] = match[2]
            if line.startswith("curl") or "--config" in arguments and base:
                break
        threading.Thread(target=server.stdout.read, daemon=True).start()
        yield base, tokens
    finally:
        server.terminate()
        server.wait(20)


def main():
    binary = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent.parent / "target/debug/artos-auth").resolve()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        authority, tls_tokens = certificates(work), deployment(work, binary)
        with (
            serving(binary, "--dev", "--listen", "127.0.0.1:0") as (base, tokens),
            serving(binary, "--config", "artos-auth.toml", cwd=work) as (tls_base, _),
        ):

            def every_server(client):
                name, command = client
                own = work / name
                own.mkdir()
                against_the_server(name, command, own, base, tokens)
                over_tls(name, command, own, tls_base, tls_tokens, authority)
                against_a_script(name, command, own)

            with concurrent.futures.ThreadPoolExecutor() as pool:
                list(pool.map(every_server, clients(work).items()))
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    print(f"{len(tried) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or len(tried) < 70 else 0


if __name__ == "__main__":
    sys.exit(main())
