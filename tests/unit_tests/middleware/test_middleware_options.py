"""Bad configuration names the option, what it was, the rule and the remedy; good configuration changes nothing else."""

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import omit_payload

from langchain_consensus import Wording
from langchain_consensus.engine import FakeEngine
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import Equilibrium
from langchain_consensus.middleware import ConsensusMiddleware
from langchain_consensus.prompts import wording_named
from tests.agents import scripted

ENGINE = FakeEngine()
WRONG = [
    ({"mode": "vote"}, r"`mode` is 'vote'; it must be one of \['verify', 'select', 'tools'\]"),
    ({"min_confidence": 1.5}, r"`min_confidence` is 1\.5; it must be a probability from 0 to 1"),
    ({"min_confidence": True}, "`min_confidence` is True"),
    ({"min_confidence": float("nan")}, "`min_confidence` is nan"),
    ({"max_retries": -1}, "`max_retries` is -1; it must be a whole number of at least 0"),
    ({"max_retries": 1.0}, r"`max_retries` is 1\.0"),
    ({"on_failure": "ignore"}, r"`on_failure` is 'ignore'; it must be one of \['refuse', 'keep', 'error'\]"),
    ({"fallback_model": "openai:gpt"}, "`fallback_model` is 'openai:gpt'; it must be a chat model"),
    ({"refusal": " "}, "`refusal` is ' '; it must be a text with at least one visible character"),
    ({"feedback": "Because of {cause}"}, r"`feedback` is 'Because of \{cause\}'; .* whose only field is \{reason\}"),
    ({"feedback": "{"}, r"`feedback` is '\{'"),
    ({"feedback": "{reason:d}"}, r"`feedback` is"),
    ({"feedback": 3}, "`feedback` is 3"),
    ({"contrast_by": "size"}, r"`contrast_by` is 'size'; it must be one of \['verdict', 'game'\]"),
    ({"contrast_candidates": -2}, "`contrast_candidates` is -2"),
    ({"rivals": 1.0}, r"`rivals` is 1\.0; it must be a whole number of at least 0"),
    ({"rivals": 2, "contrast_candidates": 2}, "`rivals` is 2 beside `contrast_candidates`; an answer is judged in one"),
    ({"mode": "select", "rivals": 2}, "`rivals` is an option of mode 'verify' and the mode is 'select'; leave it out"),
    ({"verify_tools": ["lookup"]}, r"`verify_tools` is \['lookup'\]; it must be a mapping from tools' names"),
    ({"verify_tools": {"lookup": 2}}, "`verify_tools` is"),
    ({"verify_tools": {"": 0.5}}, "`verify_tools` is"),
    ({"min_verdict_mass": -0.1}, r"`min_verdict_mass` is -0\.1"),
    ({"name": ""}, "`name` is ''"),
    ({"wording": "qaa"}, "`wording` is 'qaa'; the presets are"),
    ({"tool_wording": "nope"}, "`wording` is 'nope'; the presets are"),
    ({"num_candidates": 3}, "`num_candidates` is an option of mode 'select' and the mode is 'verify'; leave it out"),
    ({"mode": "select", "num_candidates": 1}, "`num_candidates` is 1; it must be a whole number of at least 2"),
    ({"mode": "select", "rule": "best"}, "`rule` is 'best'; it must be one of"),
    ({"mode": "select", "solver": "magic"}, "`solver` is 'magic'; it must be one of"),
    ({"mode": "select", "solver": 3}, "`solver` is 3; it must be"),
    ({"mode": "select", "answer_key": 3}, "`answer_key` is 3; it must be a function"),
    ({"mode": "select", "max_retries": 2}, "`max_retries` is an option of mode 'verify' and the mode is 'select'"),
    ({"mode": "select", "draw_settings": {"": 1}}, r"`draw_settings` is .*; it must be a mapping from options"),
    ({"draw_settings": {"temperature": 1}}, "`draw_settings` is an option of mode 'select'"),
    ({"mode": "tools"}, "`mode` is 'tools' and `verify_tools` is empty; name the tools"),
    ({"treshold": 0.5}, "`treshold` is no option of `ConsensusMiddleware`; they are"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_a_bad_option_is_refused_when_the_middleware_is_made(options, message):
    with pytest.raises(InvalidInputError, match=message):
        ConsensusMiddleware(ENGINE, **options)


def test_a_judge_that_is_no_engine_is_refused():
    with pytest.raises(InvalidInputError, match="`judge` is 'qwen'; it must be an `Engine`, such as"):
        ConsensusMiddleware("qwen")


def test_ranking_tool_calls_needs_a_judge_that_can_be_shown_tools():
    with pytest.raises(InvalidInputError, match="`rank_tool_calls` is True and the judge 'fake' has no chat template"):
        ConsensusMiddleware(FakeEngine(is_chat=False), mode="select", rank_tool_calls=True)


def test_wordings_and_solvers_of_one_s_own_are_taken():
    own = wording_named("chat_qa").model_copy(update={"name": "own"})
    assert isinstance(own, Wording)
    ConsensusMiddleware(ENGINE, mode="select", wording=own, solver=Equilibrium(), rule="er_generator")
    ConsensusMiddleware(ENGINE, wording="chat_qa", tool_wording=own, verify_tools={"lookup": 1})


def test_two_of_one_name_are_refused_by_langchain_and_two_names_are_not():
    two = [ConsensusMiddleware(ENGINE), ConsensusMiddleware(ENGINE)]
    with pytest.raises(AssertionError, match="duplicate"):
        create_agent(scripted(), [], middleware=two)
    two[1] = ConsensusMiddleware(ENGINE, name="second")
    create_agent(scripted(), [], middleware=two)


def test_options_that_change_later_change_nothing():
    tools = {"lookup": 0.5}
    middleware = ConsensusMiddleware(ENGINE, verify_tools=tools)
    tools["lookup"] = 0.0
    assert middleware._options.verify_tools == {"lookup": 0.5}


def test_hook_spans_leave_the_conversation_out():
    assert ConsensusMiddleware(ENGINE).trace_policy.process_inputs is omit_payload
