"""The services and the manners in which each is run: servers, optional parts, proxies."""

import contextlib
from dataclasses import dataclass, field

from . import install, proxies
from .processes import free_port, program


@dataclass(frozen=True)
class Manner:
    """One way to run a service that is right."""

    name: str
    about: str
    server: str
    parts: str = ""
    algorithm: str = ""
    http2: bool = False
    with_environment: bool = True
    proxy: str = ""
    extra: dict = field(default_factory=dict)


def behind_proxies(server: str) -> list[Manner]:
    return [Manner(name, f"behind {title}", server, proxy=name) for name, title in proxies.TITLES.items()]


class Service:
    """A service on one framework."""

    name: str
    title: str
    # The algorithm of the keys, unless a manner says another.
    algorithm: str
    manners: list[Manner]

    def install(self):
        """Makes everything ready that the service needs."""
        raise NotImplementedError

    def command(self, server: str, port: int):
        """The command line and working folder of the service under one of its servers."""
        raise NotImplementedError

    @contextlib.contextmanager
    def running(self, manner: Manner, credentials, fault: str | None = None):
        """The port at which the service, or the proxy before it, listens until the block ends."""
        port = free_port()
        argv, cwd = self.command(manner.server, port)
        env = {**credentials.service, "SERVICE_PARTS": manner.parts, "SERVICE_PORT": str(port), **manner.extra}
        if fault:
            env["SERVICE_FAULT"] = fault
        with program(argv, port=port, env=env, cwd=cwd):
            if not manner.proxy:
                yield port
                return
            with proxies.before(manner.proxy, port) as front:
                yield front


class FastApi(Service):
    name, title, algorithm = "fastapi", "FastAPI", "RS256"
    manners = [
        Manner("uvicorn-httptools", "uvicorn with httptools", "uvicorn-httptools"),
        Manner("uvicorn-h11", "uvicorn with h11", "uvicorn-h11"),
        Manner("uvicorn-workers", "uvicorn with two worker processes", "uvicorn-workers"),
        Manner("hypercorn", "hypercorn, HTTP/1.1", "hypercorn"),
        Manner("hypercorn-h2", "hypercorn, HTTP/2", "hypercorn", http2=True),
        Manner("http-bearer", "the framework's `HTTPBearer`", "uvicorn-httptools", "http-bearer"),
        Manner("guard", "authentication as middleware, before routing", "uvicorn-httptools", "guard"),
        Manner("mounted", "the API as a mounted application", "uvicorn-httptools", "mounted"),
        Manner("validation-first", "validation of the body before authentication", "uvicorn-httptools", "validation-first"),
        Manner("no-slash-redirect", "no redirect to the path with a slash", "uvicorn-httptools", "no-slash-redirect"),
        Manner("gzip", "`GZipMiddleware` for every body", "uvicorn-httptools", "gzip"),
        Manner("cors", "`CORSMiddleware`", "uvicorn-httptools", "cors"),
        Manner("trusted-host", "`TrustedHostMiddleware`", "uvicorn-h11", "trusted-host"),
        Manner("root-path", "`root_path`", "uvicorn-httptools", "root-path"),
        Manner("no-docs", "without `/docs` and `/openapi.json`", "uvicorn-httptools", "no-docs"),
        Manner("one-secret", "one HS256 secret", "uvicorn-httptools", algorithm="HS256"),
        Manner("no-environment", "no issuer and no audience", "uvicorn-httptools", with_environment=False),
        *behind_proxies("uvicorn-httptools"),
    ]

    def install(self):
        self.programs = install.fastapi()

    def command(self, server, port):
        uvicorn = [self.programs / "uvicorn", "main:app", "--port", port, "--log-level", "warning"]
        argv = {
            "uvicorn-httptools": [*uvicorn, "--http", "httptools"],
            "uvicorn-h11": [*uvicorn, "--http", "h11"],
            "uvicorn-workers": [*uvicorn, "--workers", 2],
            "hypercorn": [self.programs / "hypercorn", "main:app", "--bind", f"127.0.0.1:{port}"],
        }[server]
        return argv, install.FOLDER / "fastapi"


class Express(Service):
    name, title, algorithm = "express", "Express", "ES256"
    manners = [
        Manner("jose", "`jose`, authentication as middleware of a router", "node"),
        Manner("jsonwebtoken", "`jsonwebtoken`, and the checks that it lacks", "node", "jsonwebtoken"),
        Manner("cluster", "two worker processes", "node", "cluster"),
        Manner("guard-per-route", "authentication named at each route", "node", "guard-per-route"),
        Manner("strict", "strict and case-sensitive routing", "node", "strict"),
        Manner("json-first", "`express.json()` before everything else", "node", "json-first"),
        Manner("validation-first", "validation of the body before authentication", "node", "validation-first"),
        Manner("compression", "`compression` for every body", "node", "compression"),
        Manner("cors", "`cors` before everything else", "node", "cors"),
        Manner("helmet", "`helmet`", "node", "helmet"),
        Manner("no-etag", "without `ETag`", "node", "no-etag"),
        Manner("trust-proxy", "`trust proxy`", "node", "trust-proxy"),
        Manner("rs256", "an RS256 key", "node", algorithm="RS256"),
        Manner("one-secret", "one HS256 secret", "node", algorithm="HS256"),
        Manner("no-environment", "no issuer and no audience", "node", with_environment=False),
        *behind_proxies("node"),
    ]

    def install(self):
        self.folder = install.express()

    def command(self, server, port):
        return ["node", self.folder / "main.js"], self.folder


class Axum(Service):
    name, title, algorithm = "axum", "axum", "ES256"
    manners = [
        Manner("extractor", "authentication as an extractor", "axum"),
        Manner("http2", "HTTP/2", "axum", http2=True),
        Manner("guard", "authentication as middleware around everything", "axum", "guard"),
        Manner("route-layer", "authentication as middleware around known paths", "axum", "route-layer"),
        Manner("validation-first", "validation of the body before authentication", "axum", "validation-first"),
        Manner("compression", "`CompressionLayer` for every body", "axum", "compression"),
        Manner("cors", "`CorsLayer`", "axum", "cors"),
        Manner("timeout", "`TimeoutLayer`", "axum", "timeout"),
        Manner("normalize-path", "`NormalizePathLayer`", "axum", "normalize-path"),
        Manner("json-fallback", "JSON for unknown paths", "axum", "json-fallback"),
        Manner("rs256", "an RS256 key", "axum", algorithm="RS256"),
        Manner("ed25519", "an EdDSA key", "axum", algorithm="EdDSA"),
        Manner("one-secret", "one HS256 secret", "axum", algorithm="HS256"),
        Manner("no-environment", "no issuer and no audience", "axum", with_environment=False),
        *behind_proxies("axum"),
    ]

    def install(self):
        self.program = install.axum()

    def command(self, server, port):
        return [self.program], None


SERVICES = {service.name: service for service in (FastApi(), Express(), Axum())}
