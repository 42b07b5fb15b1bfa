#!/usr/bin/env python3
"""Calls the Artos API with requests.

    ARTOS_TOKEN_FILE=token.jwt python3 client.py /api/v1/templates/

ARTOS_TOKEN_FILE  a file that holds the token; it is read again for every attempt, so that a rotated token is used at once
ARTOS_TOKEN       the token itself, where there is no file
ARTOS_API_URL     the API; https, or http on loopback
ARTOS_CA_FILE     a CA certificate to trust instead of the system's

Exit status: 0 done; 2 usage; 3 no token was sent; 4 the token is not accepted; 5 not allowed; 1 anything else.
"""

import os
import sys
import time
from urllib.parse import urlsplit

import requests

RETRIED = {429, 502, 503, 504}


class ApiError(Exception):
    """An answer that is not a success. Its text never contains the token."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def read_token() -> str:
    """The current token."""
    if file := os.environ.get("ARTOS_TOKEN_FILE"):
        with open(file, encoding="ascii") as opened:
            return opened.read().strip()
    return os.environ.get("ARTOS_TOKEN", "").strip()


class Client:
    """A connection to the API that reads its token again for every request."""

    def __init__(self, base: str) -> None:
        url = urlsplit(base)
        if url.scheme != "https" and url.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ApiError("ARTOS_API_URL must begin with https://", 2)
        self.base = base.rstrip("/")
        self.session = requests.Session()
        self.session.trust_env = False  # a .netrc file would replace the Authorization field
        self.session.verify = os.environ.get("ARTOS_CA_FILE") or True

    def get(self, path: str) -> bytes:
        """The body of a GET. A GET changes nothing, so it is repeated after a temporary error."""
        token = read_token()
        for attempt in (1, 2, 3):
            try:
                answer = self.session.get(
                    self.base + path,
                    headers={"Authorization": f"Bearer {token}"} if token else {},
                    timeout=(5, 10),
                    allow_redirects=False,  # the token goes to this host alone
                )
            except (requests.ConnectionError, requests.Timeout):
                if attempt == 3:
                    raise ApiError("no answer", 1) from None
                time.sleep(attempt)
                continue
            if answer.status_code == 401 and attempt < 3 and (renewed := read_token()) != token:
                token = renewed
                continue
            if answer.status_code in RETRIED and attempt < 3:
                wait = answer.headers.get("Retry-After", "")
                time.sleep(min(int(wait), 60) if wait.isdigit() else attempt)
                continue
            return self.body(answer)
        raise ApiError("no answer", 1)

    @staticmethod
    def body(answer: requests.Response) -> bytes:
        """The body, or the error for the status."""
        if answer.ok and not answer.is_redirect:
            return answer.content
        try:
            detail = str(answer.json()["detail"])
        except (ValueError, KeyError, TypeError):
            detail = ""
        if answer.status_code == 401 and detail == "Not authenticated":
            raise ApiError(f"401 {detail}: no token was sent; set ARTOS_TOKEN_FILE", 3)
        if answer.status_code == 401:
            raise ApiError(f"401 {detail}: get a new token from your organization's administrator", 4)
        if answer.status_code == 403:
            raise ApiError(
                f"403 {detail}: the token is good, but not for this; ask your organization's administrator", 5
            )
        raise ApiError(f"HTTP {answer.status_code}", 1)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: client.py PATH", file=sys.stderr)
        return 2
    try:
        client = Client(os.environ.get("ARTOS_API_URL", "https://api.artosai.com"))
        sys.stdout.buffer.write(client.get(sys.argv[1]) + b"\n")
    except ApiError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except OSError:
        print("the token cannot be read", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
