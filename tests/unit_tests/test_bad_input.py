"""Bad input to every surface: one clear error that names the field, what was received, and the remedy; never a cut."""

import asyncio
import copy

import pytest

from langchain_consensus import (
    ChatEquilibriumRanking,
    ConsensusOutputParser,
    ConsensusRanker,
    EquilibriumRankingLLM,
    TransformersEngine,
)
from langchain_consensus.errors import ContextWindowError, InvalidInputError
from tests.engines import CAPITAL, RecordingEngine
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

WINDOW = 200
LONG = "yes " * 300


@pytest.fixture(scope="module")
def small_window():
    """A tiny model whose tokenizer allows 200 tokens, and a count of its forwards."""
    tokenizer = copy.copy(tiny_tokenizer())
    tokenizer.model_max_length = WINDOW
    return TransformersEngine.from_model(tiny_model("qwen2"), tokenizer)


@pytest.fixture
def engine():
    return RecordingEngine()


MODELS = {
    "llm": lambda engine, **options: EquilibriumRankingLLM(engine=engine, **options),
    "chat": lambda engine, **options: ChatEquilibriumRanking(engine=engine, **options),
    "llm.ranked": lambda engine, **options: EquilibriumRankingLLM(engine=engine, **options).ranked(),
    "chat.ranked": lambda engine, **options: ChatEquilibriumRanking(engine=engine, **options).ranked(),
}
WAYS = {
    "invoke": lambda model, one, **options: model.invoke(one, **options),
    "ainvoke": lambda model, one, **options: asyncio.run(model.ainvoke(one, **options)),
    "batch": lambda model, one, **options: model.batch([CAPITAL, one], **options),
    "abatch": lambda model, one, **options: asyncio.run(model.abatch([CAPITAL, one], **options)),
    "stream": lambda model, one, **options: list(model.stream(one, **options)),
}
PROMPTS = {
    "empty": ("", r"`question` is ''; it must be a text with at least one visible character"),
    "white space": (" \n\t", r"`question` is ' \\n\\t'; it must be a text"),
    "a number": (3, r"The prompt is 3, a int; it must be a text, a prompt value or messages"),
    "nothing": (None, r"The prompt is None, a NoneType; it must be a text"),
    "bytes": (b"what?", r"The prompt is b'what\?', a bytes; it must be a text"),
    "a list of numbers": ([3], r"The prompt's message 0 is 3, a int; it must be a message"),
    "no messages": ([], r"The conversation ends with nothing; it must end with the human message"),
    "no question": ([("ai", "Hello")], r"The conversation ends with a 'ai' message; it must end with the human"),
    "an image": ([("human", [{"type": "image_url", "image_url": {"url": "x"}}])], r"only text can be ranked"),
    "an empty message": ([("human", "")], r"`question` is ''; it must be a text with at least one visible"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("case", PROMPTS)
def test_a_bad_prompt_is_named_however_it_comes(case, model, way, engine):
    prompt, said = PROMPTS[case]
    with pytest.raises(InvalidInputError, match=said):
        WAYS[way](MODELS[model](engine), prompt)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", MODELS)
def test_a_prompt_longer_than_the_window_is_refused_with_its_length_the_limit_and_the_remedy(model, way, small_window):
    with pytest.raises(ContextWindowError) as caught:
        WAYS[way](MODELS[model](small_window, max_new_tokens=4, num_candidates=2), LONG)
    said = str(caught.value)
    assert said.startswith("`question` 'yes yes yes")
    assert f"the model reads at most {WINDOW} (`model_max_length` of the tokenizer)" in said
    assert "Nothing is cut: shorten it (the question, its context, the conversation before it)" in said


@pytest.mark.parametrize("model", MODELS)
def test_too_many_new_tokens_are_refused_with_how_many_there_is_room_for(model, small_window):
    with pytest.raises(ContextWindowError, match=r"`max_new_tokens` is 199.*lower `max_new_tokens` to at most \d+"):
        MODELS[model](small_window, max_new_tokens=199).invoke(CAPITAL)


@pytest.mark.parametrize("model", MODELS)
def test_one_prompt_that_is_too_long_takes_no_other_with_it(model, small_window):
    runnable = MODELS[model](small_window, max_new_tokens=4, num_candidates=2, solver="log_time_flow")
    found = runnable.batch([CAPITAL, LONG], return_exceptions=True)
    assert not isinstance(found[0], Exception)
    assert isinstance(found[1], ContextWindowError)


def test_a_history_that_is_too_long_counts_as_well(small_window):
    chat = ChatEquilibriumRanking(engine=small_window, max_new_tokens=4)
    with pytest.raises(ContextWindowError, match="the conversation before it"):
        chat.invoke([("human", LONG), ("ai", "Yes."), ("human", CAPITAL)])


@pytest.mark.parametrize("way", list(WAYS)[:2])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"question": LONG, "candidates": ["yes"]}, r"`question` 'yes yes .* with 'yes', the longest of its `candid"),
        ({"question": CAPITAL, "candidates": ["no", LONG]}, r"with 'yes yes .*, the longest of its `candidates`: the"),
        (
            {"question": CAPITAL, "candidates": ["no"], "context": LONG},
            r"reads at most 200 .*shorten the answer, the q",
        ),
        ({"question": CAPITAL, "candidates": []}, r"`candidates` is \[\]; it must be a list of at least one"),
        ({"question": CAPITAL, "candidates": ["no", 3]}, r"`candidates\[1\]` is 3; it must be a text"),
        ({"question": "", "candidates": ["no"]}, r"`question` is ''; it must be a text"),
        ({"question": CAPITAL}, r"it needs `question` and `candidates`"),
        (CAPITAL, r"The input is str; it must be a mapping"),
    ],
)
def test_bad_input_to_the_ranker_is_named(given, said, way, small_window):
    wording = "qa" if isinstance(given, dict) and "context" in given else "auto"
    with pytest.raises(InvalidInputError, match=said):
        WAYS[way](ConsensusRanker(engine=small_window, wording=wording), given)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("num_candidates", 0, r"`num_candidates` is 0; it must be a whole number of at least 1"),
        ("num_candidates", -3, r"`num_candidates` is -3; it must be"),
        ("max_new_tokens", 0, r"`max_new_tokens` is 0; it must be"),
        ("temperature", float("nan"), r"`temperature` is nan; it must be a finite number"),
        ("temperature", "hot", r"temperature"),
        ("wording", "best", r"`wording` is 'best'; the presets are"),
        ("rule", "best", r"`rule` is 'best'; it must be one of"),
        ("solver", "nash", r"`solver` is 'nash'; it must be one of"),
        ("answer_key", "number", r"`answer_key` is 'number'; it must be a function"),
        ("stop", [""], r"`stop` is \('',\); it must be a tuple of strings, none of them empty"),
    ],
)
@pytest.mark.parametrize("model", ["llm", "chat"])
def test_a_bad_option_is_named_in_the_constructor_and_in_every_call(option, value, said, model, engine):
    with pytest.raises(ValueError, match=said):
        MODELS[model](engine, **{option: value})
    for way in WAYS.values():
        with pytest.raises(ValueError, match=said):
            way(MODELS[model](engine), CAPITAL, **{option: value})
    assert engine.calls == (0, 0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", list(MODELS)[:3])
def test_an_unknown_option_of_a_call_is_refused_with_those_there_are(model, way, engine):
    with pytest.raises(InvalidInputError, match=r"`num_candidate` is no option of a call; the options are \['anchors'"):
        WAYS[way](MODELS[model](engine), CAPITAL, num_candidate=3)
    assert engine.calls == (0, 0)


@pytest.mark.parametrize("surface", [EquilibriumRankingLLM, ChatEquilibriumRanking, ConsensusRanker])
def test_an_unknown_option_of_the_constructor_is_refused(surface, engine):
    with pytest.raises(ValueError, match="num_candidate"):
        surface(engine=engine, num_candidate=3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, r"The input is int; it must be a `Ranking`, a message"),
        (None, r"The input is NoneType; it must be a `Ranking`"),
        ([], r"The input is list; it must be a `Ranking`"),
        (b"x", r"The input is bytes; it must be a `Ranking`"),
    ],
)
def test_bad_input_to_the_parser_is_named(given, said):
    with pytest.raises(InvalidInputError, match=said):
        ConsensusOutputParser().invoke(given)
