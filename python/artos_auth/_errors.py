"""The exceptions of the package. The native module raises them."""

from __future__ import annotations

import json


class ConfigError(Exception):
    """A configuration file, or a file that it names, does not load. The message has file, line and key."""

    def __init__(self, message: str, file: str, line: int | None, key: str | None) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.key = key


class ForkError(RuntimeError):
    """The engine was created before a fork, so its background threads exist only in the parent process."""


class Denied(Exception):
    """A refusal: the documented 401, 403 or 503."""

    def __init__(
        self,
        status: int,
        detail: str,
        www_authenticate: str | None,
        reason: str,
        clause: str,
        cause: str | None,
    ) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail
        self.www_authenticate = www_authenticate
        self.reason = reason
        self.clause = clause
        self.cause = cause

    def headers(self) -> list[tuple[str, str]]:
        """The header fields of the documented response."""
        fields = [
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            ("Vary", "Authorization"),
        ]
        if self.www_authenticate is not None:
            fields.append(("WWW-Authenticate", self.www_authenticate))
        if self.status == 503:
            fields.append(("Retry-After", "1"))
        return fields

    def body(self) -> bytes:
        """The body of the documented response."""
        return json.dumps({"detail": self.detail}, separators=(",", ":")).encode()
