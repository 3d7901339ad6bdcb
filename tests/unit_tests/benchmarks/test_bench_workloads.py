"""The workloads: what is in them, and that it is what the package asks its engine."""

import pytest
from bench_data import shrink, tiny_subject, write_sets

from langchain_consensus.benchmarks import workloads
from langchain_consensus.benchmarks.data import sentences
from langchain_consensus.benchmarks.requests import distinct_strings, fitted
from langchain_consensus.benchmarks.workloads import arc, mmlu5, rag, sample
from langchain_consensus.errors import InvalidInputError


@pytest.fixture
def data(tmp_path, monkeypatch):
    shrink(monkeypatch)
    return write_sets(tmp_path)


@pytest.mark.parametrize("chat", [True, False])
def test_arc_asks_both_conditions_and_both_verdicts_of_every_option(data, chat):
    subject = tiny_subject(chat=chat)
    workload = arc(subject, data, 3)
    # A question: one request a condition with four options, one request an option with two verdicts.
    assert [len(one.continuations) for one in workload.requests] == [4, 4, 2, 2, 2, 2] * 3
    assert subject.wording.name == ("chat_qa" if chat else "qa")
    assert len(distinct_strings(subject.tokens, workload.requests)) == 3 * 16


def test_mmlu5_has_one_header_of_median_length_in_front_of_every_question(data):
    subject = tiny_subject(chat=False)
    workload = mmlu5(subject, data, 2)
    assert workload.facts["subject"] == "middling"
    texts = [one.prompt.text for one in workload.requests]
    header = f"Context: Question: {'What? ' * 3}\nA. yes"
    assert all(text.startswith(header) for text in texts)
    shared = texts[0].index("Question: Is it 0?")
    assert {text[:shared] for text in texts} == {texts[0][:shared]}
    strings = distinct_strings(subject.tokens, workload.requests)
    assert len({string.prefix[: workload.facts["header_tokens"]] for string in strings}) == 1


def test_rag_contexts_and_candidates_have_the_lengths_that_were_asked_for(data):
    subject = tiny_subject()
    workload = rag(subject, data, 2)
    assert all(100 < length <= 120 for length in workload.facts["context_tokens"])
    generator = [one for one in workload.requests if len(one.continuations) == 3]
    assert len(generator) == 4  # two claims, two conditions
    lengths = [len(subject.tokens.plain_ids(f" {text}")) for one in generator for text in one.continuations]
    assert max(lengths) <= 12
    assert len(set(generator[0].continuations)) == 3


def test_sample_prompts_are_as_long_as_they_may_be_and_have_no_stop_string(data):
    subject = tiny_subject()
    workload = sample(subject, data, 2)
    assert all(190 < length <= 200 for length in workload.facts["prompt_tokens"])
    assert (workload.settings.n, workload.settings.max_new_tokens, workload.settings.stop) == (2, 5, ())


def test_the_issue_s_shapes_are_the_real_ones():
    assert (workloads.CONTEXT_TOKENS, workloads.CANDIDATES, workloads.CANDIDATE_TOKENS) == (2000, 8, 48)
    assert (workloads.PROMPT_TOKENS, workloads.DRAWS, workloads.NEW_TOKENS) == (600, 8, 48)
    assert workloads.DEFAULT_QUESTIONS["arc"] >= 40
    assert workloads.DEFAULT_QUESTIONS["mmlu5"] >= 20
    assert workloads.DEFAULT_QUESTIONS["rag"] >= 4


@pytest.mark.parametrize("make", [arc, mmlu5, rag, sample])
def test_too_few_questions_are_said(data, make):
    with pytest.raises(InvalidInputError, match="`questions` is 99"):
        make(tiny_subject(), data, 99)


def test_a_line_that_is_no_json_is_named(data):
    (data / "arc_easy/dev.jsonl").write_text("{}\n{broken\n")
    with pytest.raises(InvalidInputError, match=r"dev\.jsonl:2"):
        arc(tiny_subject(), data, 1)


def test_fitted_takes_the_longest_beginning_and_at_least_one_word():
    words = ["one", "two", "three"]
    assert fitted(words, len, 7) == "one two"
    assert fitted(words, len, 99) == "one two three"
    assert fitted(words, len, 1) == "one"


def test_sentences_are_distinct_and_no_fragments():
    assert sentences(["It is so very plain. Ha. It is so very plain. And (p < 0.1) more of it."]) == [
        "It is so very plain.",
        "And (p < 0.1) more of it.",
    ]
