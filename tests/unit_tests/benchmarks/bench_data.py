"""Small sets in the form of the public ones, and the tiny model as a subject."""

import json

from langchain_consensus.benchmarks import limits, measure, series, workloads
from langchain_consensus.benchmarks.subject import Subject
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

ARC = [
    {"id": f"a{i}", "question": f"What is the answer {i}?", "choices": ["yes", "no", "the answer", f"it is {i}"]}
    for i in range(6)
]
MMLU = [
    {"question": f"Is it {i}?", "choices": ["yes", "no", "it is", "is it"], "answer_index": 0, "subject": subject}
    for subject in ("short", "middling", "long")
    for i in range(3)
]
FEWSHOT = [
    {**row, "question": "What? " * length} for length, row in zip((1, 1, 1, 3, 3, 3, 9, 9, 9), MMLU, strict=True)
]
DOCS = [
    {
        "id": str(i),
        "title": f"Title {i}.",
        "text": f"The answer is yes in {i}. The answer is no in {i}. What is not the answer in {i} is not yes.",
    }
    for i in range(4)
]
CLAIMS = [
    {"id": "c0", "question": "The answer is yes.", "candidates": ["0", "1", "2", "3"]},
    {"id": "c1", "question": "The answer is no.", "candidates": ["3", "2", "1", "0"]},
]


def write_sets(folder):
    """A folder as `--data` takes it."""
    for name, rows in {
        "arc_easy/dev.jsonl": ARC,
        "mmlu/dev.jsonl": MMLU,
        "mmlu/fewshot.jsonl": FEWSHOT,
        "scifact/docs.jsonl": DOCS,
        "scifact/dev.jsonl": CLAIMS,
    }.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


def shrink(patch):
    """Makes every workload short enough for a tiny model."""
    for name, value in {"CONTEXT_TOKENS": 120, "CANDIDATE_TOKENS": 12, "CANDIDATES": 3}.items():
        patch.setattr(workloads, name, value)
    for name, value in {"PROMPT_TOKENS": 200, "DRAWS": 2, "NEW_TOKENS": 5}.items():
        patch.setattr(workloads, name, value)
    patch.setattr(measure, "_release", lambda: None)  # half a second each in a process as large as a test run
    patch.setattr(limits, "_FLOPS_A_TRY", 1e7)
    patch.setattr(limits, "_READ_ELEMENTS", 2**16)
    patch.setattr(series, "CANDIDATE_COUNTS", (1, 3))
    patch.setattr(series, "BATCHES", (2, 5))


def tiny_subject(*, chat=True):
    return Subject(
        model=tiny_model("gemma3_window_shorter_than_input"), tokenizer=tiny_tokenizer(chat=chat), name="tiny"
    )
