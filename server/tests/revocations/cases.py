"""Each sentence of docs/revoke.md about a URL, Redis and Valkey, against real servers."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time

from parts import BINARY, CHECKER, PROTECTED, PUBLIC, ROOT, Broker, Files, ListByUrl, Server, TlsInFront, certificate, eventually, folder, free_port

SNAPSHOT = "artos:revocations"
LOG = "artos:revocations:log"
ALL = []


def case(function):
    ALL.append(function)
    return function


def redis(port, more=""):
    return f'redis = "redis://127.0.0.1:{port}"\n{more}'


@case
def an_entry_of_the_log_is_refused_by_every_server():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, redis(broker.port))
        by_id, by_signature, by_user, by_org, good = (
            files.token("t-1"), files.token(None), files.token("t-3", user="u3"), files.token("t-4", org="org-b"),
            files.token("t-5", user="u3", org="org-c"),
        )
        with Server(files) as one, Server(files) as two:
            for server in (one.is_ready(), two.is_ready()):
                assert [server.status(token) for token in (by_id, by_signature, by_user, by_org)] == [200] * 4
            output = files.revoke("--token-id", "t-1").stdout
            assert re.fullmatch(
                rf'revoked {{"op":"token","id":"t-1"}} in 127.0.0.1:{broker.port}, {LOG} \d+-\d+\n', output
            ), output
            output = files.with_config("revoke", "--token-file", "-", text=by_signature).stdout
            assert by_signature not in output and "signed_sha256" in output
            files.revoke("--user", "u3", "--org", "org-a")
            files.revoke("--org", "org-b")
            for server in (one, two):
                for token in (by_id, by_signature, by_user, by_org):
                    eventually("the token is refused", lambda: server.status(token) == 401)
                assert server.status(good) == 200
                for kind in ("token", "signed_sha256", "user", "organization"):
                    assert server.metric(f'artos_auth_revocations{{kind="{kind}"}}') == 1
                assert server.metric('artos_auth_revocations_applied_total{source="redis"}') == 4
                assert server.metric("artos_auth_revocation_delay_seconds_count") == 4
                assert server.metric("artos_auth_revocations_age_seconds") < 5
        assert [entry["op"] for entry in files.listed()] == ["token", "signed_sha256", "user", "organization"]
        report = files.with_config("check").stdout
        assert f"2 tokens, 1 user, 1 organization from 127.0.0.1:{broker.port}" in report, report
        report = files.with_config("check", "--offline").stdout
        assert f"not fetched from 127.0.0.1:{broker.port} (offline)" in report, report


@case
def a_compaction_is_safe_beside_writers_and_servers():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, redis(broker.port))
        past = str(int(time.time()) - 10)
        for number in range(3):
            files.revoke("--token-id", f"gone-{number}", "--expires", past)
        with Server(files) as server:
            server.is_ready()
            assert server.metric('artos_auth_revocations{kind="token"}') == 3
            command = [BINARY, "revoke", "--config", files.name, "--token-id"]
            compact = [BINARY, "revocations", "compact", "--config", files.name]
            started = []
            for number in range(12):
                started.append(subprocess.Popen([*command, f"t-{number}"], cwd=here, stdout=subprocess.DEVNULL))
                if number % 4 == 1:
                    started.append(subprocess.Popen(compact, cwd=here, stdout=subprocess.DEVNULL))
            assert [process.wait(60) for process in started] == [0] * len(started)
            output = files.compact().stdout
            assert output.endswith(": 12 entries kept, 0 expired and dropped\n"), output
            expected = sorted(f"t-{number}" for number in range(12))
            assert sorted(entry["id"] for entry in files.listed()) == expected
            eventually("what has expired is dropped", lambda: server.metric('artos_auth_revocations{kind="token"}') == 12)
            assert broker.ask("XLEN", LOG) <= 1
            snapshot = json.loads(broker.ask("GET", SNAPSHOT))
            assert snapshot["position"] == broker.ask("XREVRANGE", LOG, "+", "-")[0][0]
            files.revoke("--token-id", "after")
            eventually("the log is followed", lambda: server.status(files.token("after")) == 401)
            assert server.ready() == (200, "")
            with Server(files) as late:
                late.is_ready()
                assert [late.status(files.token(token)) for token in ("t-7", "after", "gone-1")] == [401, 401, 200]


@case
def a_broker_that_is_silent_makes_the_source_stale():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        deny = Files(here, redis(broker.port, "max_staleness_seconds = 2"), "deny.toml")
        serve = Files(here, redis(broker.port, 'max_staleness_seconds = 2\non_stale = "serve"'), "serve.toml")
        deny.revoke("--token-id", "revoked")
        good, revoked = deny.token("good"), deny.token("revoked")
        with Server(deny) as denying, Server(serve) as serving:
            denying.is_ready(), serving.is_ready()
            broker.signal(signal.SIGSTOP)
            eventually("503 is the answer", lambda: denying.status(good) == 503)
            assert denying.status("", PUBLIC) == 200
            assert denying.metric('artos_auth_decisions_total{outcome="unavailable",reason="revocations_stale"}') >= 1
            status, problem = denying.ready()
            assert status == 503 and "no answer for more than 2 seconds" in problem, problem
            eventually("it is named", lambda: "no answer for more than 2 seconds" in serving.ready()[1])
            assert (serving.ready()[0], serving.status(good), serving.status(revoked)) == (200, 200, 401)
            assert serving.metric("artos_auth_revocations_age_seconds") > 2
            with Server(serve) as starting:
                # Before the first load there are no revocations, so `on_stale` has no effect.
                assert (starting.status(good), starting.ready()[0]) == (503, 503)
            assert deny.revoke("--token-id", "x", check=False).returncode == 2
            broker.signal(signal.SIGCONT)
            for server in (denying, serving):
                server.is_ready()
                assert (server.status(good), server.status(revoked)) == (200, 401)


@case
def a_broker_that_comes_back_empty_revokes_nothing_less():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, redis(broker.port))
        files.revoke("--token-id", "in-snapshot")
        files.compact()
        files.revoke("--token-id", "in-log")
        tokens = [files.token("in-snapshot"), files.token("in-log")]
        with Server(files) as server:
            server.is_ready()
            broker.kill()
            broker.start()
            broker.ready()
            eventually("it is named", lambda: "the source is empty" in server.ready()[1])
            assert server.ready()[0] == 200
            assert [server.status(token) for token in tokens] == [401, 401]
            assert server.metric('artos_auth_reload_failures_total{file="revocations"}') >= 1
            files.revoke("--token-id", "new")
            eventually("the log is followed", lambda: server.status(files.token("new")) == 401)
            assert [server.status(token) for token in tokens] == [401, 401]
            assert "the source is empty" in server.ready()[1]
            files.compact()
            server.is_ready()
            assert server.status(files.token("new")) == 401
            # Flushed while the connection stays.
            broker.ask("FLUSHALL")
            eventually("it is named", lambda: "the source is empty" in server.ready()[1])
            assert server.status(files.token("new")) == 401


@case
def a_log_that_was_trimmed_behind_a_servers_back_is_a_gap():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, redis(broker.port, "max_staleness_seconds = 60"))
        files.revoke("--token-id", "first")
        with Server(files) as server:
            server.is_ready()
            server.process.send_signal(signal.SIGSTOP)
            files.revoke("--token-id", "missed")
            files.revoke("--token-id", "second")
            files.compact()
            files.revoke("--token-id", "third")
            server.process.send_signal(signal.SIGCONT)
            for token in ("first", "missed", "second", "third"):
                eventually("the token is refused", lambda: server.status(files.token(token)) == 401)
            server.is_ready()
            # Without a snapshot, trimmed entries are lost, which is reported.
            server.process.send_signal(signal.SIGSTOP)
            files.revoke("--token-id", "lost")
            broker.ask("XTRIM", LOG, "MAXLEN", "0")
            files.revoke("--token-id", "fourth")
            server.process.send_signal(signal.SIGCONT)
            eventually("the token is refused", lambda: server.status(files.token("fourth")) == 401)
            eventually("it is named", lambda: "lost entries" in server.ready()[1])
            assert server.status(files.token("third")) == 401
            # Only a new snapshot removes entries: the third was only in the log, and is lost with it.
            files.compact()
            server.is_ready()
            for token in ("first", "missed", "second", "fourth"):
                assert server.status(files.token(token)) == 401, token


@case
def an_entry_that_cannot_be_read_stops_nothing():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, redis(broker.port))
        with Server(files) as server:
            server.is_ready()
            broker.add(op="tokens", id="x")
            broker.add(op="user", user="u")
            broker.add(op="token", id="eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJ4In0.AAAA")
            broker.add(op="token", id="readable")
            eventually("the rest counts", lambda: server.status(files.token("readable")) == 401)
            assert server.metric("artos_auth_revocations_unreadable_total") == 3
            status, problem = server.ready()
            assert status == 200 and "cannot be read" in problem, problem
            assert "cannot be read" in files.with_config("revocations", "list").stderr
            files.compact()
            server.is_ready()
            assert server.status(files.token("readable")) == 401


@case
def a_snapshot_or_a_log_that_is_none_is_no_answer():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, redis(broker.port, "max_staleness_seconds = 2\nmax_bytes = 4096"))
        files.revoke("--token-id", "t")
        good = files.token("good")
        with Server(files) as server:
            server.is_ready()
            for value, problem in [
                ("{", "is not a JSON object"), ('{"position":"x","revocations":{}}', "`position`"),
                ('{"position":"1-0","revocations":{"token":[]}}', "`revocations`"), ("x" * 5000, "more than 4096 bytes"),
            ]:
                broker.ask("SET", SNAPSHOT, value)
                eventually("it is named", lambda: problem in server.ready()[1])
                assert files.compact(check=False).returncode == 2
            eventually("the source is stale", lambda: server.status(good) == 503)
            broker.ask("DEL", SNAPSHOT)
            eventually("it is fresh again", lambda: server.status(good) == 200)
            assert server.status(files.token("t")) == 401
            broker.ask("DEL", LOG)
            broker.ask("SET", LOG, "x")
            eventually("the source is stale", lambda: server.status(good) == 503)
            broker.ask("DEL", LOG)
            eventually("it is fresh again", lambda: server.status(good) == 200)
            assert server.status(files.token("t")) == 401


@case
def a_password_comes_from_the_environment_or_a_file():
    with folder() as here, Broker(here, "--requirepass", "test-only-password") as broker:
        broker.ready("AUTH", "test-only-password")
        by_env = Files(here, redis(broker.port, 'password = { env = "VALKEY_PASSWORD" }'), "env.toml")
        by_file = Files(here, redis(broker.port, 'password = { file = "password" }'), "file.toml")
        unset = by_env.with_config("check", check=False)
        assert unset.returncode == 2 and "`VALKEY_PASSWORD` is not set" in unset.stderr, unset.stderr
        right = {"VALKEY_PASSWORD": "test-only-password"}
        by_env.revoke("--token-id", "t", env=right)
        (by_file.folder / "password").write_text("test-only-wrong\n")
        wrong = by_file.revoke("--token-id", "t", check=False)
        assert wrong.returncode == 2 and "test-only-wrong" not in wrong.stderr, wrong.stderr
        token = by_env.token("t")
        with Server(by_env, env=right) as one, Server(by_file) as other:
            one.is_ready()
            assert one.status(token) == 401
            eventually("it is named", lambda: "refuses the connection" in other.ready()[1])
            assert (other.status(token), other.ready()[0]) == (503, 503)
            # A new password takes effect without a restart.
            (by_file.folder / "password").write_text("test-only-password\n")
            other.is_ready()
            assert other.status(token) == 401
            assert "test-only" not in one.log() + other.log()


@case
def tls_and_unix_sockets_are_spoken():
    with folder() as here:
        port, plain, socket = free_port(), free_port(), f"{here}/valkey.sock"
        tls = ["--port", str(plain), "--tls-port", str(port)]
        tls += [word for name, value in certificate(here).items() for word in (f"--{name}", value)]
        with Broker(here, *tls, "--unixsocket", socket, redis=True, port=plain) as broker:
            broker.ready()
            secure = Files(here, f'redis = "rediss://127.0.0.1:{port}/0"\nca_file = "ca.pem"', "tls.toml")
            distrusting = Files(here, f'redis = "rediss://127.0.0.1:{port}/0"', "roots.toml")
            local = Files(here, 'redis = "unix:valkey.sock"', "unix.toml")
            secure.revoke("--token-id", "t-1")
            local.revoke("--token-id", "t-2")
            refused = distrusting.revoke("--token-id", "t-3", check=False)
            assert refused.returncode == 2 and "cannot be reached" in refused.stderr, refused.stderr
            with Server(secure) as one, Server(local) as other:
                for server in (one.is_ready(), other.is_ready()):
                    assert [server.status(secure.token(token)) for token in ("t-1", "t-2", "t-3")] == [401, 401, 200]


@case
def valkey_behind_tls_is_followed():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        certificate(here)
        with TlsInFront(here, broker.port) as front:
            files = Files(here, f'redis = "rediss://127.0.0.1:{front.port}"\nca_file = "ca.pem"')
            files.revoke("--token-id", "before")
            with Server(files) as server:
                server.is_ready()
                assert server.status(files.token("before")) == 401
                files.revoke("--token-id", "after")
                eventually("the log is followed", lambda: server.status(files.token("after")) == 401)


@case
def a_missing_permission_is_named():
    """`check` and `/readyz` name the command that the user may not run; redis 1.8 lost or panicked on a refused MULTI."""
    with folder() as here:
        user = ["--user", "artos", "on", ">test-only-password", "~artos:*", "+@all"]
        with Broker(here, *user, redis=True) as broker:
            broker.ready()
            files = Files(here, f'redis = "redis://artos@127.0.0.1:{broker.port}"\npassword = {{ file = "password" }}')
            (files.folder / "password").write_text("test-only-password\n")
            for command in ("strlen", "getrange", "xinfo", "xrange", "multi", "exec"):
                broker.ask("ACL", "SETUSER", "artos", "+@all", f"-{command}")
                checked = files.with_config("check", check=False)
                assert checked.returncode == 2 and f"'{command}" in checked.stderr, (command, checked.stderr)
                assert "panicked" not in checked.stderr, checked.stderr
                if command == "multi":
                    refused = files.compact(check=False)
                    assert refused.returncode == 2 and "'multi'" in refused.stderr, refused.stderr
                    with Server(files) as server:
                        eventually("the source says why", lambda: "'multi'" in server.ready()[1])
                        broker.ask("ACL", "SETUSER", "artos", "+@all")
                        server.is_ready()


@case
def sentinel_and_its_master_speak_tls_to_an_acl_user():
    with folder() as here:
        options = certificate(here)
        port, plain, sentinel_port = free_port(), free_port(), free_port()
        tls = ["--port", str(plain), "--tls-port", str(port)]
        tls += [word for name, value in options.items() for word in (f"--{name}", value)]
        # What docs/revoke.md says that servers, `revoke` and `compact` need.
        rights = "strlen getrange xinfo xrange xread info multi exec role xadd set xtrim watch unwatch"
        rights = [f"+{name}" for name in rights.split()]
        user = ["--user", "artos", "on", ">test-only-password", "~artos:*", *rights]
        with open(f"{here}/sentinel.conf", "w") as file:
            lines = [f"port 0\ntls-port {sentinel_port}\nbind 127.0.0.1\ndir {here}\ntls-replication yes"]
            lines += [f"{name} {value}" for name, value in options.items()]
            file.write("\n".join([*lines, f"sentinel monitor mymaster 127.0.0.1 {port} 1\n"]))
        with Broker(here, *tls, *user, redis=True, port=plain) as broker:
            broker.ready()
            sentinel = subprocess.Popen(
                ["redis-sentinel", f"{here}/sentinel.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                text = (
                    f'service = "mymaster"\nsentinels = ["127.0.0.1:{sentinel_port}"]\nca_file = "ca.pem"\n'
                    'password = { file = "password" }\nredis = '
                )
                files = Files(here, f'{text}"rediss://artos@mymaster"')
                stranger = Files(here, f'{text}"rediss://stranger@mymaster"', "stranger.toml")
                plaintext = Files(here, f'{text}"redis://artos@mymaster"'.replace('ca_file = "ca.pem"\n', ""), "plain.toml")
                (files.folder / "password").write_text("test-only-password\n")
                eventually("Sentinel answers", lambda: files.revoke("--token-id", "before", check=False).returncode == 0)
                for other in (stranger, plaintext):
                    refused = other.revoke("--token-id", "x", check=False)
                    assert refused.returncode == 2 and "test-only-password" not in refused.stderr, refused.stderr
                with Server(files) as server:
                    server.is_ready()
                    assert server.status(files.token("before")) == 401
                    files.revoke("--token-id", "after")
                    eventually("the log is followed", lambda: server.status(files.token("after")) == 401)
                    assert server.status(files.token("x")) == 200
                    files.compact()
                    server.is_ready()
                    assert server.status(files.token("before")) == 401
            finally:
                sentinel.kill()
                sentinel.wait()


@case
def a_failover_is_followed_through_sentinel():
    with folder() as here:
        one, two, three = (f"{here}/{name}" for name in ("one", "two", "three"))
        for name in (one, two, three):
            os.mkdir(name)
        with Broker(one, redis=True) as master, Broker(two, "--replicaof", f"127.0.0.1 {master.port}", redis=True) as replica:
            master.ready()
            replica.ready()
            eventually("the replica follows", lambda: "master_link_status:up" in replica.ask("INFO", "replication"))
            port = free_port()
            with open(f"{three}/sentinel.conf", "w") as file:
                file.write(
                    f"port {port}\nbind 127.0.0.1\ndir {three}\nsentinel monitor mymaster 127.0.0.1 {master.port} 1\n"
                    "sentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 3000\n"
                )
            sentinel = subprocess.Popen(
                ["redis-sentinel", f"{three}/sentinel.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                text = 'redis = "redis://mymaster"\nservice = "mymaster"\nmax_staleness_seconds = 30\n'
                files = Files(here, f'{text}sentinels = ["127.0.0.1:{free_port()}", "127.0.0.1:{port}"]')
                eventually("Sentinel answers", lambda: files.revoke("--token-id", "before", check=False).returncode == 0)
                with Server(files) as server:
                    server.is_ready()
                    assert server.status(files.token("before")) == 401
                    watch = Broker(three, port=port)
                    eventually(
                        "Sentinel knows the replica",
                        lambda: "slaves=1" in watch.ask("INFO", "sentinel"), 20,
                    )
                    # The replica has all of it before the master is gone.
                    eventually("the entry is replicated", lambda: replica.ask("XLEN", LOG) == master.ask("XLEN", LOG))
                    master.kill()
                    eventually("Sentinel fails over", lambda: files.revoke("--token-id", "after", check=False).returncode == 0, 25)
                    eventually("the new master is followed", lambda: server.status(files.token("after")) == 401, 20)
                    assert server.status(files.token("before")) == 401
                    server.is_ready()
            finally:
                sentinel.kill()
                sentinel.wait()


@case
def a_broker_that_may_evict_keys_is_a_warning():
    with folder() as here, Broker(here, "--maxmemory-policy", "allkeys-lru", "--maxmemory", "50mb") as broker:
        broker.ready()
        files = Files(here, redis(broker.port))
        warning = "its `maxmemory-policy` is `allkeys-lru`"
        checked = files.with_config("check")
        assert warning in checked.stderr, checked.stderr
        with Server(files) as server:
            server.is_ready()
            eventually("it is told", lambda: warning in server.log())


@case
def a_list_by_url_is_polled():
    with folder() as here, ListByUrl('{"tokens": ["t-1"]}') as source:
        text = f'url = "{source.url}?secret=x"\npoll_seconds = 1\nmax_staleness_seconds = 4\nmax_bytes = 4096'
        files = Files(here, text)
        one, two, good = files.token("t-1"), files.token("t-2"), files.token("good")
        assert files.listed() == [{"op": "token", "id": "t-1"}]
        for command in (files.revoke("--token-id", "x", check=False), files.compact(check=False)):
            assert command.returncode == 2 and "a list by URL cannot be written" in command.stderr
        assert "1 token, 0 users, 0 organizations from 127.0.0.1" in files.with_config("check").stdout
        with Server(files) as server:
            server.is_ready()
            assert (server.status(one), server.status(two)) == (401, 200)
            eventually("an unchanged list is not sent again", lambda: 304 in source.seen)
            source.body = '{"tokens": ["t-1", {"id": "t-2", "expires": 5}]}'
            eventually("a new list counts", lambda: server.status(two) == 401)
            assert server.metric('artos_auth_revocations_applied_total{source="url"}') == 2
            # What is wrong changes nothing, until it is stale.
            for body, status, problem in [
                ('{"token": []}', 200, "is not a list of revocations"), ("", 500, "answers 500"),
                ("", 302, "redirects are not followed"), ("x" * 5000, 200, "more than 4096 bytes"),
            ]:
                source.body, source.status = body, status
                eventually("it is named", lambda: problem in server.ready()[1])
                assert "secret" not in server.ready()[1]
            eventually("the source is stale", lambda: server.status(good) == 503)
            assert server.status("", PUBLIC) == 200 and server.ready()[0] == 503
            source.body, source.status = '{"tokens": ["t-1"]}', 200
            eventually("it is fresh again", lambda: server.status(good) == 200)
            assert (server.status(one), server.status(two)) == (401, 200)
            server.is_ready()
            source.delay = 60
            eventually("a source that hangs is stale", lambda: server.status(good) == 503)


@case
def a_reload_goes_from_one_source_to_another():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, 'file = "revocations.json"')
        (files.folder / "revocations.json").write_text('{"tokens": ["in-file"]}')
        by_redis = Files(here, redis(broker.port), "redis.toml")
        by_redis.revoke("--token-id", "in-log")
        tokens = [files.token("in-file"), files.token("in-log")]
        with Server(files) as server:
            server.is_ready()
            assert [server.status(token) for token in tokens] == [401, 200]
            files.configure(redis(broker.port))
            server.process.send_signal(signal.SIGHUP)
            eventually("the log counts", lambda: [server.status(token) for token in tokens] == [200, 401])
            server.is_ready()
            # A source that cannot be had: nothing is known of it, so nothing is judged by it.
            files.configure(redis(free_port()))
            server.process.send_signal(signal.SIGHUP)
            eventually("503 is the answer", lambda: server.status(tokens[0]) == 503)
            files.configure('file = "revocations.json"')
            server.process.send_signal(signal.SIGHUP)
            eventually("the file counts", lambda: [server.status(token) for token in tokens] == [401, 200])
            server.is_ready()


@case
def the_commands_of_the_page_work():
    page = (ROOT / "docs" / "revoke.md").read_text()
    section = page.split("## In Redis or Valkey")[1].split("\n## ")[0]
    commands = section.split("```sh\n")[1].split("```")[0]
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, redis(broker.port))
        path = f"{BINARY.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-ec", commands], cwd=here, capture_output=True, text=True, env={**os.environ, "PATH": path}, timeout=60
        )
        assert done.returncode == 0 and not done.stderr, done
        assert files.listed(), done


@case
def the_checker_measures_a_revocation_on_every_server():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, redis(broker.port))
        deaf = Files(here, 'file = "revocations.json"', "deaf.toml")
        (files.folder / "revocations.json").write_text("{}")
        with contextlib.ExitStack() as running:
            ten = [running.enter_context(Server(files)) for _ in range(10)]
            other = running.enter_context(Server(deaf))
            for server in (*ten, other):
                server.is_ready()

            def measure(servers, *more):
                addresses = [server.address for server in servers]
                command = [str(BINARY), "revoke", "--config", files.name, "--token-file", "{token_file}"]
                (files.folder / "profile.toml").write_text(
                    'target = "http://api.example"\n[signing]\nkey = "signing.jwk.json"\norganization = "org-a"\n'
                    f"[revocation]\ncommand = {json.dumps(command)}\naddresses = {json.dumps(addresses)}\n"
                )
                done = subprocess.run(
                    [CHECKER, "revocation", "--profile", "profile.toml", "--format", "json", *more],
                    cwd=here, capture_output=True, text=True, timeout=60,
                )
                assert not done.stderr, done.stderr
                return done.returncode, json.loads(done.stdout)

            status, report = measure(ten, "--runs", "2")
            assert (status, report["verdict"], len(files.listed())) == (0, "conforms", 2), report
            assert report["summary"]["runs"] == 2, report
            assert [len(run["instances"]) for run in report["runs"]] == [10, 10], report
            status, report = measure(ten[:1])
            assert (status, report["verdict"]) == (0, "conforms"), report
            # A server with another source of revocations never gets this one.
            status, report = measure([ten[0], other], "--max-seconds", "1")
            refusing, accepting = report["runs"][0]["instances"]
            assert (status, report["verdict"]) == (1, "violates"), report
            assert refusing["first_refusal_seconds"] is not None, refusing
            assert refusing["last_acceptance_seconds"] is None, refusing
            assert (accepting["address"], accepting["first_refusal_seconds"]) == (other.address, None), accepting
