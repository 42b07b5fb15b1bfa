"""Starts programs on free ports, waits until they answer, and ends them."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time

# Ports that were given to a program of this run are not given again.
_given = set()


class HarnessError(Exception):
    """Something besides the checker and the services went wrong."""


class PortTaken(HarnessError):
    """Another program took the free port first, an outgoing connection for example."""


def free_port() -> int:
    for _ in range(100):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port
    raise HarnessError("no free port on 127.0.0.1")


@contextlib.contextmanager
def program(argv, *, port, env=None, cwd=None, seconds=30):
    """Runs a program until the block ends. It listens on `port` when the block begins."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
        try:
            _wait(process, port, output, argv, seconds)
            yield process
        finally:
            _end(process)


def _wait(process, port, output, argv, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            text = _text(output)
            error = PortTaken if "address already in use" in text.lower() else HarnessError
            raise error(f"`{argv[0]}` ended with status {process.returncode}:\n{text}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.03)
    raise HarnessError(f"`{argv[0]}` does not listen on port {port} after {seconds} s:\n{_text(output)}")


def _text(output) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")[-4000:]


def _end(process):
    """Ends the program and the workers that it started."""
    for what in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, what)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run(argv, *, what, cwd=None, env=None, seconds=900) -> str:
    """Runs a program to its end and gives its standard output; `what` names the step in an error."""
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    if done.returncode:
        raise HarnessError(f"{what} failed with status {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout
