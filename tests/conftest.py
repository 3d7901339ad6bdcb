"""What all tests share: no unit test reaches the network, and every surface can run on an engine without a model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

from langchain_consensus.engine import FakeEngine
from tests.engines import BELIEFS, RecordingEngine

# Workers of `pytest -n` share the processors: PyTorch is not loaded yet, and would start a thread for each in each.
if (workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))) > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


@pytest.fixture(autouse=True)
def _no_network(request):
    # Event loops talk to themselves through Unix sockets; those stay open.
    if "unit_tests" not in request.path.parts:
        yield
        return
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture
def fake_engine():
    """Knows the capital of Australia and two and two, and has a chat template."""
    return FakeEngine(BELIEFS)


@pytest.fixture
def recording_engine():
    """The same, and keeps every call."""
    return RecordingEngine()


@pytest.fixture(scope="session")
def docs_site(tmp_path_factory):
    """The folder of the documentation, built as CI builds it; whatever MkDocs warns of is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
