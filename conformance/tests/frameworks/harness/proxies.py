"""Reverse proxies before a service, each with the configuration of its own quick start."""

import contextlib
import tempfile
from pathlib import Path

from . import install
from .processes import free_port, program

TITLES = {"nginx": "nginx", "caddy": "Caddy", "haproxy": "HAProxy", "envoy": "Envoy"}

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{backend};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""

CADDY = """
{{
    admin off
    auto_https off
    storage file_system {folder}
}}
http://127.0.0.1:{port}, http://localhost:{port} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{backend}
}}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind 127.0.0.1:{port}
    default_backend service
backend service
    server one 127.0.0.1:{backend}
"""

ENVOY = """
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          route_config:
            virtual_hosts:
            - name: service
              domains: ["*"]
              routes: [{{ match: {{ prefix: "/" }}, route: {{ cluster: service }} }}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: service
    connect_timeout: 5s
    load_assignment:
      cluster_name: service
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {backend} }} }} }}
"""

FILES = {"nginx": ("nginx.conf", NGINX), "caddy": ("Caddyfile", CADDY), "haproxy": ("haproxy.cfg", HAPROXY), "envoy": ("envoy.yaml", ENVOY)}


@contextlib.contextmanager
def before(name: str, backend: int):
    """The port of a proxy before the service at `backend`, until the block ends."""
    proxy = install.proxies()[name]
    with tempfile.TemporaryDirectory() as folder:
        file, text = FILES[name]
        port, file = free_port(), Path(folder) / file
        file.write_text(text.format(port=port, backend=backend, folder=folder))
        argv = {
            "nginx": [proxy, "-p", folder, "-c", file],
            "caddy": [proxy, "run", "--config", file, "--adapter", "caddyfile"],
            "haproxy": [proxy, "-f", file],
            "envoy": [proxy, "--config-path", file, "--concurrency", 1, "--disable-hot-restart"],
        }[name]
        with program(argv, port=port, env={"HOME": folder}):
            yield port
