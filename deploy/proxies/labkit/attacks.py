"""What is tried through each proxy.

Each trial takes a stage and returns a short observation for the table. It raises `Broken` where the deployment did what it
must not do: that fails the lab.
"""

import itertools
import time

from .stage import Stage
from .wire import Client

PUBLIC, PROTECTED = "/api/v1/search/status", "/api/v1/templates/"
NAMES = ["X-Auth-User-Id", "X-Auth-Org-Id", "X-Auth-Permissions", "X-Auth-Token-Id"]
FORGED = [f"{name}: forged" for name in NAMES]


class Broken(Exception):
    """The deployment did what it must not do."""


def spellings(name: str) -> list[str]:
    """The name with `_` for one of its `-` or more."""
    parts = name.split("-")
    joints = list(itertools.product("-_", repeat=len(parts) - 1))[1:]
    return ["".join(itertools.chain(*zip(parts, [*joint, ""]))) for joint in joints]


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


def identity(reached, expected: dict[str, str]) -> None:
    """The identity fields that a backend reads are those of the auth server, or absent where those are empty."""
    for name in NAMES:
        wanted = expected.get(name, "")
        values = reached.values(name)
        if values != [wanted] and not (wanted == "" and values == []):
            raise Broken(f"the API reads {name} = {values}, not {wanted!r}")


def allowed(stage: Stage, target: str, *lines: str, **shape):
    response, reached = stage.ask(target, *lines, **shape)
    if response.status != 200 or reached is None:
        raise Broken(f"{target}: {response.status} {response.body[:80]!r} for a request that is to be allowed")
    return response, reached


def refused(stage: Stage, target: str, *lines: str, **shape):
    try:
        response, reached = stage.ask(target, *lines, **shape)
    except ConnectionError:
        # A proxy may close the connection instead of answering.
        return None
    if reached is not None:
        raise Broken(f"{target} {lines}: the API was reached as {reached.method} {reached.target}")
    if 200 <= response.status < 400:
        raise Broken(f"{target} {lines}: {response.status}")
    return response


def statuses(responses) -> str:
    """The observed statuses, without duplicates."""
    seen = sorted({str(response.status) if response else "closed" for response in responses})
    return ", ".join(seen)


U1 = {"X-Auth-User-Id": "u1", "X-Auth-Org-Id": "org-a", "X-Auth-Permissions": "documents:read"}


def good(stage: Stage, *flags: str) -> str:
    return bearer(stage.token("--claim", "jti=null", *flags))


def identity_arrives(stage: Stage) -> str:
    token = stage.token("--claim", 'jti="t1"', user="u 1", permissions=("documents:read", "a b"))
    _, reached = allowed(stage, PROTECTED, bearer(token))
    identity(reached, {
        "X-Auth-User-Id": "u%201", "X-Auth-Org-Id": "org-a", "X-Auth-Permissions": "documents:read a%20b",
        "X-Auth-Token-Id": "t1",
    })
    return "all four"


def forged_once(stage: Stage) -> str:
    # The token has no id: that field is empty on our side.
    _, reached = allowed(stage, PROTECTED, good(stage), *FORGED)
    identity(reached, U1)
    return "replaced"


def forged_twice(stage: Stage) -> str:
    twice = [f"{name}: other" for name in NAMES]
    _, reached = allowed(stage, PROTECTED, *twice, good(stage), *FORGED)
    identity(reached, U1)
    return "replaced"


def forged_underscores(stage: Stage) -> str:
    lines = [f"{spelling}: forged" for name in NAMES for spelling in spellings(name)]
    response, reached = stage.ask(PROTECTED, good(stage), *lines)
    if reached is None:
        return f"refused ({response.status})"
    identity(reached, U1)
    return "removed"


def forged_on_public(stage: Stage) -> str:
    aliases = [f"{spelling}: forged" for name in NAMES for spelling in spellings(name)]
    for lines in (FORGED, [*FORGED, *FORGED], aliases):
        response, reached = stage.ask(PUBLIC, *lines)
        if reached is not None:
            identity(reached, {})
    _, reached = allowed(stage, PUBLIC, *FORGED)
    return "removed" if not any(reached.values(name) for name in NAMES) else "set to empty"


def forged_connection(stage: Stage) -> str:
    seen = set()
    for name in NAMES:
        response, reached = stage.ask(PROTECTED, good(stage), f"Connection: keep-alive, {name}", *FORGED)
        if reached is not None:
            identity(reached, U1)
        elif response.status < 400:
            raise Broken(f"Connection: {name}: {response.status} from somebody else than the API")
        seen.add("200, identity intact" if reached is not None else f"refused ({response.status})")
    for name in ("Authorization", "X-Forwarded-Uri", "X-Original-URI", "X-Original-Method", "X-Forwarded-Host"):
        forged = ("X-Forwarded-Uri: " + PUBLIC, "X-Original-URI: " + PUBLIC)
        refused(stage, PROTECTED, f"Connection: {name}", *forged)
    return ", ".join(sorted(seen))


def forged_description(stage: Stage) -> str:
    url = f"https://api.example{PUBLIC}"
    fields = {
        "X-Forwarded-Uri": PUBLIC, "X-Forwarded-Method": "GET", "X-Forwarded-Host": "other.example",
        "X-Forwarded-Path": PUBLIC, "X-Forwarded-Prefix": PUBLIC, "X-Original-URI": PUBLIC, "X-Original-Method": "GET",
        "X-Original-Host": "other.example", "X-Original-URL": url, "X-Rewrite-URL": PUBLIC,
        "X-Envoy-Original-Path": PUBLIC, "X-HTTP-Method-Override": "GET",
    }
    lines = [f"{name}: {value}" for name, value in fields.items()]
    aliases = [f"{s}: {value}" for name, value in fields.items() if "-" in name for s in spellings(name)]
    responses = [refused(stage, PROTECTED, *lines), refused(stage, PROTECTED, *lines, *lines)]
    responses += [refused(stage, PROTECTED, line) for line in [*lines, *aliases]]
    # The method that counts is the request's own.
    denied = refused(
        stage, "/api/v1/documents/generate", good(stage), "X-Forwarded-Method: GET", "X-Original-Method: GET",
        method="POST", body=b"{}",
    )
    if denied is None or denied.status != 403:
        raise Broken(f"a POST without its permission: {denied}")
    return statuses(responses)


def forwarded_field(stage: Stage) -> str:
    lines = ("Forwarded: for=127.0.0.1;host=other.example;proto=https;path=" + PUBLIC,)
    return statuses([refused(stage, PROTECTED, *lines)])


LOOK_ALIKES = {
    "encoded letter": "/api/v1/search/%73tatus", "doubled slash": "//api/v1/search/status",
    "inner doubled slash": "/api/v1//search/status", "dot segment": "/api/v1/./search/status",
    "two dots": "/api/v1/x/../search/status", "encoded dots": "/api/v1/x/%2e%2e/search/status",
    "encoded slash": "/api/v1/search%2Fstatus", "backslash": "/api/v1/search\\status",
    "encoded backslash": "/api/v1/search%5Cstatus", "semicolon": "/api/v1/search/status;x",
    "trailing slash": "/api/v1/search/status/", "letter case": "/API/v1/search/status",
    "escaped dots behind it": "/api/v1/search/status/..%2f..%2ftemplates/",
    "dots behind it": "/api/v1/search/status/../../templates/", "fragment": "/api/v1/search/status%23x",
    "double encoding": "/api/v1/search/%2573tatus", "NUL": "/api/v1/search/status%00",
}


def look_alikes(stage: Stage) -> str:
    """Without a token, nothing but the public path itself reaches the API, under whatever spelling it came."""
    passed, responses = [], []
    for name, target in LOOK_ALIKES.items():
        try:
            response, reached = stage.ask(target)
        except ConnectionError:
            continue
        if reached is None:
            responses.append(response)
        elif reached.target != PUBLIC:
            raise Broken(f"{target} reached the API as {reached.target} without a token")
        else:
            passed.append(name)
    if passed:
        return f"{statuses(responses)}; public for both sides: {', '.join(passed)}"
    return statuses(responses)


def same_path(stage: Stage) -> str:
    """The path that is judged is the path that the API gets, whatever its spelling."""
    token, changed, rejected = good(stage), [], []
    for name, target in {**LOOK_ALIKES, "query": "/api/v1/templates/?a=%2F..&b=;c"}.items():
        stage.forget()
        _, reached = stage.ask(target, token)
        # A proxy that refuses a path itself sends no check.
        lines = stage.judged(5.0 if reached is not None else 0.5)
        judged = lines[-1]["path"] if lines else None
        if reached is not None and judged != reached.target.split("?")[0]:
            raise Broken(f"{target} was judged as {judged}, and reached the API as {reached.target}")
        if judged is None:
            rejected.append(name)
        elif judged != target.split("?")[0] or (reached is not None and reached.target != target):
            changed.append(name)
    text = f"normalized for both sides: {', '.join(changed)}" if changed else "as sent"
    return text + (f"; refused by the proxy: {', '.join(rejected)}" if rejected else "")


def methods(stage: Stage) -> str:
    """The method that is judged is the request's own, and HEAD and OPTIONS need a token like any other."""
    token, responses = good(stage), []
    for method in ("HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND"):
        responses.append(refused(stage, PROTECTED, method=method))
        stage.forget()
        response, reached = stage.ask(PROTECTED, token, method=method)
        if reached is None:
            if response.status < 400:
                raise Broken(f"{method}: {response.status} from somebody else than the API")
            continue
        judged = stage.judged()[-1]["method"]
        if not reached.method == judged == method:
            raise Broken(f"{method} was judged as {judged} and reached the API as {reached.method}")
    return statuses(responses)


def absolute_form(stage: Stage) -> str:
    responses = [
        refused(stage, f"http://api.example{PROTECTED}"),
        # A public target with another Host, and the other way round: neither may open anything.
        refused(stage, f"http://api.example{PROTECTED}", host="other.example"),
    ]
    response, reached = stage.ask(f"http://api.example{PUBLIC}")
    if reached is not None and not reached.target.endswith(PUBLIC):
        raise Broken(f"reached the API as {reached.target}")
    return f"{statuses(responses)}; public path: {response.status}"


def two_authorization_lines(stage: Stage) -> str:
    token, other = good(stage), "Authorization: Bearer x"
    pairs = [(token, other), (other, token), (token, token), (token, "Authorization: Basic eDp5")]
    seen = statuses([refused(stage, PROTECTED, *pair) for pair in pairs])
    response, reached = stage.ask(PROTECTED, token, "Authorization:", *FORGED)
    if reached is None:
        return seen
    identity(reached, U1)
    return f"{seen}; an empty second line is not seen"


def denials(stage: Stage) -> str:
    """The documented status, challenge, body and cache rules arrive at the client."""
    lost = set()
    other = bearer(stage.token(org="org-b"))
    for expected, detail, error, lines, target in [
        (401, "Not authenticated", None, [], PROTECTED),
        (401, "Invalid authentication credentials", "invalid_token", [bearer("a.b.c")], PROTECTED),
        (403, "User has no organization or not authorized", "insufficient_scope", [other], "/api/v1/orgs/org-a/x"),
    ]:
        response = refused(stage, target, *lines)
        if response is None or response.status != expected:
            raise Broken(f"{target}: {response and response.status}, not {expected}")
        challenge = response.field("WWW-Authenticate")
        if challenge != 'Bearer realm="artos"' + (f', error="{error}"' if error else ""):
            raise Broken(f"{expected}: the challenge is {challenge!r}")
        if response.body and response.detail() != detail:
            raise Broken(f"{expected}: the body is {response.body!r}")
        if not response.body:
            lost.add("body")
        if response.field("Cache-Control") != "no-store":
            lost.add("no-store")
    return f"challenge kept; without {', '.join(sorted(lost))}" if lost else "challenge, body and no-store kept"


def bodies(stage: Stage) -> str:
    body = bytes(range(256)) * 400
    for chunked in (False, True):
        _, reached = allowed(stage, PROTECTED, good(stage), method="POST", body=body, chunked=chunked)
        if reached.body != body:
            raise Broken(f"{len(reached.body)} bytes of {len(body)} arrived, or others")
    return "unchanged"


def keep_alive(stage: Stage) -> str:
    """A refusal costs no connection, neither the client's nor the one to the auth server."""
    token, before = good(stage), stage.relay.accepted
    client = Client(stage.port)
    for _ in range(5):
        for lines, status in [((token,), 200), ((), 401), ((bearer("a.b.c"),), 401), ((token,), 200)]:
            response, _ = stage.ask(PROTECTED, *lines, client=client)
            if response.status != status:
                raise Broken(f"{response.status}, not {status}, on a connection that is used again")
    client.close()
    return f"kept; {stage.relay.accepted - before} new ones to the auth server for 20 checks"


def over_tls(stage: Stage) -> str:
    _, reached = allowed(stage, PROTECTED, good(stage), *FORGED, tls=True)
    identity(reached, U1)
    refused(stage, PROTECTED, tls=True)
    return "the same"


def down(stage: Stage) -> str:
    stage.relay.down()
    try:
        responses = [refused(stage, PROTECTED, good(stage)), refused(stage, PUBLIC)]
    finally:
        stage.relay.up()
    recover(stage)
    return statuses(responses)


def slow(stage: Stage) -> str:
    stage.relay.up(silent=True)
    try:
        responses = [refused(stage, PROTECTED, good(stage))]
    finally:
        stage.relay.up()
    recover(stage)
    return statuses(responses)


def strange(stage: Stage) -> str:
    """An auth server with an answer that artos-auth never gives."""
    responses = []
    for status in ("500 Internal Server Error", "302 Found\r\nLocation: /", "429 Too Many Requests", "HTTP/9"):
        answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        stage.relay.up(answer=answer)
        try:
            response, reached = stage.ask(PROTECTED, good(stage))
            if reached is not None:
                raise Broken(f"the API was reached after {status!r}")
            responses.append(response)
        finally:
            stage.relay.up()
    recover(stage)
    return statuses(responses)


def recover(stage: Stage) -> None:
    """Waits until the proxy has found the auth server again."""
    for _ in range(200):
        if stage.ask(PUBLIC)[0].status == 200:
            return
        time.sleep(0.1)
    raise Broken("the proxy does not come back")


TRIALS = {
    "identity": ("Identity fields of a good token", identity_arrives),
    "forged-once": ("Identity fields forged once", forged_once),
    "forged-twice": ("Identity fields forged twice", forged_twice),
    "forged-underscore": ("Identity fields forged with `_`", forged_underscores),
    "forged-public": ("Identity fields forged on a public path", forged_on_public),
    "forged-connection": ("`Connection` names our fields", forged_connection),
    "forged-description": ("Forwarding fields forged, every family", forged_description),
    "forwarded": ("`Forwarded` forged", forwarded_field),
    "look-alikes": ("Look-alikes of the public path, no token", look_alikes),
    "same-path": ("Path judged and path served", same_path),
    "methods": ("HEAD, OPTIONS and others, no token", methods),
    "absolute-form": ("Absolute form, no token", absolute_form),
    "two-lines": ("Two `Authorization` lines", two_authorization_lines),
    "denials": ("401 and 403 at the client", denials),
    "bodies": ("Request bodies", bodies),
    "keep-alive": ("Connections", keep_alive),
    "tls": ("Over TLS", over_tls),
    "down": ("Auth server down", down),
    "slow": ("Auth server silent", slow),
    "strange": ("Auth server answers 500, 302, 429, nonsense", strange),
}
