"""The scoring pass: what is stored is what the engine said, no text of a data set, and all that methods need."""

import json

import pytest

from langchain_consensus.engine import FakeEngine, SamplingSettings
from langchain_consensus.errors import EngineError, InvalidInputError
from langchain_consensus.evaluation.grading import grader_for
from langchain_consensus.evaluation.items import Item
from langchain_consensus.evaluation.scoring_pass import drawn_items, given_items
from langchain_consensus.evaluation.stored import read_run, stored_item
from langchain_consensus.evaluation.wordings import evaluation_wording
from langchain_consensus.prompts import Question
from tests.engines import CAPITAL, TableEngine, drawn
from tests.unit_tests.evaluation.stored_data import settings

CHAT = evaluation_wording("chat_qa")
BELIEFS = {CAPITAL: {"Canberra": 0.6, "Sydney": 0.3, "Melbourne": 0.1}}


def item(*choices, gold=0, answers=()):
    return Item(
        id="capital",
        question=Question(text=CAPITAL, choices=choices),
        gold_index=gold if choices else None,
        answers=answers,
        incorrect_answers=(),
    )


def test_given_choices_are_stored_by_place_with_what_the_engine_said():
    (found,) = given_items(FakeEngine(BELIEFS), CHAT, [item("Sydney", "Canberra", gold=1)])
    assert [(c.position, c.key, c.count, c.right, c.characters, c.text) for c in found.candidates] == [
        (0, "0", 1, {"accuracy": False}, 6, None),
        (1, "1", 1, {"accuracy": True}, 8, None),
    ]
    from math import exp

    assert exp(found.candidates[1].generator.correct) == pytest.approx(0.6)
    assert exp(found.candidates[1].discriminator.correct) == pytest.approx(0.96 * 0.6)
    assert found.greedy is None


def test_choices_of_equal_text_are_one_candidate_and_right_if_any_is():
    (found,) = given_items(FakeEngine(BELIEFS), CHAT, [item("Sydney", "Canberra", "Sydney", gold=2)])
    assert [(c.position, c.right["accuracy"], c.count) for c in found.candidates] == [(0, True, 1), (1, False, 1)]


def test_letters_are_scored_as_letters():
    (found,) = given_items(FakeEngine(), evaluation_wording("chat_letter"), [item("Sydney", "Canberra")])
    assert [c.characters for c in found.candidates] == [1, 1]


def test_nothing_of_the_data_set_is_in_a_stored_line():
    (found,) = given_items(FakeEngine(BELIEFS), CHAT, [item("Sydney", "Canberra")])
    text = json.dumps(found.line())
    assert "Canberra" not in text
    assert CAPITAL not in text
    assert stored_item(json.loads(text), where="x") == found


def test_every_distinct_draw_is_stored_with_its_count_key_and_grade_and_the_greedy_answer_beside():
    settings = SamplingSettings(n=12, max_new_tokens=8)
    wording = evaluation_wording("chat_short")
    asked = item(answers=("canberra",))
    (found,) = drawn_items(FakeEngine(BELIEFS), wording, [asked], settings, grader_for("exact"))
    assert sum(c.count for c in found.candidates) == 12
    assert {(c.text, c.key, c.right["accuracy"]) for c in found.candidates} >= {("Canberra", "canberra", True)}
    assert (found.greedy.text, found.greedy.right) == ("Canberra", {"accuracy": True})
    assert found.usage.sampled_tokens > 12
    assert stored_item(json.loads(json.dumps(found.line())), where="x") == found


def test_draws_that_are_empty_or_cut_are_counted_and_nothing_but_empty_ones_is_an_error():
    class Drawing(FakeEngine):
        draws = (drawn("Canberra", 0.5, end=0.9), drawn("  ", 0.1), drawn("Canberra is a", 0.1, finish="length"))

        def sample(self, prompts, settings):
            samples = self.draws if settings.temperature else self.draws[:1]
            return TableEngine({}, [samples]).sample(prompts, settings)

    settings = SamplingSettings(n=3)
    asked = item(answers=("Canberra",))
    (found,) = drawn_items(Drawing(BELIEFS), CHAT, [asked], settings, grader_for("exact"))
    assert (found.empty, found.cut, len(found.candidates)) == (1, 1, 2)
    Drawing.draws = (drawn(" "),) * 3
    with pytest.raises(EngineError, match="visible character"):
        drawn_items(Drawing(BELIEFS), CHAT, [asked], settings, grader_for("exact"))


def test_a_stored_item_without_candidates_says_why_or_is_refused():
    assert stored_item({"id": "a", "error": "it was cut"}, where="x:1").candidates == ()
    with pytest.raises(InvalidInputError, match=r"x:1: is no stored item .*at least one candidate, or an `error`"):
        stored_item({"id": "a"}, where="x:1")


def test_stored_numbers_that_cannot_be_are_refused_and_rounding_is_not():
    line = {
        "position": 0,
        "count": 1,
        "key": "a",
        "right": {"accuracy": True},
        "characters": 1,
        "generator": {"correct": 1e-6, "incorrect": -2.0, "tokens": 1},
        "discriminator": {"correct": -0.5, "incorrect": None},
    }
    assert stored_item({"id": "a", "candidates": [line]}, where="x:1").candidates[0].generator.correct == 1e-6
    for name in ("count", "characters"):
        with pytest.raises(InvalidInputError, match=rf"{name}.*greater than or equal to 1"):
            stored_item({"id": "a", "candidates": [line | {name: 0}]}, where="x:1")
    line["discriminator"] = {"correct": 1000.0, "incorrect": -1.0}
    with pytest.raises(InvalidInputError, match=r"x:1: .*discriminator\.correct.*1000\.0 is no log-probability"):
        stored_item({"id": "a", "candidates": [line]}, where="x:1")


def test_stored_files_that_are_damaged_are_named_by_line(tmp_path):
    path = tmp_path / "x.jsonl"
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_run(path)
    path.write_text('{"id": "a", "error": "it was cut"}\n{"id": 1}\n')
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_run(path)
    meta = tmp_path / "x.jsonl.meta.json"
    meta.write_text("{}")
    with pytest.raises(InvalidInputError, match="cannot be understood"):
        read_run(path)
    meta.write_text(json.dumps({"settings": settings(), "notes": {}}))
    with pytest.raises(InvalidInputError, match=r"x.jsonl:2: is no stored item \(`id`: Input should be a valid string"):
        read_run(path)
    path.write_text('{"id": "a", "error": "it was cut"}\nx\n')
    with pytest.raises(InvalidInputError, match=r"x.jsonl:2: is no JSON"):
        read_run(path)
