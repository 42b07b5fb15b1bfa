"""Logs and snapshots that are longer than one read, and a log that nobody compacts."""

import json

from cases import LOG, SNAPSHOT, case, redis
from parts import Broker, Files, Server, eventually, folder

TOKENS = 'artos_auth_revocations{kind="token"}'


def append(broker, numbers):
    broker.ask_all([["XADD", LOG, "*", "op", "token", "id", f"long-{number}"] for number in numbers])


@case
def a_log_that_is_never_compacted_is_followed_and_loaded():
    """More entries than are folded into the compact set at once, appended while the server folds the ones before."""
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, redis(broker.port))
        tokens = {number: files.token(f"long-{number}") for number in (0, 19_999, 20_000, 44_999, 45_000)}
        expected = {number: 401 if number < 45_000 else 200 for number in tokens}
        with Server(files) as server:
            server.is_ready()
            for first in range(0, 45_000, 5_000):
                append(broker, range(first, first + 5_000))
            eventually("all are applied", lambda: server.metric(TOKENS) == 45_000, 60)
            assert {number: server.status(token) for number, token in tokens.items()} == expected
            with Server(files) as late:
                late.is_ready()
                assert late.metric(TOKENS) == 45_000
                assert {number: late.status(token) for number, token in tokens.items()} == expected
                append(broker, [45_000])
                for one in (server, late):
                    eventually("the log is followed", lambda: one.status(tokens[45_000]) == 401)
            # A compaction replaces what was folded.
            files.compact()
            files.revoke("--token-id", "after")
            eventually("the log is followed", lambda: server.status(files.token("after")) == 401)
            assert server.metric(TOKENS) == 45_002
            assert server.ready() == (200, "")


@case
def a_snapshot_of_several_parts_is_loaded():
    with folder() as here, Broker(here) as broker:
        broker.ready()
        files = Files(here, redis(broker.port))
        # 2.8 MB: between the boundaries of the parts of 1 MiB, and with an id across one of them.
        ids = [f"{number:020}" for number in range(115_000)]
        broker.ask("SET", SNAPSHOT, json.dumps({"position": "1-0", "revocations": {"tokens": ids}}))
        with Server(files) as server:
            server.is_ready()
            assert server.metric(TOKENS) == len(ids)
            for token_id in ids[:: len(ids) // 7]:
                assert server.status(files.token(token_id)) == 401
            assert server.status(files.token("other")) == 200
        assert len(files.listed()) == len(ids)
