"""What `artos_auth.asgi` uses of the native module. `__init__.pyi` describes the rest."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from . import Engine

def admit(
    engine: Engine,
    scope: MutableMapping[str, Any],
    key: str,
    path: bytes | str,
    realm: Iterable[str] | None,
) -> dict[str, Any]:
    """Authenticates the request of an ASGI scope: a copy with a `Caller`, or `PUBLIC`, under `key`. Raises `Denied`."""

class Answer:
    """Sends the messages of an application's answer. One with status 500 goes to `delay`."""

    def __init__(self, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None: ...
    @property
    def started(self) -> bool: ...
    @property
    def delayed(self) -> bool: ...
    def resume(self) -> Callable[[MutableMapping[str, Any]], Awaitable[None]]: ...
    def delay(self, message: MutableMapping[str, Any]) -> Awaitable[None]: ...
    def __call__(self, message: MutableMapping[str, Any]) -> Awaitable[None]: ...
