"""Settings of the service, from environment variables."""

import json
import os
from pathlib import Path

# The verification keys: a JWK Set, or a set with one shared secret.
KEYS = json.loads(Path(os.environ["SERVICE_KEYS"]).read_text())
ISSUER = os.environ.get("SERVICE_ISSUER")
AUDIENCE = os.environ.get("SERVICE_AUDIENCE")
# The organizations whose tokens authenticate at this deployment.
ORGANIZATIONS = frozenset(os.environ["SERVICE_ORGANIZATIONS"].split(","))
# Ids of revoked tokens, one per line.
REVOKED_FILE = Path(os.environ["SERVICE_REVOKED"])
# Optional parts of the application: `gzip`, `cors`, `http-bearer`, ….
PARTS = frozenset(filter(None, os.environ.get("SERVICE_PARTS", "").split(",")))
# A fault of `faults.py` to switch on.
FAULT = os.environ.get("SERVICE_FAULT")
