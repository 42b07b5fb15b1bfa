"""A clock that cannot be right decides nothing: a process whose system clock is set by a preloaded library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Mint

# Makes the file named by TEST_CLOCK the system clock.
LIBRARY = Path(__file__).parents[2] / "fixtures" / "clock.c"

PROGRAM = """
import json, os, sys
from pathlib import Path
from artos_auth import UNOWNED, Denied, Engine

engine = Engine.from_config(sys.argv[1])
clock = Path(os.environ["TEST_CLOCK"])


def at(seconds):
    clock.write_text(str(seconds))
    decided = engine.decide("GET", "/documents", [f"Bearer {sys.argv[2]}"], resource_org=UNOWNED)
    public = engine.decide("GET", "/api/v1/search/status", [], resource_org=UNOWNED)
    try:
        engine.authenticate("GET", "/documents", [f"Bearer {sys.argv[2]}"])
        denied = None
    except Denied as why:
        denied = [why.status, why.reason]
    return [decided.status, decided.reason, denied, public.status]


print(json.dumps([at(int(seconds)) for seconds in sys.argv[3:]]))
"""

REFUSED = [503, "clock_unusable", [503, "clock_unusable"], 200]
SECONDS = {
    "1950": -631_152_000,
    "1970": 0,
    "the last second of 2024": 1_735_689_599,
}

YEAR_10000 = 253_402_300_800


@pytest.fixture
def library(tmp_path: Path) -> Path:
    library = tmp_path / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, LIBRARY, "-ldl"], check=True)
    return library


def test_an_unusable_clock_is_503_until_it_is_right(folder: Path, library: Path, mint: Mint) -> None:
    now = 1_800_000_000
    clock = folder / "clock"
    clock.write_text(str(now))
    token = mint(iat=now, exp=now + 600)
    times = [now, *SECONDS.values(), YEAR_10000, now]
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder / "artos-auth.toml", token, *map(str, times)],
        env=os.environ | {"LD_PRELOAD": str(library), "TEST_CLOCK": str(clock)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    first, *wrong, late, last = json.loads(result.stdout)
    assert dict(zip(SECONDS, wrong, strict=True)) == dict.fromkeys(SECONDS, REFUSED)
    assert late == [401, "token_expired", [401, "token_expired"], 200]
    assert first == last == [200, "authorized", None, 200]
