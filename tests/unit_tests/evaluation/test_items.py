"""What is asked: few-shot examples, headers, passages and order."""

import random

import pytest

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.items import check_prompts, items_of, shuffled
from langchain_consensus.evaluation.rows import Row
from langchain_consensus.evaluation.sources import TaskRows
from langchain_consensus.evaluation.tasks import TASKS
from langchain_consensus.evaluation.wordings import evaluation_wording

ROW = Row(id="a", question="Q?", choices=("x", "y"), answer_index=1, subject="high_school_physics")


def rows(*found, examples=()):
    return TaskRows(rows=found, examples=tuple(examples), source="test")


def shot(number, subject="high_school_physics"):
    return Row(id=f"s{number}", question=f"Q{number}?", choices=("u", "v"), answer_index=0, subject=subject)


def test_five_shots_of_the_own_subject_stand_in_front_with_letters_or_texts():
    examples = [shot(0, "law"), *(shot(number) for number in range(1, 7))]
    task = TASKS["mmlu_5shot"]
    for name, answer in (("text_mmlu", "A"), ("chat_mmlu", "u")):
        (item,) = items_of(task, rows(ROW, examples=examples), evaluation_wording(name))
        parts = item.question.context.split("\n\n")
        assert parts[0] == "The following are multiple choice questions (with answers) about high school physics."
        assert parts[1] == f"Q1?\nA. u\nB. v\nAnswer: {answer}"
        assert [part[:2] for part in parts[1:]] == ["Q1", "Q2", "Q3", "Q4", "Q5"]


def test_zero_shots_have_the_header_alone_and_the_text_is_the_usual_one():
    wording = evaluation_wording("text_mmlu")
    (item,) = items_of(TASKS["mmlu"], rows(ROW), wording)
    head = "The following are multiple choice questions (with answers) about high school physics.\n\nQ?\nA. x\nB. y\n"
    assert wording.generator_prompt(item.question, 1).text == f"{head}Answer:"
    assert wording.generator_prompt(item.question, 0).text == f"{head}Incorrect Answer:"
    assert wording.continuation(item.question, "y") == " B"


def test_chains_of_thought_as_shots_lose_the_calculators_marks_and_end_with_the_answer():
    example = Row(id="s", question="How many?", answers=("3",), rationale="1+2 = <<1+2=3>>3 and <<3*1=3>>3.")
    task = TASKS["gsm8k"].model_copy(update={"shots": 1})
    (item,) = items_of(
        task, rows(Row(id="a", question="Q?", answers=("1",)), examples=[example]), evaluation_wording("text_math")
    )
    assert item.question.context == "Question: How many?\nAnswer: 1+2 = 3 and 3.\nThe answer is 3."


def test_too_few_examples_of_a_subject_are_one_error():
    with pytest.raises(InvalidInputError, match="has 1 few-shot examples for item 'a'; `shots` is 5"):
        items_of(TASKS["mmlu_5shot"], rows(ROW, examples=[shot(1), shot(2, "law")]), evaluation_wording("chat_mmlu"))


def test_the_order_is_pythons_own():
    items = items_of(
        TASKS["arc_easy"], rows(*(ROW.model_copy(update={"id": str(i)}) for i in range(9))), evaluation_wording("qa")
    )
    order = list(range(9))
    random.Random(4).shuffle(order)
    assert [item.id for item in shuffled(items, 4)] == [str(number) for number in order]
    assert shuffled(items, None) == items


def test_an_item_that_cannot_be_asked_in_a_wording_is_named():
    passage = Row(id="p", question="Q?", context="c", choices=tuple(f"c{i}" for i in range(30)), answer_index=0)
    items = items_of(TASKS["arc_easy"], rows(ROW, passage), evaluation_wording("chat_letter"))
    with pytest.raises(InvalidInputError, match=r"item 'p': .*lists the choices and the question has 30"):
        check_prompts(items, evaluation_wording("chat_letter"))
