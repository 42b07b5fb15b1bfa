"""docs/proxies.md: proxy, version, what was tried, what happened."""

from .attacks import TRIALS
from .install import label

CONFORMANCE = "conformance"

HEAD = """# What was tried through each proxy

Each recipe of [Behind a proxy](behind-a-proxy.md) is started with `artos-auth serve` and an API that records what reaches it,
and attacked through the proxy. This page is written by

```sh
deploy/proxies/lab --all-versions --output docs/proxies.md
```

and the latest version of each proxy is tried again before every change lands (`deploy/proxies/lab`). A trial in which the API
was reached by what must not reach it, or read another identity than the token's, fails the run: no such row is below.

How to read a cell: a status is what the client got, with nothing at the API; "removed" and "set to empty" are what the API
sees of a field for which the auth server has no value.
"""

DIFFERENCES = """
## Differences that no configuration removes

* **Traefik normalizes paths** before both the check and the API see them: escapes of unreserved characters are decoded, dot
  segments are resolved, doubled slashes become one. Both sides see the same path, so nothing opens that the path itself does
  not open; but a look-alike of the public path is the public path, and a path that artos-auth would refuse as ambiguous
  arrives as the plain one.
* **Traefik gives the client an empty body** with 401 and 403. Status and challenge are the documented ones.
* **Traefik waits 30 seconds** for an auth server that does not answer, and that cannot be set. It then refuses.
* **Envoy joins two `Authorization` lines** with a comma before the check. They are refused, as a malformed token and not as a
  repeated line.
* **nginx makes 500 of every answer of the check but 200, 401 and 403.** The recipe turns it into 503, whatever caused it. For
  `auth_request`, any 2xx is an allow; artos-auth answers no other 2xx than 200.
"""


def escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def render(results: dict[tuple[str, str], dict[str, str]]) -> str:
    """The page for these observations, by proxy and version."""
    titles = {**{name: title for name, (title, _) in TRIALS.items()}, CONFORMANCE: "`artos-conformance run`, every `must`"}
    text = HEAD
    for proxy in dict.fromkeys(proxy for proxy, _ in results):
        versions = [version for its, version in results if its == proxy]
        text += f"\n## {proxy}\n\n| tried | {' | '.join(label(proxy, version) for version in versions)} |\n|---{'|---' * len(versions)}|\n"
        for name, title in titles.items():
            cells = [escape(results[proxy, version].get(name, "not tried")) for version in versions]
            text += f"| {title} | {' | '.join(cells)} |\n"
    return text + DIFFERENCES
