"""Tokens, and clients that send them and record the answers."""

import base64
import http.client
import json
import random
import secrets
import threading
import time

from parts import PROTECTED, PUBLIC

# Clients of each server.
CLIENTS = 3


class Tokens:
    """The requests of clients, and the input of the reference decider."""

    def __init__(self, files, issuer):
        self.files, self.issuer, self.lock = files, issuer, threading.Lock()
        # By token: kind, and for `good` ones the moments before and after the revocation on each broker.
        self.known, self.order, self.made = {}, [], 0
        for _ in range(20):
            self.add()
        header, claims, _ = self.order[0].split(".")
        self.known[f"{header}.{claims}.{'A' * 85 + 'Q'}"] = {"kind": "signature_invalid"}
        self.known[self.of_another_key()] = {"kind": "key_unknown"}
        expired = self.mint("expired", ["--claim", f"exp={int(time.time()) - 1000}"])
        self.known[expired] = {"kind": "token_expired"}
        self.order = list(self.known)

    def mint(self, token_id, more=()):
        arguments = ["--key", "signing.jwk.json", "--user", "u1", "--org", "org-a", "--expires-in", "1d"]
        arguments += ["--claim", f'jti="{token_id}"', "--claim", f"iat={int(time.time()) - 60}"]
        arguments += ["--claim", f"iss={json.dumps(self.issuer)}"]
        return self.files.run("token", "mint", *arguments, *more).stdout.strip()

    def of_another_key(self):
        """A token with a random `kid`."""
        header = json.dumps({"alg": "ES256", "kid": f"test-only-{secrets.token_hex(8)}"}).encode()
        return ".".join([base64.urlsafe_b64encode(header).decode().rstrip("="), *self.order[0].split(".")[1:]])

    def add(self):
        self.made += 1
        token = self.mint(f"soak-{self.made}")
        with self.lock:
            self.order.append(token)
            self.known[token] = {"kind": "good", "id": f"soak-{self.made}", "begun": {}, "done": {}}

    def any(self, chance):
        with self.lock:
            # Half of the time one of the youngest, of which most are not revoked yet.
            token = chance.choice(self.order[-25:] if chance.random() < 0.5 else self.order)
            return token, self.known[token]

    def unrevoked(self, chance):
        with self.lock:
            return chance.choice([known for known in self.known.values() if known["kind"] == "good" and not known["begun"]])


class Load:
    """Clients that send random tokens to one server and record the answers."""

    def __init__(self, name, server, tokens, options, tls=None):
        self.name, self.server, self.tokens, self.tls, self.pause = name, server, tokens, tls, options.pause
        self.sent, self.over = {}, threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(options.seed, index)) for index in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def connect(self):
        if self.tls is None:
            return http.client.HTTPConnection(self.server.address, timeout=30)
        host, port = self.server.address.rsplit(":", 1)
        return http.client.HTTPSConnection(host, int(port), timeout=30, context=self.tls())

    def send(self, connection, request_id, token, known, is_public=False):
        """Sends a request and records its answer. The connection, or None if it is lost."""
        self.sent[request_id] = entry = {"public": is_public, "begun": time.time(), "known": known}
        try:
            fields = {"Authorization": f"Bearer {token}", "X-Request-Id": request_id}
            connection.request("GET", PUBLIC if is_public else PROTECTED, headers=fields)
            answer = connection.getresponse()
            answer.read()
            entry.update(status=answer.status, ended=time.time())
            return connection
        except (OSError, http.client.HTTPException) as error:
            entry["error"] = repr(error)
            return None

    def run(self, seed, index):
        chance, connection, number = random.Random(f"{seed} {self.name} {index}"), None, 0
        while not self.over.is_set():
            number += 1
            token, known = self.tokens.any(chance)
            # New connections, too: a handshake with the current certificate.
            if connection is None or chance.random() < 0.02:
                connection = self.connect()
            connection = self.send(connection, f"{self.name}-{index}-{number}", token, known, chance.random() < 0.1)
            time.sleep(self.pause)

    def send_unknown_keys(self, count):
        """Sends tokens with random `kid`, one after the other."""
        connection, known = self.connect(), {"kind": "key_unknown"}
        for _ in range(count):
            request_id = f"{self.name}-kid-{secrets.token_hex(8)}"
            connection = self.send(connection, request_id, self.tokens.of_another_key(), known) or self.connect()

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class ControlLoad:
    """One client of a server with local files only. Its samples say how busy the machine was."""

    def __init__(self, server, token, pause):
        self.server, self.token, self.pause = server, token, pause
        self.samples, self.over = [], threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        connection = http.client.HTTPConnection(self.server.address, timeout=30)
        while not self.over.is_set():
            # With the pause: a process that does not run may be in either.
            begun = time.time()
            time.sleep(self.pause)
            connection.request("GET", PROTECTED, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            self.samples.append((begun, time.time(), self.pause))

    def end(self):
        self.over.set()
        self.thread.join()
