"""The views of documents: the query's probability with a passage in sight and without, and the judge's verdict."""

import numpy as np
import pytest

from langchain_consensus import RelevanceWording, TransformersEngine
from langchain_consensus.documents.passages import Passage
from langchain_consensus.documents.relevance import Shortlist, scored
from langchain_consensus.documents.wording import RELEVANCE_PRESETS, relevance_wording_named
from langchain_consensus.engine.tokenization import Tokenization
from langchain_consensus.errors import ContextWindowError, InvalidInputError
from langchain_consensus.game import Correctness
from tests.engines import RecordingEngine, TableEngine, text_of
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

PLAIN = RelevanceWording(
    name="plain",
    kind="text",
    passage_block="P {passage} ",
    ask="ask",
    ask_alone="alone",
    judge="Q {query}?",
    verdicts=("no", "yes"),
)
TABLE = {
    ("alone", "two words"): 0.01,
    ("P a ask", "two words"): 0.16,
    ("P b ask", "two words"): 0.04,
    ("P c ask", "two words"): 0.0001,
    ("P a Q two words?", "no"): 0.3,
    ("P a Q two words?", "yes"): 0.1,
    ("P b Q two words?", "no"): 0.2,
    ("P b Q two words?", "yes"): 0.6,
    ("P c Q two words?", "no"): 0.1,
    ("P c Q two words?", "yes"): 0.1,
}


def passage(text, start=0):
    return Passage(text=text, start=start, end=start + len(text))


def shortlist(*documents, query="two words"):
    return Shortlist(query=query, documents=tuple(tuple(map(passage, texts)) for texts in documents))


def test_the_views_are_the_querys_probability_with_and_without_the_passage_and_the_verdict():
    (found,) = scored(TableEngine(TABLE), PLAIN, [shortlist("a", "b")])
    views = found.views
    assert np.exp(views.generator_logprobs) == pytest.approx(np.array([[0.01, 0.01], [0.16, 0.04]]))
    # Two tokens each: the average halves the logarithm, so it is the square root of the probability.
    assert np.exp(views.generator) == pytest.approx(np.array([[0.1, 0.1], [0.4, 0.2]]))
    assert np.exp(views.discriminator) == pytest.approx(np.array([[0.75, 0.25], [0.25, 0.75]]))
    assert views.verdict_mass == pytest.approx([0.4, 0.8])


def test_sums_are_not_divided_by_the_length():
    (found,) = scored(TableEngine(TABLE), PLAIN.model_copy(update={"length": "sum"}), [shortlist("a")])
    assert np.exp(found.views.generator[:, 0]) == pytest.approx([0.01, 0.16])


def test_a_document_is_as_relevant_as_its_best_passage_and_shows_that_passage_in_both_views():
    (found,) = scored(TableEngine(TABLE), PLAIN, [shortlist("abc")])
    assert found.passages == (passage("b"),)
    assert np.exp(found.views.discriminator[Correctness.CORRECT]) == pytest.approx([0.75])
    assert np.exp(found.views.generator_logprobs[Correctness.CORRECT]) == pytest.approx([0.04])


def test_on_a_tie_the_first_passage_stands_for_the_document():
    (found,) = scored(
        TableEngine(TABLE), PLAIN, [Shortlist(query="two words", documents=((passage("c"), passage("c", 7)),))]
    )
    assert found.passages[0].start == 0


def test_a_batch_is_one_call_and_gives_what_each_gives_alone():
    engine = RecordingEngine()
    wording = RELEVANCE_PRESETS["relevance"]
    lists = [shortlist(["x y"], ["z"], query="q one"), shortlist(["x y", "w"], query="q two")]
    together = scored(engine, wording, lists)
    assert engine.calls == (0, 1)
    for one, expected in zip(lists, together, strict=True):
        (alone,) = scored(engine, wording, [one])
        assert alone.passages == expected.passages
        assert alone.views.generator == pytest.approx(expected.views.generator)
        assert alone.views.discriminator == pytest.approx(expected.views.discriminator)


def test_every_distinct_prefix_of_all_prompts_is_computed_once():
    engine = TransformersEngine.from_model(tiny_model("llama"), tiny_tokenizer(), name="tiny")
    recording = RecordingEngine()
    lists = [shortlist(["the answer is yes"], ["what is it"], query="is it?"), shortlist(["what is it"], query="the?")]
    scored(recording, RELEVANCE_PRESETS["relevance"], lists)
    strings = [s for r in recording.score_calls[0] for s in Tokenization(tiny_tokenizer()).strings(r)]
    # What predicts something: every prefix but the whole strings.
    nodes = {
        ids[:length]
        for ids in (tuple(s.prefix) + tuple(s.continuation) for s in strings)
        for length in range(1, len(ids))
    }
    found = scored(engine, RELEVANCE_PRESETS["relevance"], lists)
    usage = [one.views.usage for one in found]
    assert sum(one.computed_tokens for one in usage) == len(nodes)
    assert sum(one.input_tokens for one in usage) > 2 * len(nodes)


def test_a_query_that_does_not_fit_the_window_is_named_with_the_remedy():
    class Small(RecordingEngine):
        def score(self, requests):
            msg = "the prompt has 9 tokens; the model reads at most 8"
            raise ContextWindowError(msg, place=len(requests) - 1)

    lists = [shortlist("a", query="short"), shortlist("b", query="much longer")]
    with pytest.raises(
        ContextWindowError, match="`query` 'much longer' with a passage of `documents`; shorten it or low"
    ):
        scored(Small(), PLAIN, lists)


@pytest.mark.parametrize("name", RELEVANCE_PRESETS)
def test_the_passage_comes_first_and_is_the_same_in_both_views(name):
    wording = relevance_wording_named(name)
    relevant = text_of(wording.relevant_prompt("{query} {passage}"))
    verdict = text_of(wording.verdict_prompt("{query} {passage}", "why {passage}?"))
    shared = relevant[: next(i for i, (a, b) in enumerate(zip(relevant, verdict, strict=False)) if a != b)]
    assert "Passage: {query} {passage}\n\n" in shared  # and what it says is no template
    assert "why {passage}?" in verdict
    assert "assage:" not in text_of(wording.irrelevant_prompt())


def test_an_unknown_preset_is_named_with_those_that_exist():
    with pytest.raises(InvalidInputError, match=r"`wording` is 'x'; the presets are \['relevance', 'relevance_text'\]"):
        relevance_wording_named("x")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("judge", "Is it?", r"`judge` of wording 'plain' has no \{query\}"),
        ("passage_block", "P", r"`passage_block` of wording 'plain' has no \{passage\}"),
        ("ask", "", "`ask` and `ask_alone` of wording 'plain' must say"),
        ("verdicts", ("yes", "yes"), "`verdicts` of wording 'plain' must be two different texts"),
    ],
)
def test_a_wording_that_cannot_work_is_refused(field, value, said):
    with pytest.raises(ValueError, match=said):
        RelevanceWording.model_validate(PLAIN.model_dump() | {field: value})
