"""llama-cpp-python's server shifts the log-probabilities of an echoed prompt, and is refused: `pytest -m servers`."""

import numpy as np
import openai
import pytest

from langchain_consensus import OpenAICompatibleEngine
from langchain_consensus.engine import ScoreRequest
from langchain_consensus.engine.embedded import EMBEDDED_MODELS, prepare
from langchain_consensus.engine.embedded_parts import join_parts
from langchain_consensus.errors import ServerCapabilityError
from langchain_consensus.prompts import TextPrompt
from tests.servers.running import llama_cpp

pytestmark = pytest.mark.servers
MODEL = "qwen2.5-coder-0.5b-instruct"
TEXT = "The quick brown fox jumps over the lazy dog, and the capital of Australia is Canberra."


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama-cpp")
    join_parts(EMBEDDED_MODELS[MODEL], folder / "model.gguf")
    with llama_cpp(folder / "model.gguf", folder / "server.log") as address:
        yield address


def test_the_probe_refuses_it_and_says_why(url):
    with OpenAICompatibleEngine(url, tokenizer=str(prepare(MODEL))) as engine:
        (report,) = engine.probe()
        for check in report.checks:
            print(f"{check.name}: {check.found}")
        assert (report.checks[-1].name, report.checks[-1].passed) == ("alignment", False)
        assert "shifted by one position" in report.refusal
        with pytest.raises(ServerCapabilityError, match="shifted by one position"):
            engine.score([ScoreRequest(prompt=TextPrompt(text="The answer is"), continuations=(" yes", " no"))])


def test_what_it_tells_of_a_token_is_the_probability_that_the_token_comes_once_more(url, qwen_engine):
    """The defect itself, one row too late, so that a release that mends it is noticed."""
    client = openai.OpenAI(base_url=url, api_key="none")
    answer = client.completions.create(model="local", prompt=TEXT, echo=True, logprobs=1, max_tokens=1, temperature=0)
    told = answer.choices[0].logprobs
    tokens, values = (some[: answer.usage.prompt_tokens] for some in (told.tokens, told.token_logprobs))
    assert "".join(tokens) == TEXT
    places = range(1, len(tokens) - 1)

    def after(shift):
        requests = [
            ScoreRequest(prompt=TextPrompt(text="".join(tokens[: place + shift])), continuations=(tokens[place],))
            for place in places
        ]
        return np.array([one.logprobs[0] for one in qwen_engine.score(requests).scores])

    said = np.array([values[place] for place in places])
    right, late = np.abs(said - after(0)).mean(), np.abs(said - after(1)).mean()
    print(f"mean distance from the token's log-probability {right:.2f} nats, from its repetition's {late:.2f}")
    assert late < 0.5 < right
