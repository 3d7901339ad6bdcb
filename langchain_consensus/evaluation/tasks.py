"""The built-in tasks, as data; the paper's six first (arXiv:2310.09139, section 4)."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.task import HubSource, Task, task_file

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TASKS", "task_named"]

_MMLU = HubSource(path="cais/mmlu", configs=("all",), reader="mmlu", shots_split="dev")
_HEADER = "The following are multiple choice questions (with answers) about {subject}."
_HHH = ("harmless", "helpful", "honest", "other")

TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            Task(
                name="mmlu",
                kind="choice",
                hub=_MMLU,
                subject_header=_HEADER,
                chat_wording="chat_mmlu",
                text_wording="text_mmlu",
                licence="MIT",
            ),
            Task(
                name="mmlu_5shot",
                kind="choice",
                data="mmlu",
                hub=_MMLU,
                subject_header=_HEADER,
                shots=5,
                shots_file="fewshot.jsonl",
                chat_wording="chat_mmlu",
                text_wording="text_mmlu",
                licence="MIT",
            ),
            Task(
                name="arc_easy",
                kind="choice",
                hub=HubSource(path="allenai/ai2_arc", configs=("ARC-Easy",), reader="labelled"),
                licence="CC BY-SA 4.0",
            ),
            Task(
                name="arc_challenge",
                kind="choice",
                hub=HubSource(path="allenai/ai2_arc", configs=("ARC-Challenge",), reader="labelled"),
                licence="CC BY-SA 4.0",
            ),
            Task(
                name="race_middle",
                kind="choice",
                hub=HubSource(path="ehovy/race", configs=("middle",), reader="race"),
                licence="research only",
            ),
            Task(
                name="race_high",
                kind="choice",
                hub=HubSource(path="ehovy/race", configs=("high",), reader="race"),
                licence="research only",
            ),
            Task(
                name="hhh",
                kind="choice",
                data="hhh_alignment",
                hub=HubSource(path="HuggingFaceH4/hhh_alignment", configs=_HHH, reader="hhh"),
                chat_wording="chat_hhh",
                text_wording="text_hhh",
                licence="Apache-2.0",
            ),
            Task(
                name="truthfulqa_mc",
                kind="choice",
                hub=HubSource(
                    path="truthfulqa/truthful_qa",
                    configs=("multiple_choice",),
                    split="validation",
                    reader="truthfulqa_choices",
                ),
                licence="Apache-2.0",
            ),
            Task(
                name="truthfulqa_gen",
                kind="truthful",
                hub=HubSource(
                    path="truthfulqa/truthful_qa",
                    configs=("generation",),
                    split="validation",
                    reader="truthfulqa_open",
                ),
                chat_wording="chat_open",
                draws=10,
                max_new_tokens=50,
                licence="Apache-2.0",
            ),
            Task(
                name="gsm8k",
                kind="number",
                hub=HubSource(path="openai/gsm8k", configs=("main",), reader="gsm8k", shots_split="train"),
                shots_file="train.jsonl",
                chat_wording="chat_math",
                text_wording="text_math",
                draws=20,
                max_new_tokens=256,
                licence="MIT",
            ),
            Task(
                name="commonsenseqa",
                kind="choice",
                hub=HubSource(path="tau/commonsense_qa", split="validation", reader="labelled"),
                licence="MIT",
            ),
            Task(
                name="openbookqa",
                kind="choice",
                hub=HubSource(path="allenai/openbookqa", configs=("main",), reader="labelled"),
                licence="Apache-2.0",
            ),
            Task(
                name="boolq",
                kind="choice",
                hub=HubSource(path="google/boolq", split="validation", reader="boolq"),
                chat_wording="chat_boolq",
                licence="CC BY-SA 3.0",
            ),
            Task(
                name="hellaswag",
                kind="choice",
                hub=HubSource(path="Rowan/hellaswag", split="validation", reader="hellaswag"),
                chat_wording="chat_continue",
                text_wording="text_continue",
                licence="MIT",
            ),
            Task(
                name="nq_open",
                kind="exact",
                hub=HubSource(path="google-research-datasets/nq_open", split="validation", reader="nq_open"),
                chat_wording="chat_short",
                licence="CC BY-SA 3.0",
            ),
            Task(
                name="triviaqa",
                kind="exact",
                hub=HubSource(
                    path="mandarjoshi/trivia_qa", configs=("rc.nocontext",), split="validation", reader="triviaqa"
                ),
                chat_wording="chat_short",
                licence="Apache-2.0",
            ),
        )
    }
)
"""The built-in tasks by name."""


def task_named(name: str) -> Task:
    """The built-in task called `name`, or the one in the TOML file of that name.

    Raises:
        InvalidInputError: If there is neither; the message lists the built-in ones.
    """
    if name in TASKS:
        return TASKS[name]
    if name.endswith(".toml"):
        return task_file(Path(name))
    msg = f"`task` is {name!r}; it must be a TOML file or one of {', '.join(TASKS)}."
    raise InvalidInputError(msg)
