from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any, Final, Literal, NoReturn, final

__version__: Final[str]

@final
class Marker:
    """A constant that says who owns a resource, or that a path is public."""

UNOWNED: Final[Marker]
"""The resource belongs to no organization."""
UNRESOLVED: Final[Marker]
"""The owner of the resource is unresolved: 403."""
PUBLIC: Final[Marker]
"""The path is public: no token was required, and none was read."""

_Owner = str | Marker | None
_Account = Literal["unknown", "active", "not_a_member", "not_configured"]

class ConfigError(Exception):
    """A configuration file, or a file that it names, does not load."""

    file: str
    line: int | None
    key: str | None

class ForkError(RuntimeError):
    """The engine was created before a fork, so its background threads exist only in the parent process."""

class Denied(Exception):
    """A refusal: the documented 401, 403 or 503."""

    status: int
    detail: str
    www_authenticate: str | None
    reason: str
    clause: str
    cause: str | None
    def headers(self) -> list[tuple[str, str]]:
        """The header fields of the documented response."""
    def body(self) -> bytes:
        """The body of the documented response."""

@final
class Principal:
    """An authorized user, with the organization to filter every query by."""

    @property
    def user_id(self) -> str: ...
    @property
    def org_id(self) -> str: ...
    @property
    def permissions(self) -> tuple[str, ...]: ...
    @property
    def token_id(self) -> str | None: ...
    @property
    def issued_at(self) -> float | None: ...
    @property
    def expires_at(self) -> float: ...

@final
class Caller:
    """An authenticated user. Not yet authorized for any resource: call `authorize`."""

    @property
    def user_id(self) -> str: ...
    @property
    def org_id(self) -> str: ...
    @property
    def permissions(self) -> tuple[str, ...]: ...
    @property
    def token_id(self) -> str | None: ...
    @property
    def issued_at(self) -> float | None: ...
    @property
    def expires_at(self) -> float: ...
    def authorize(self, *, owner: _Owner, account: _Account = "unknown") -> Principal:
        """Decides about a resource of `owner`. Raises `Denied`, the documented 403."""
    def require(self, permission: str) -> None:
        """Raises `Denied`, the documented 403, unless the token has the permission."""

@final
class Decision:
    """A decision. It has no truth value: use `allowed`."""

    @property
    def allowed(self) -> bool: ...
    @property
    def status(self) -> int: ...
    @property
    def detail(self) -> str | None: ...
    @property
    def www_authenticate(self) -> str | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def clause(self) -> str: ...
    @property
    def cause(self) -> str | None: ...
    @property
    def principal(self) -> Principal | None: ...
    def __bool__(self) -> NoReturn: ...

@final
class Step:
    """One check: its name, its clauses, its result and a note."""

    @property
    def check(self) -> str: ...
    @property
    def clauses(self) -> tuple[str, ...]: ...
    @property
    def result(self) -> Literal["passed", "decided", "not reached"]: ...
    @property
    def note(self) -> str | None: ...

@final
class Explanation:
    """A decision with every check, for people. Like a decision it has no truth value."""

    @property
    def decision(self) -> Decision: ...
    @property
    def steps(self) -> tuple[Step, ...]: ...
    def as_dict(self) -> dict[str, Any]:
        """Both as dictionaries and lists, ready for `json.dumps`, in the same form as in the npm package."""
    def __bool__(self) -> NoReturn: ...

@final
class Engine:
    """Policy, keys and revocations, kept current in the background. Safe to use from any thread."""

    @staticmethod
    def from_config(path: str | PathLike[str]) -> Engine:
        """Loads the server's configuration file. Raises `ConfigError`."""
    def decide(
        self,
        method: str,
        path: str,
        authorization: Sequence[bytes | str],
        *,
        resource_org: _Owner,
        realm: Iterable[str] | None = None,
        account: _Account = "unknown",
        now: int | None = None,
    ) -> Decision:
        """Decides a request whose owner is known."""
    def explain(
        self,
        method: str,
        path: str,
        authorization: Sequence[bytes | str],
        *,
        resource_org: _Owner,
        realm: Iterable[str] | None = None,
        account: _Account = "unknown",
        now: int | None = None,
    ) -> Explanation:
        """The same decision with every check. Its notes contain nothing of an unverified token."""
    def authenticate(
        self,
        method: str,
        path: str,
        authorization: Sequence[bytes | str],
        *,
        realm: Iterable[str] | None = None,
        now: int | None = None,
        public: bool = True,
    ) -> Caller | Marker:
        """Authenticates a request: a `Caller`, or `PUBLIC`. Raises `Denied`.

        With `public=False` no path counts as public.
        """
