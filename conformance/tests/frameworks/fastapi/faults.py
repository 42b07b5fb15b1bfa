"""Faults that developers make in services like this one, one at a time.

A fault replaces a part of the service by the faulty one. Faults of `auth` and `service` replace a function;
faults outside of them wrap the application.
"""

import hashlib
import hmac
import json
import os
import re
import time
from functools import lru_cache
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.routing import APIRoute

import auth
import service
import settings

FAULTS = {}


def fault(function):
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def switch_on(name: str, app):
    """The application with the fault."""
    return FAULTS[name](app) or app


def caller_by(app, find_token):
    """Reads the token of a request by `find_token`, in place of `bearer_token`."""

    async def current_caller(request: Request) -> auth.Caller:
        return auth.authenticate(await find_token(request))

    app.dependency_overrides[auth.current_caller] = current_caller


def first_middleware(app, handle):
    """Puts `handle(request, next)` before everything else."""
    app.middleware("http")(handle)


def line_of(request: Request) -> str:
    return request.headers.get("authorization", "")


async def right_token(request: Request) -> str:
    return auth.bearer_token(request.headers.getlist("authorization"))


# --- where the token is read from -------------------------------------------------------------------


@fault
def query_token(app):
    async def find(request):
        return request.query_params.get("access_token") or await right_token(request)

    caller_by(app, find)


@fault
def cookie_token(app):
    async def find(request):
        return request.cookies.get("access_token") or request.cookies.get("token") or await right_token(request)

    caller_by(app, find)


@fault
def header_token(app):
    async def find(request):
        return request.headers.get("x-access-token") or await right_token(request)

    caller_by(app, find)


@fault
def body_token(app):
    async def find(request):
        if "authorization" not in request.headers:
            body = await request.body()
            try:
                return json.loads(body)["access_token"]
            except (ValueError, KeyError, TypeError):
                form = await request.form()
                if isinstance(form.get("access_token"), str):
                    return form["access_token"]
        return await right_token(request)

    caller_by(app, find)


@fault
def any_scheme(app):
    async def find(request):
        words = line_of(request).split(" ")
        if len(words) != 2:
            raise auth.NOT_AUTHENTICATED
        return words[1]

    caller_by(app, find)


@fault
def scheme_optional(app):
    async def find(request):
        if not line_of(request):
            raise auth.NOT_AUTHENTICATED
        return line_of(request).removeprefix("Bearer ")

    caller_by(app, find)


@fault
def bearer_anywhere(app):
    async def find(request):
        found = re.search(r"Bearer (\S+)", line_of(request))
        if found is None:
            raise auth.NOT_AUTHENTICATED
        return found[1]

    caller_by(app, find)


@fault
def trailing_words_ignored(app):
    async def find(request):
        words = line_of(request).split()
        if len(words) < 2 or words[0].lower() != "bearer":
            raise auth.NOT_AUTHENTICATED
        return words[1]

    caller_by(app, find)


@fault
def quotes_stripped(app):
    async def find(request):
        return (await right_token(request)).strip("\"',;")

    caller_by(app, find)


@fault
def first_line_wins(app):
    auth_bearer_token = auth.bearer_token
    auth.bearer_token = lambda lines: auth_bearer_token(lines[:1])


@fault
def last_line_wins(app):
    auth_bearer_token = auth.bearer_token
    auth.bearer_token = lambda lines: auth_bearer_token(lines[-1:])


@fault
def placeholder_token(app):
    right = auth.authenticate

    def authenticate(token):
        if token in ("null", "undefined", "None", "[object Object]"):
            return auth.Caller(user="guest", organization="org-a", permissions=frozenset())
        return right(token)

    auth.authenticate = authenticate


# --- what the token is checked for ------------------------------------------------------------------


def decode_with(**changes):
    """`auth.decode` with other arguments of `jwt.decode`; options are merged."""

    def decode(token):
        required = ["exp"] + (["iss"] if settings.ISSUER else []) + (["aud"] if settings.AUDIENCE else [])
        options = {"require": required, **changes.get("options", {})}
        arguments = {
            "algorithms": auth.ALGORITHMS,
            "issuer": settings.ISSUER,
            "audience": settings.AUDIENCE,
            **changes,
            "options": options,
        }
        return jwt.decode(token, auth.key_of(jwt.get_unverified_header(token)), **arguments)

    auth.decode = decode


@fault
def signature_unchecked(app):
    auth.decode = lambda token: jwt.decode(
        token, options={"verify_signature": False, "verify_exp": True, "verify_nbf": True, "verify_iat": True}
    )


@fault
def algorithm_none(app):
    right = auth.decode

    def decode(token):
        if jwt.get_unverified_header(token).get("alg", "").lower() == "none":
            return jwt.decode(token, options={"verify_signature": False})
        return right(token)

    auth.decode = decode


@fault
def public_key_as_secret(app):
    right = auth.decode

    def decode(token):
        header = jwt.get_unverified_header(token)
        if header["alg"] != "HS256":
            return right(token)
        pem = auth.key_of(header).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signed, _, signature = token.rpartition(".")
        if hmac.digest(pem, signed.encode(), hashlib.sha256) != jwt.utils.base64url_decode(signature):
            raise jwt.InvalidSignatureError
        return jwt.decode(token, options={"verify_signature": False, "verify_exp": True})

    auth.decode = decode


@fault
def embedded_key(app):
    right = auth.key_of
    auth.key_of = lambda header: jwt.PyJWK(header["jwk"]) if "jwk" in header else right(header)
    auth.ALGORITHMS = ["ES256", "RS256"]


@fault
def critical_ignored(app):
    jwt.api_jws._jws_global_obj._validate_crit = lambda headers: None


@fault
def expiry_unchecked(app):
    decode_with(options={"verify_exp": False})


@fault
def leeway_of_five_minutes(app):
    auth.LEEWAY = 300


@fault
def leeway_of_a_minute(app):
    auth.LEEWAY = 60


@fault
def expiry_optional(app):
    auth.REQUIRED = []
    auth.Claims.model_fields["exp"].default = None
    auth.Claims.model_rebuild(force=True)


@fault
def expiry_as_string(app):
    right = auth.decode

    def decode(token):
        claims = right(token)
        return {**claims, "exp": float(claims["exp"])}

    auth.decode = decode


@fault
def not_before_unchecked(app):
    decode_with(options={"verify_nbf": False})


@fault
def issuer_unchecked(app):
    decode_with(issuer=None, options={"verify_iss": False})


@fault
def issuer_by_prefix(app):
    def decode(token):
        claims = jwt.decode(
            token,
            auth.key_of(jwt.get_unverified_header(token)),
            algorithms=auth.ALGORITHMS,
            audience=settings.AUDIENCE,
            options={"require": ["exp", "iss", "aud"], "verify_iss": False},
        )
        if not str(claims["iss"]).startswith(settings.ISSUER):
            raise jwt.InvalidIssuerError
        return claims

    auth.decode = decode


@fault
def audience_unchecked(app):
    decode_with(options={"verify_aud": False})


@fault
def audience_optional(app):
    right = auth.decode

    def decode(token):
        unverified = jwt.decode(token, options={"verify_signature": False})
        if "aud" in unverified:
            return right(token)
        return jwt.decode(
            token,
            auth.key_of(jwt.get_unverified_header(token)),
            algorithms=auth.ALGORITHMS,
            issuer=settings.ISSUER,
            options={"require": ["exp", "iss"]},
        )

    auth.decode = decode


@fault
def environment_unchecked(app):
    keys = json.loads(Path(os.environ["SERVICE_STAGING_KEYS"]).read_text())
    auth.KEYS = {key.key_id: key for key in jwt.PyJWKSet.from_dict(keys)}
    decode_with(issuer=None, audience=None, options={"require": ["exp"], "verify_iss": False, "verify_aud": False})


@fault
def realm_unchecked(app):
    auth.authenticates_here = lambda organization: True


@fault
def revocation_unchecked(app):
    auth.is_revoked = lambda token, claims: False


@fault
def revocation_by_text(app):
    """Looks up the text of the token: another spelling of the same token is not among the revoked."""
    revoked = Path(os.environ["SERVICE_REVOKED_TEXTS"]).read_text().split()
    auth.is_revoked = lambda token, claims: token in revoked
    # Padding is stripped, as lenient base64url decoders do.
    right = auth.decode
    auth.decode = lambda token: right(".".join(part.rstrip("=") for part in token.split(".")))


@fault
def verified_tokens_cached(app):
    auth.authenticate = lru_cache(maxsize=10_000)(auth.authenticate)


# --- who may do what --------------------------------------------------------------------------------


@fault
def organization_missing(app):
    """A token without an organization acts for the service's first customer."""
    right = auth.caller_of
    auth.caller_of = lambda claims: right(
        claims if claims.org_id else claims.model_copy(update={"org_id": "org-a"})
    )


@fault
def former_members_allowed(app):
    auth.FORMER_MEMBERS = set()


@fault
def owner_unchecked(app):
    async def owned(document_id: str, caller: service.Caller):
        return service.DOCUMENTS[document_id]

    app.dependency_overrides[service.owned] = owned


@fault
def owner_unchecked_on_write(app):
    async def owned(request: Request, document_id: str, caller: service.Caller):
        if request.method != "GET":
            return service.DOCUMENTS[document_id]
        return service.find(document_id, caller)

    app.dependency_overrides[service.owned] = owned


@fault
def owner_by_substring(app):
    auth.owns = lambda caller, organization: organization in caller.organization
    auth.authenticates_here = lambda organization: any(name in organization for name in settings.ORGANIZATIONS)


@fault
def owner_case_folded(app):
    auth.owns = lambda caller, organization: caller.organization.lower() == organization.lower()
    auth.authenticates_here = lambda organization: organization.lower() in settings.ORGANIZATIONS


@fault
def owner_by_raw_path(app):
    """Middleware looks the owner up by the path as received; the router decodes it afterwards."""
    owners = {f"/api/v1/documents/{key}": document.organization for key, document in service.DOCUMENTS.items()}
    owner_unchecked(app)

    async def handle(request, call_next):
        owner = owners.get(request.scope["raw_path"].decode())
        if owner:
            try:
                caller = await auth.current_caller(request)
            except HTTPException as refused:
                return JSONResponse({"detail": refused.detail}, refused.status_code, headers=refused.headers)
            if caller.organization != owner:
                return JSONResponse({"detail": auth.FORBIDDEN.detail}, 403)
        return await call_next(request)

    first_middleware(app, handle)


@fault
def organization_from_header(app):
    async def current_caller(request: Request):
        caller = auth.authenticate(await right_token(request))
        name = request.headers.get("x-org-id")
        return caller.model_copy(update={"organization": name}) if name else caller

    app.dependency_overrides[auth.current_caller] = current_caller


@fault
def organization_from_query(app):
    async def current_caller(request: Request):
        caller = auth.authenticate(await right_token(request))
        name = request.query_params.get("org_id")
        return caller.model_copy(update={"organization": name}) if name else caller

    app.dependency_overrides[auth.current_caller] = current_caller


@fault
def list_unfiltered(app):
    # What a query without `WHERE organization = …` gives.
    service.visible = lambda caller, documents: [*service.TEMPLATES, *service.DOCUMENTS.values()]


@fault
def permission_unchecked(app):
    auth.may = lambda caller, permission: True


@fault
def permission_by_prefix(app):
    auth.may = lambda caller, permission: any(name.startswith(permission) for name in caller.permissions)


@fault
def permission_case_folded(app):
    auth.may = lambda caller, permission: permission.lower() in {name.lower() for name in caller.permissions}


# --- what is guarded at all -------------------------------------------------------------------------


@fault
def route_forgotten(app):
    async def read(document_id: str):
        return service.DOCUMENTS.get(document_id)

    # Added beside the secured routes, and matched first.
    app.router.routes.insert(0, APIRoute("/api/v1/documents/{document_id}", read, methods=["GET"]))


@fault
def head_unguarded(app):
    async def handle(request, call_next):
        if request.method == "HEAD" and request.url.path.startswith("/api/v1/"):
            return Response(headers={"content-type": "application/json", "content-length": "74"})
        return await call_next(request)

    first_middleware(app, handle)


def skip_authentication(app, when):
    """Lets a request through as the first organization's where `when(request)`."""

    async def current_caller(request: Request):
        if when(request):
            return auth.Caller(user="internal", organization="org-a", permissions=frozenset())
        return auth.authenticate(await right_token(request))

    app.dependency_overrides[auth.current_caller] = current_caller


@fault
def public_path_in_url(app):
    skip_authentication(app, lambda request: service.PUBLIC in str(request.url))


@fault
def public_path_case_folded(app):
    async def handle(request, call_next):
        if request.url.path.lower() == service.PUBLIC:
            request.scope["path"] = service.PUBLIC
        return await call_next(request)

    first_middleware(app, handle)


@fault
def original_url_trusted(app):
    skip_authentication(app, lambda request: request.headers.get("x-original-url") == service.PUBLIC)


@fault
def forwarded_for_trusted(app):
    skip_authentication(app, lambda request: request.headers.get("x-forwarded-for") == "127.0.0.1")


@fault
def method_override(app):
    def when(request):
        return request.headers.get("x-http-method-override", request.method) == "OPTIONS"

    skip_authentication(app, when)


@fault
def preflight_with_data(app):
    async def handle(request, call_next):
        if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            request.scope["method"] = request.headers["access-control-request-method"]
            return await call_next(request)
        return await call_next(request)

    first_middleware(app, handle)
    skip_authentication(app, lambda request: "access-control-request-method" in request.headers)


@fault
def guard_by_raw_path(app):
    """Middleware compares the path as received; the router decodes it afterwards."""
    guarded = ("/api/v1/templates/", "/api/v1/documents/")
    skip_authentication(app, lambda request: not request.scope["raw_path"].decode().startswith(guarded))


@fault
def public_refuses_bad_token(app):
    async def handle(request, call_next):
        if "authorization" in request.headers and request.url.path == service.PUBLIC:
            try:
                await auth.current_caller(request)
            except HTTPException as refused:
                return JSONResponse({"detail": refused.detail}, refused.status_code)
        return await call_next(request)

    first_middleware(app, handle)


# --- what is answered -------------------------------------------------------------------------------


@fault
def missing_is_403(app):
    auth.NOT_AUTHENTICATED = HTTPException(403, "Not authenticated")


@fault
def missing_redirects(app):
    async def handle(request, call_next):
        if "authorization" not in request.headers and request.url.path != service.PUBLIC:
            return RedirectResponse("/login", 302)
        return await call_next(request)

    first_middleware(app, handle)


@fault
def plain_text_denial(app):
    @app.exception_handler(HTTPException)
    async def plain(request, error):
        return PlainTextResponse(error.detail, error.status_code, headers=error.headers)


@fault
def detail_says_why(app):
    def invalid(error):
        expired = isinstance(error, jwt.ExpiredSignatureError)
        return HTTPException(401, "Token has expired" if expired else "Invalid authentication credentials")

    auth.invalid = invalid


@fault
def token_echoed(app):
    """Adds the token to the answer, "for debugging"."""

    @app.exception_handler(HTTPException)
    async def debug(request, error):
        body = {"detail": error.detail, "debug": line_of(request)}
        return JSONResponse(body, error.status_code, headers=error.headers)


@fault
def malformed_is_500(app):
    right = auth.authenticate

    def authenticate(token):
        header, claims, signature = token.split(".")
        json.loads(jwt.utils.base64url_decode(header))
        return right(token)

    auth.authenticate = authenticate


@fault
def unknown_key_is_500(app):
    auth.key_of = lambda header: auth.KEYS[header["kid"]]


@fault
def response_cached_by_url(app):
    """A response cache that does not take the `Authorization` field into its key."""
    kept = {}

    async def handle(request, call_next):
        url = str(request.url)
        found = kept.get(url)
        if request.method == "GET" and found and time.monotonic() - found[0] < 1:
            return Response(found[2], found[1], media_type="application/json")
        response = await call_next(request)
        if request.method == "GET" and response.status_code == 200:
            body = b"".join([part async for part in response.body_iterator])
            kept[url] = (time.monotonic(), 200, body)
            return Response(body, 200, media_type="application/json")
        return response

    first_middleware(app, handle)


@fault
def key_id_ignored(app):
    auth.key_of = lambda header: next(iter(auth.KEYS.values()))
