"""What one operation of `operations.py` checks, and the faults of one operation.

A fault is named `OPERATION/FAULT` and replaces a rule of that operation alone, as a developer who forgets it would.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jwt
from fastapi import HTTPException, Request

import auth
import settings

EVERYTHING = frozenset({"documents:read", "documents:write", "documents:export"})
GUEST = auth.Caller(user="guest", organization="org-a", permissions=EVERYTHING)


async def caller_of(request: Request, authenticate) -> auth.Caller:
    return authenticate(auth.bearer_token(request.headers.getlist("authorization")))


async def by_token(request: Request) -> auth.Caller:
    return await caller_of(request, auth.authenticate)


def forbidden(resource) -> HTTPException:
    return auth.FORBIDDEN


def missing(resource) -> HTTPException:
    return HTTPException(404, "Not Found")


@dataclass
class Rules:
    """The checks of an operation."""

    secured: bool = True
    # The document describes the operation as public, whatever the code does.
    described_as_public: bool = False
    authenticate: Callable = by_token
    may: Callable = auth.may
    owns: Callable = auth.owns
    # Whether a comment's document is compared, and the comment's own organization.
    checks_parent: bool = True
    checks_child: bool = True
    lists_everything: bool = False
    # The answer about a resource of another organization.
    refuse: Callable = missing if "missing-for-foreign" in settings.PARTS else forbidden


def of(operation: str) -> Rules:
    """The rules of an operation, with its fault where one is switched on."""
    rules = Rules(secured=operation != "status")
    name, _, fault = (settings.FAULT or "").partition("/")
    if name == operation:
        FAULTS[fault](rules)
    return rules


FAULTS = {}


def fault(function):
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def authenticating(rules: Rules, authenticate):
    """Another check of the token."""

    async def by_another_check(request: Request) -> auth.Caller:
        return await caller_of(request, authenticate)

    rules.authenticate = by_another_check


def claims_of(token: str, decode=None) -> auth.Claims:
    try:
        return auth.Claims.model_validate((decode or auth.decode)(token))
    except (jwt.PyJWTError, ValueError) as error:
        raise auth.invalid(error) from None


def caller_by(token: str, decode) -> auth.Caller:
    """The caller of a token that is decoded in another way."""
    claims = claims_of(token, decode)
    if auth.is_revoked(token, claims):
        raise auth.INVALID
    return auth.caller_of(claims)


@fault
def unauthenticated(rules):
    rules.secured = False


@fault
def token_optional(rules):
    async def authenticate(request):
        return await by_token(request) if "authorization" in request.headers else GUEST

    rules.authenticate = authenticate


@fault
def any_token(rules):
    authenticating(rules, lambda token: auth.authenticate(token) if token.count(".") == 2 else GUEST)


@fault
def signature_unchecked(rules):
    options = {"verify_signature": False, "verify_exp": True}
    authenticating(rules, lambda token: caller_by(token, lambda token: jwt.decode(token, options=options)))


@fault
def expiry_unchecked(rules):
    def decode(token):
        key = auth.key_of(jwt.get_unverified_header(token))
        options = {"verify_exp": False, "verify_aud": False}
        return jwt.decode(token, key, algorithms=auth.ALGORITHMS, options=options)

    authenticating(rules, lambda token: caller_by(token, decode))


@fault
def revocation_unchecked(rules):
    authenticating(rules, lambda token: auth.caller_of(claims_of(token)))


@fault
def former_members_allowed(rules):
    def authenticate(token):
        claims = claims_of(token)
        if claims.sub in auth.FORMER_MEMBERS:
            return auth.Caller(user=claims.sub, organization=claims.org_id, permissions=EVERYTHING)
        return auth.authenticate(token)

    authenticating(rules, authenticate)


@fault
def owner_unchecked(rules):
    rules.owns = lambda caller, organization: True


@fault
def parent_unchecked(rules):
    rules.checks_parent = False


@fault
def child_unchecked(rules):
    rules.checks_child = False


@fault
def list_unfiltered(rules):
    rules.lists_everything = True


@fault
def permission_unchecked(rules):
    rules.may = lambda caller, permission: True


@fault
def any_permission_suffices(rules):
    rules.may = lambda caller, permission: bool(caller.permissions)


@fault
def refusal_with_content(rules):
    rules.refuse = lambda resource: HTTPException(403, {"reason": "not yours", "resource": resource.model_dump()})


@fault
def refusal_as_error(rules):
    rules.refuse = lambda resource: HTTPException(500, "Internal Server Error")


@fault
def refusal_as_unauthenticated(rules):
    rules.refuse = lambda resource: auth.INVALID


@fault
def redirect_to_login(rules):
    async def authenticate(request):
        if "authorization" in request.headers:
            return await by_token(request)
        raise HTTPException(302, "Found", headers={"Location": "/login"})

    rules.authenticate = authenticate


@fault
def owner_refused(rules):
    rules.owns = lambda caller, organization: not auth.owns(caller, organization)


@fault
def public_but_closed(rules):
    rules.secured = rules.described_as_public = True
