"""Documents of many operations, and what the checker needs for them."""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from . import install
from .credentials import Keys
from .matrix import AS_IS, running
from .services import SERVICES

# The operations of the service that a document repeats, each time under other names of its parameters.
TEMPLATES = (
    ("get", "/api/v1/documents/{document}"),
    ("get", "/api/v1/documents/{document}/comments/{comment}"),
    ("put", "/api/v1/documents/{document}"),
    ("delete", "/api/v1/documents/{document}"),
    ("get", "/api/v1/documents/{document}/comments"),
)


def document(count: int) -> tuple[dict, str]:
    """An OpenAPI document of `count` operations, and the profile's values for it."""
    paths, values, permissions = {}, [], []
    for number in range(count):
        method, template = TEMPLATES[number % len(TEMPLATES)]
        names = {"document": ("doc-a", "doc-b"), "comment": ("comment-a", "comment-b")}
        names = {f"{name}_{number}": both for name, both in names.items() if f"{{{name}}}" in template}
        path = template.replace("{document}", f"{{document_{number}}}").replace("{comment}", f"{{comment_{number}}}")
        operation = {
            "operationId": f"operation_{number}",
            "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names],
            "responses": {},
        }
        if method == "put":
            operation["requestBody"] = {"required": True, "content": {"application/json": {"example": {"title": "A plan"}}}}
        paths[path] = {method: operation}
        values += [f'{name} = {{ own = "{own}", other = "{other}" }}' for name, (own, other) in names.items()]
        if "comment" not in template:
            scope = "documents:read" if method == "get" else "documents:write"
            permissions.append(f'"{method.upper()} {path}" = ["{scope}"]')
    described = {
        "openapi": "3.1.0",
        "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": paths,
    }
    text = "\n[matrix.parameters]\n" + "\n".join(values) + "\n\n[matrix.permissions]\n" + "\n".join(permissions) + "\n"
    return described, text


def measured(argv: list) -> tuple[int, float, int]:
    """Status, seconds and peak resident memory in KiB of a program."""
    started = time.monotonic()
    process = subprocess.Popen([str(part) for part in argv], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, time.monotonic() - started, usage.ru_maxrss


def main(counts: list[int]) -> int:
    binary, artos_auth = install.own_programs()
    service, failed = SERVICES["axum"], 0
    service.install()
    print("| operations | requests | cells | time | peak memory | JSON report |")
    print("|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = Keys(folder / "keys", artos_auth).of(service.algorithm)
        base = files.matrix_signing.read_text()
        head, tokens = base[: base.index("[matrix.parameters]")], base[base.index("[tokens]") :]
        for count in counts:
            described, values = document(count)
            openapi, report = folder / f"{count}.json", folder / f"report-{count}.json"
            openapi.write_text(json.dumps(described))
            profile = files.matrix_signing.with_name(f"matrix-{count}.toml")
            profile.write_text(head + values + tokens)
            with running(service, AS_IS, files) as port:
                argv = [binary, "matrix", "--profile", profile, "--target", f"http://127.0.0.1:{port}", "--openapi", openapi]
                argv += ["--rate", "1000000", "--yes", "--complete", "--format", "json", "--output", report]
                status, seconds, memory = measured(argv)
            result = json.loads(report.read_text())
            size = report.stat().st_size / 2**20
            print(
                f"| {count:,} | {result['requests']:,} | {result['summary']['cells']:,} | {seconds:.1f} s "
                f"| {memory / 1024:.0f} MiB | {size:.1f} MiB |",
                flush=True,
            )
            if status:
                failed += 1
                print(f"status {status}: {result['summary']}")
    return 1 if failed else 0
