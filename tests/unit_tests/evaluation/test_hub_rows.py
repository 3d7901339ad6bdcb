"""The readers on rows as the hub's data sets have them; the rows are made up, the fields are not."""

import datasets
import pytest

from langchain_consensus.evaluation.hub_rows import READERS
from langchain_consensus.evaluation.rows import row_of

ARTICLE = "Ann bought a red bicycle."
ROWS = {
    "arc": (
        "labelled",
        {
            "id": "Mercury_1",
            "question": "Which is a metal?",
            "choices": {"text": ["wood", "iron", "wool", "clay"], "label": ["1", "2", "3", "4"]},
            "answerKey": "2",
        },
        {
            "id": "Mercury_1",
            "question": "Which is a metal?",
            "choices": ("wood", "iron", "wool", "clay"),
            "answer_index": 1,
        },
    ),
    "openbookqa": (
        "labelled",
        {
            "id": "8-1",
            "question_stem": "Ice is",
            "choices": {"text": ["hot", "cold", "loud", "sour"], "label": ["A", "B", "C", "D"]},
            "answerKey": "B",
        },
        {"id": "8-1", "question": "Ice is", "answer_index": 1},
    ),
    "commonsenseqa": (
        "labelled",
        {
            "id": "abc",
            "question": "Where is a pen kept?",
            "question_concept": "pen",
            "choices": {"label": ["A", "B", "C", "D", "E"], "text": ["desk", "sea", "sun", "oven", "nest"]},
            "answerKey": "A",
        },
        {"subject": "pen", "answer_index": 0, "choices": ("desk", "sea", "sun", "oven", "nest")},
    ),
    "mmlu": (
        "mmlu",
        {"question": "1 + 1 = ", "subject": "abstract_algebra", "choices": ["0", "1", "2", "3"], "answer": 2},
        {"id": "set/7", "question": "1 + 1 =", "subject": "abstract_algebra", "answer_index": 2},
    ),
    "race": (
        "race",
        {
            "example_id": "high1.txt",
            "article": ARTICLE,
            "answer": "C",
            "question": "What did Ann buy?",
            "options": ["A car", "A boat", "A bicycle", "A train"],
        },
        {"id": "set/7", "context": ARTICLE, "answer_index": 2, "choices": ("A car", "A boat", "A bicycle", "A train")},
    ),
    "truthfulqa_open": (
        "truthfulqa_open",
        {
            "type": "Adversarial",
            "category": "Myths",
            "question": "Do pigs fly?",
            "best_answer": "No",
            "correct_answers": ["No", "They do not", ""],
            "incorrect_answers": ["Yes"],
            "source": "https://example.org",
        },
        {"answers": ("No", "They do not"), "incorrect_answers": ("Yes",), "subject": "Myths"},
    ),
    "gsm8k": (
        "gsm8k",
        {"question": "How many?", "answer": "500 + 500 = <<500+500=1000>>1000\n#### 1,000"},
        {"answers": ("1000",), "rationale": "500 + 500 = <<500+500=1000>>1000"},
    ),
    "boolq": (
        "boolq",
        {"question": "is ice cold", "answer": True, "passage": "Ice is cold."},
        {"context": "Ice is cold.", "choices": ("no", "yes"), "answer_index": 1},
    ),
    "hellaswag": (
        "hellaswag",
        {
            "ind": 24,
            "activity_label": "Baking",
            "ctx_a": "A man cracks an egg.",
            "ctx_b": "he",
            "ctx": "A man cracks an egg. he",
            "endings": ["[step] stirs it.", "flies away.", "sings [title] loudly.", "sleeps."],
            "source_id": "activitynet~v_1",
            "split": "val",
            "split_type": "indomain",
            "label": "0",
        },
        {
            "question": "Baking: A man cracks an egg. He",
            "choices": ("stirs it.", "flies away.", "sings. loudly.", "sleeps."),
            "answer_index": 0,
        },
    ),
    "nq_open": (
        "nq_open",
        {"question": "when was it", "answer": ["1901", "in 1901", "1901"]},
        {"id": "set/7", "answers": ("1901", "in 1901")},
    ),
    "triviaqa": (
        "triviaqa",
        {
            "question": "Who?",
            "question_id": "tc_1",
            "question_source": "http://example.org",
            "answer": {
                "value": "Ann",
                "aliases": ["Ann", "Annie"],
                "normalized_value": "ann",
                "type": "WikipediaEntity",
            },
        },
        {"id": "tc_1", "answers": ("Ann", "Annie")},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_in_the_hubs_schema_becomes_a_row_of_ours(name):
    reader, raw, expected = ROWS[name]
    (held,) = datasets.Dataset.from_list([raw])  # as `datasets` hands rows out
    for one in (raw, held):
        row = row_of(READERS[reader](one, "set/7"), where="set/7")
        assert {key: getattr(row, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("reader", "raw"),
    [
        ("hhh", {"input": "Help?", "targets": {"choices": ["good", "bad"], "labels": [1, 0]}}),
        (
            "truthfulqa_choices",
            {
                "question": "Help?",
                "mc1_targets": {"choices": ["good", "bad"], "labels": [1, 0]},
                "mc2_targets": {"choices": ["good", "bad"], "labels": [1, 0]},
            },
        ),
    ],
)
def test_where_the_right_choice_is_always_first_the_order_is_mixed_and_fixed(reader, raw):
    rows = [row_of(READERS[reader](raw, f"set/{number}"), where="x") for number in range(40)]
    assert {row.choices[row.answer_index] for row in rows} == {"good"}
    assert {row.answer_index for row in rows} == {0, 1}
    again = [row_of(READERS[reader](raw, f"set/{number}"), where="x") for number in range(40)]
    assert again == rows


def test_every_reader_is_tested_here():
    assert {reader for reader, _, _ in ROWS.values()} | {"hhh", "truthfulqa_choices"} == set(READERS)
