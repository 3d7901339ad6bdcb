"""The wordings that the agent experiment compares, in the order in which they were written; see `agent_experiment`."""

from langchain_consensus.prompts import Wording

_ANSWER = "{context}Question: {question}\nProposed answer: {answer}\n"


def _wording(name: str, system: str, judge: str, verdicts: tuple[str, str] = ("No", "Yes")) -> Wording:
    return Wording(
        name=name,
        kind="chat",
        ask_system="You answer questions from the results of tools.",
        ask="{context}Question: {question}\nGive the {condition} answer, and nothing else.",
        judge_system=system,
        judge=_ANSWER + judge,
        conditions=("incorrect", "correct"),
        verdicts=verdicts,
        context_block="Tool results:\n{context}\n\n",
    )


WORDINGS = (
    _wording("plain", "You judge answers.", "Is the proposed answer correct? Reply Yes or No."),
    _wording(
        "results",
        "You judge answers.",
        "Is the proposed answer correct according to the tool results? Reply Yes or No.",
    ),
    _wording(
        "support",
        "You check whether answers are supported by tool results.",
        "Does the proposed answer answer the question, and do the tool results support everything it says? "
        "Reply Yes or No.",
    ),
    _wording(
        "strict",
        "You are a strict fact checker. You compare answers with the results that tools returned.",
        "Compare the proposed answer with the tool results. Is every fact in it the same as in the results, and does "
        "it answer the question? Reply Yes or No.",
    ),
    _wording(
        "error",
        "You find errors in answers.",
        "Is there an error in the proposed answer, or a fact that the tool results do not show? Reply Yes or No.",
        ("Yes", "No"),
    ),
)
