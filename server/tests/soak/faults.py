"""Faults of everything that a server reads from outside."""

import contextlib
import http.server
import json
import os
import signal
import subprocess
import threading
import time

from parts import Broker, certificate, eventually
from reference import STALENESS

LOG = "artos:revocations:log"
# Of `[keys]`: at the latest, and between fetches that an unknown `kid` asks for.
REFRESH, COOLDOWN = 5, 2


class Issuer:
    """Serves its metadata and a JWK Set, or something else."""

    FAULTS = ("hang", "500", "redirect", "html", "empty", "cut", "large", "lie")

    def __init__(self, keys):
        self.keys, self.fault, self.fetches = keys, None, 0
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path.startswith("/.well-known/"):
                    named = f"{owner.url}/other" if owner.fault == "lie" else owner.url
                    return self.answer(200, json.dumps({"issuer": named, "jwks_uri": f"{owner.url}/keys"}).encode())
                owner.fetches += 1
                if owner.fault == "hang":
                    time.sleep(3)
                body = {
                    "html": b"<html>", "empty": b'{"keys": []}', "cut": owner.keys[:40], "large": b" " * (5 << 20) + owner.keys,
                }.get(owner.fault, owner.keys)
                status = {"500": 500, "redirect": 302}.get(owner.fault, 200)
                self.answer(status, body, len(owner.keys) if owner.fault == "cut" else len(body))

            def answer(self, status, body, length=None):
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Location", "/other")
                    self.send_header("Content-Length", str(len(body) if length is None else length))
                    self.end_headers()
                    self.wfile.write(body)
                    self.close_connection = length not in (None, len(body))

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


class Certificates:
    """Certificates of a server, swapped by a symbolic link to their folder."""

    def __init__(self, here):
        self.here, self.made, self.good = here, 0, []
        self.good.append(self.link(self.make()))

    def make(self):
        self.made += 1
        folder = self.here / f"certificate-{self.made}"
        folder.mkdir()
        certificate(folder)
        return folder

    def link(self, folder):
        link = self.here / "certificate.new"
        link.symlink_to(folder, target_is_directory=True)
        os.replace(link, self.here / "certificate")
        return folder

    def expired(self):
        """A pair that matches and is outside its validity."""
        folder = self.make()
        for command in (["req", "-new", "-key", "key.pem", "-subj", "/CN=test-only", "-out", "request.pem"],
                        ["x509", "-req", "-in", "request.pem", "-signkey", "key.pem", "-days", "-1", "-out", "ca.pem"]):
            subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)
        return folder

    def mismatched(self):
        """A certificate beside the key of another one."""
        folder = self.make()
        (folder / "key.pem").write_bytes((self.make() / "key.pem").read_bytes())
        return folder


class Faults:
    """One fault after the other, each ended before the next one begins."""

    KINDS = (
        "break_issuer", "unknown_keys", "stop", "empty", "trim", "change_password", "failover", "swap_certificate",
        "expired_certificate", "mismatched_certificate",
    )

    def __init__(self, here, parts, tokens, chance):
        self.here, self.tokens, self.chance = here, tokens, chance
        self.issuer, self.valkey, self.sentinel, self.files, self.certificates = parts
        # Set when the servers run.
        self.servers, self.loads = {}, {}
        self.counts, self.order, self.windows, self.wrong = {}, [], {"valkey": [], "redis": []}, []

    def one(self):
        # Each kind once before any comes again.
        if not self.order:
            self.order = self.chance.sample(self.KINDS, len(self.KINDS))
        kind, begun = self.order.pop(), time.time()
        getattr(self, kind)()
        self.counts[kind] = self.counts.get(kind, 0) + 1
        print(f"{kind:22} {time.time() - begun:5.1f} s", flush=True)

    @contextlib.contextmanager
    def window(self, broker):
        begun = time.time()
        yield
        # A reconnect takes up to a second, and an answer of the broker some more.
        self.windows[broker].append((begun, time.time() + 8))

    def break_issuer(self):
        self.issuer.fault = self.chance.choice(Issuer.FAULTS)
        time.sleep(self.chance.uniform(1, 6))
        self.issuer.fault = None

    def unknown_keys(self):
        """1,000 tokens with random `kid`, which may not reach the issuer."""
        begun, before = time.monotonic(), self.issuer.fetches
        self.loads[self.chance.choice(sorted(self.loads))].send_unknown_keys(1000)
        # Of both servers. One fetch of each may be due or kept from before.
        passed, fetches = time.monotonic() - begun, self.issuer.fetches - before
        if fetches > len(self.loads) * (passed / COOLDOWN + passed / REFRESH + 2):
            self.wrong.append(f"{fetches} fetches of keys in {passed:.1f} s of unknown keys")

    def stop(self):
        with self.window("valkey"):
            self.valkey.signal(signal.SIGSTOP)
            time.sleep(self.chance.uniform(0.5, STALENESS + 4))
            self.valkey.signal(signal.SIGCONT)

    def empty(self):
        with self.window("valkey"):
            self.valkey.kill()
            time.sleep(self.chance.uniform(0, 3))
            self.valkey.start()
            self.valkey.ready()
            self.revoke_again("valkey", self.valkey)

    def trim(self):
        """Trims what the server has not read, in one transaction with the loss of its connection."""
        self.valkey.ask_all([
            ["MULTI"], ["CLIENT", "KILL", "TYPE", "normal"], ["XADD", LOG, "*", "op", "token", "id", "trimmed"],
            ["XTRIM", LOG, "MAXLEN", "0"], ["EXEC"],
        ])
        self.revoke_again("valkey", self.valkey)

    def change_password(self):
        with self.window("valkey"):
            self.valkey.ask_all([["CONFIG", "SET", "requirepass", "test-only-other"], ["CLIENT", "KILL", "TYPE", "normal"]])
            time.sleep(self.chance.uniform(0.5, STALENESS + 4))
            self.valkey.ask("CONFIG", "SET", "requirepass", "", login=("AUTH", "test-only-other"))

    def revoke_again(self, name, broker):
        """Follows the server's advice for lost entries: revoke them again, then compact."""
        lost = [known["id"] for known in list(self.tokens.known.values()) if known["kind"] == "good" and name in known["begun"]]
        if lost:
            broker.ask_all([["XADD", LOG, "*", "op", "token", "id", token_id] for token_id in lost])
        self.files[name].compact()

    def master(self):
        return Broker(self.here, port=int(self.sentinel.ask("SENTINEL", "get-master-addr-by-name", "mymaster")[1]))

    def failover(self):
        def is_ready():
            state = self.sentinel.ask("SENTINEL", "replicas", "mymaster")
            fields = dict(zip(state[0][::2], state[0][1::2])) if state else {}
            return fields.get("master-link-status") == "ok" and fields.get("flags") == "slave"

        eventually("the replica follows", is_ready, 60)
        before = self.master().port
        with self.window("redis"):
            self.sentinel.ask("SENTINEL", "failover", "mymaster")
            eventually("Sentinel fails over", lambda: self.master().port != before, 60)
            eventually("the replica follows", is_ready, 60)
            # Replication is asynchronous.
            self.revoke_again("redis", self.master())

    def swap_certificate(self):
        self.certificates.good.append(self.certificates.link(self.certificates.make()))
        time.sleep(2)

    def refuse(self, folder):
        """A pair that the server does not take: it serves the old one, names the new one, and recovers with a good one."""
        server = self.servers["valkey"]

        def is_named():
            failed = json.loads(server.get(server.admin, "/readyz")[1])["failed"]
            return any(entry["source"] == "tls" for entry in failed)

        self.certificates.link(folder)
        eventually("the certificate is named", is_named, 60)
        self.swap_certificate()
        eventually("the certificate is taken", lambda: not is_named(), 60)

    def expired_certificate(self):
        self.refuse(self.certificates.expired())

    def mismatched_certificate(self):
        self.refuse(self.certificates.mismatched())


def revoke(faults, tokens, chance, over):
    """Revokes a token on each broker, twice a second; a broker that fails is tried again."""
    while not over.is_set():
        tokens.add()
        known = tokens.unrevoked(chance)
        for name, broker in (("valkey", lambda: faults.valkey), ("redis", faults.master)):
            known["begun"][name] = time.time()
            while not over.is_set():
                # Besides a lost connection: a master that is a replica by now, or another password.
                with contextlib.suppress(OSError, RuntimeError, ValueError, AssertionError):
                    broker().add(op="token", id=known["id"])
                    known["done"][name] = time.time()
                    break
                time.sleep(0.1)
        over.wait(0.5)
