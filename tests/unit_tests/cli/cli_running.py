"""Runs the program in this process on a fake engine, as a shell would see it."""

import json
from dataclasses import dataclass, replace
from unittest.mock import patch

from typer.testing import CliRunner

from langchain_consensus.cli import app
from langchain_consensus.engine.base import ScoreResult
from langchain_consensus.engine.fake import FakeEngine
from langchain_consensus.errors import EngineError

CAPITALS = {
    "What is the capital of Australia?": {"Canberra": 0.6, "Sydney": 0.3, "Perth": 0.1},
    "What is the capital of Italy?": {"Rome": 0.9, "Milan": 0.1},
}


class BatchEngine(FakeEngine):
    """Fails on some questions, can be interrupted, and gives scores that depend slightly on what is in the batch."""

    def __init__(self, *, broken="BROKEN", interrupt_at=None):
        super().__init__(CAPITALS)
        self.broken, self.interrupt_at = broken, interrupt_at
        self.calls = 0

    def score(self, requests):
        self.calls += 1
        if self.calls == self.interrupt_at:
            raise KeyboardInterrupt
        if any(self.broken in message.content for one in requests for message in one.prompt.messages):
            msg = "the model failed\non this one"
            raise EngineError(msg)
        result = super().score(requests)
        shift = 1e-5 * len(requests)
        return ScoreResult(
            scores=tuple(replace(one, logprobs=one.logprobs - shift) for one in result.scores), usage=result.usage
        )


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def objects(self):
        return [json.loads(line) for line in self.out.splitlines()]


def run(*args, engine=None, columns=100, traceback=False):
    """What the program did; any exception but an exit is raised."""
    if engine is None:
        engine = FakeEngine(CAPITALS)
    with patch("langchain_consensus.cli.engines.make_engine", lambda *_, **__: engine):
        result = CliRunner(env={"COLUMNS": str(columns)}).invoke(app, [str(one) for one in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert ("Traceback" in result.stderr) == traceback
    return Ran(result.exit_code, result.stdout, result.stderr)


def write_items(path, items):
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path
