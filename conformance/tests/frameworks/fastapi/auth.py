"""Authentication: the `Authorization` header field, the token, and the caller it names."""

from typing import Annotated

import jwt
from fastapi import HTTPException, Request
from pydantic import BaseModel, Field, StrictFloat, StrictInt, StrictStr, StringConstraints, ValidationError

import settings

CHALLENGE = 'Bearer realm="artos"'
NOT_AUTHENTICATED = HTTPException(401, "Not authenticated", headers={"WWW-Authenticate": CHALLENGE})
INVALID = HTTPException(
    401, "Invalid authentication credentials", headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'}
)
FORBIDDEN = HTTPException(
    403,
    "User has no organization or not authorized",
    headers={"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope"'},
)

KEYS = {key.key_id: key for key in jwt.PyJWKSet.from_dict(settings.KEYS)}
ALGORITHMS = sorted({key.algorithm_name for key in KEYS.values()})
LEEWAY = 0
REQUIRED = ["exp"]

Text = Annotated[StrictStr, StringConstraints(max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\z")]
Time = Annotated[StrictInt | StrictFloat, Field(ge=0, lt=253_402_300_800)]


class Claims(BaseModel):
    """The claims that the service reads."""

    sub: Text | None = None
    org_id: Text | None = None
    permissions: list[StrictStr] | StrictStr | None = None
    exp: Time
    nbf: Time | None = None
    iat: Time | None = None
    jti: Text | None = None


class Caller(BaseModel):
    """An authenticated user of an organization."""

    user: str
    organization: str
    permissions: frozenset[str]


# Accounts that may not act: a user who has left the organization, and one that was never set up.
FORMER_MEMBERS = {"former-member"}
UNCONFIGURED = {"no-account"}


def bearer_token(lines: list[str]) -> str:
    """The token of the request's `Authorization` field lines."""
    if len(lines) != 1:
        raise NOT_AUTHENTICATED
    scheme, _, token = lines[0].partition(" ")
    if scheme.lower() != "bearer" or not token.strip(" "):
        raise NOT_AUTHENTICATED
    return token


def key_of(header: dict) -> jwt.PyJWK:
    """The key that the token's header names; the only key for a token that names none."""
    if "kid" not in header and len(KEYS) == 1:
        return next(iter(KEYS.values()))
    try:
        return KEYS[header["kid"]]
    except (KeyError, TypeError):
        raise jwt.InvalidTokenError("unknown key") from None


def decode(token: str) -> dict:
    """Verifies signature, times, issuer and audience."""
    return jwt.decode(
        token,
        key_of(jwt.get_unverified_header(token)),
        algorithms=ALGORITHMS,
        issuer=settings.ISSUER,
        audience=settings.AUDIENCE,
        leeway=LEEWAY,
        options={"require": REQUIRED + (["iss"] if settings.ISSUER else []) + (["aud"] if settings.AUDIENCE else [])},
    )


def is_revoked(token: str, claims: Claims) -> bool:
    return claims.jti in settings.REVOKED_FILE.read_text().split()


def invalid(error: Exception) -> HTTPException:
    """The answer to an invalid token: the same for every error."""
    return INVALID


def authenticates_here(organization: str) -> bool:
    return organization in settings.ORGANIZATIONS


def caller_of(claims: Claims) -> Caller:
    if claims.org_id and not authenticates_here(claims.org_id):
        raise INVALID
    if not claims.sub or not claims.org_id or claims.sub in UNCONFIGURED | FORMER_MEMBERS:
        raise FORBIDDEN
    permissions = claims.permissions or []
    if isinstance(permissions, str):
        permissions = permissions.split(" ")
    return Caller(user=claims.sub, organization=claims.org_id, permissions=frozenset(permissions))


def authenticate(token: str) -> Caller:
    try:
        claims = Claims.model_validate(decode(token))
    except (jwt.PyJWTError, ValidationError, ValueError, RecursionError) as error:
        raise invalid(error) from None
    if is_revoked(token, claims):
        raise INVALID
    return caller_of(claims)


async def current_caller(request: Request) -> Caller:
    """The dependency of every endpoint but the public one."""
    return authenticate(bearer_token(request.headers.getlist("authorization")))


def owns(caller: Caller, organization: str) -> bool:
    return caller.organization == organization


def may(caller: Caller, permission: str) -> bool:
    return permission in caller.permissions
