"""docs/proxies.md: proxy, version, what was tried, what happened."""

from .attacks import TRIALS
from .install import label

CONFORMANCE = "conformance"

HEAD = """# What was tried through each proxy

Each recipe of [Behind a proxy](behind-a-proxy.md) is started with `artos-auth serve` and an API that records what reaches it,
and attacked through the proxy. This command writes the page:

```sh
deploy/proxies/lab --all-versions --output docs/proxies.md
```

Without options, `deploy/proxies/lab` tries only the latest version of each proxy. The run fails if a request reaches the API that must
not, or if the API sees an identity other than the token's. No row below is such a case.

How to read a cell: a status is what the client received; after 400 or more, the API received nothing. "removed" and "set to empty"
say what the API sees of a field for which artos-auth has no value.
"""

DIFFERENCES = """
## Differences that no configuration removes

* **Traefik normalizes paths** before both the check and the API see them: escapes of unreserved characters are decoded, dot
  segments are resolved, doubled slashes become one. Both sides see the same path, so the check is not bypassed. But a path that
  normalizes to the public path is public, and artos-auth gets the normalized form of a path that it would refuse as
  ambiguous.
* **Traefik gives the client an empty body** with 401 and 403. Status and challenge are the documented ones.
* **Traefik waits 30 seconds** for an auth server that does not answer, and that cannot be set. It then refuses.
* **Envoy joins two `Authorization` lines** with a comma before the check. They are refused, as a malformed token and not as a
  repeated line.
* **nginx turns every answer of the check except 2xx, 401 and 403 into 500.** The recipe turns it into 503, whatever the cause.
  `auth_request` treats any 2xx as allowed; the only 2xx that artos-auth sends is 200.
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
