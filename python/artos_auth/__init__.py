"""Decide whether a request of a multi-tenant API is allowed, by its bearer JWT.

    from artos_auth import Engine

    engine = Engine.from_config("artos-auth.toml")
    decision = engine.decide("GET", "/api/v1/documents/doc-a", [b"Bearer ..."], resource_org="org-a")
    if not decision.allowed:
        print(decision.status, decision.detail)

`artos_auth.fastapi` and `artos_auth.asgi` put it in front of a service.
"""

from ._artos_auth import (
    PUBLIC,
    UNOWNED,
    UNRESOLVED,
    Caller,
    Decision,
    Engine,
    Explanation,
    Principal,
    Step,
    __version__,
)
from ._errors import ConfigError, Denied, ForkError

__all__ = [
    "PUBLIC",
    "UNOWNED",
    "UNRESOLVED",
    "Caller",
    "ConfigError",
    "Decision",
    "Denied",
    "Engine",
    "Explanation",
    "ForkError",
    "Principal",
    "Step",
    "__version__",
]
