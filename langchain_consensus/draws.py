"""Questions in, Candidates out: answers are drawn from the generator and equal ones taken together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from langchain_consensus.candidates import Candidates, merged_by_key, normalised_text
from langchain_consensus.errors import ContextWindowError, EngineError, InvalidInputError, NonFiniteScoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.candidates import AnswerKey
    from langchain_consensus.engine.base import Engine, Sample, SampleResult, SamplingSettings, Usage
    from langchain_consensus.engine.sampler import SamplingEngine
    from langchain_consensus.prompts import Question, Wording

__all__ = ["drawn", "gathered", "sampled"]


def sampled(
    engine: Engine | SamplingEngine,
    wording: Wording,
    questions: Sequence[Question],
    settings: SamplingSettings,
    *,
    answer_key: AnswerKey | None = None,
) -> list[Candidates]:
    """Candidates drawn from the generator's correct condition, for all questions in one call of the engine.

    Args:
        engine: What to draw from.
        wording: How the questions are asked.
        questions: What is asked.
        settings: How to draw; the wording's stop strings are added.
        answer_key: Two answers with the same key are one candidate; `normalised_text` by default.

    Raises:
        ContextWindowError: If a prompt with `max_new_tokens` after it is longer than the model can read.
        EngineError: If no draw of a question has a visible character, or none is complete under a grammar.
        InvalidInputError: If the wording answers by letter: what is drawn are answers, and letters are none.
    """
    result = drawn(engine, wording, questions, settings)
    shares = result.usage.split(len(questions))
    return [
        gathered(question, samples, usage, answer_key=answer_key, has_form=bool(settings.grammar))
        for question, samples, usage in zip(questions, result.samples, shares, strict=True)
    ]


def drawn(
    engine: Engine | SamplingEngine,
    wording: Wording,
    questions: Sequence[Question],
    settings: SamplingSettings,
    correctness: int = 1,
) -> SampleResult:
    """Samples from one of the generator's conditions, for all questions in one call of the engine.

    Raises:
        ContextWindowError: As `sampled`.
        InvalidInputError: As `sampled`.
    """
    if wording.answer_as == "letter":
        msg = (
            f"Wording {wording.name!r} answers by letter, so that nothing can be sampled with it; give the options as "
            "`candidates`, or use a wording whose `answer_as` is 'text'."
        )
        raise InvalidInputError(msg)
    prompts = [wording.generator_prompt(question, correctness) for question in questions]
    try:
        return engine.sample(prompts, replace(settings, stop=(*settings.stop, *wording.stop)))
    except ContextWindowError as error:
        what = f"`question` {questions[error.place].text[:60]!r}"
        raise error.about(what) from error
    except NonFiniteScoreError as error:
        what = ", ".join(f"`question` {questions[place].text[:60]!r}" for place in error.places[:3])
        raise error.about(what, error.places) from error


def gathered(
    question: Question,
    samples: Sequence[Sample],
    usage: Usage,
    *,
    answer_key: AnswerKey | None = None,
    has_form: bool = False,
) -> Candidates:
    """The candidates among a question's samples, drawn at once or in several rounds.

    Args:
        question: What was asked.
        samples: All its draws, in order.
        usage: What they cost.
        answer_key: As `sampled`.
        has_form: Whether they were drawn under a grammar.

    Raises:
        EngineError: As `sampled`.
    """
    whole = [sample for sample in samples if sample.finish == "end" or not has_form]
    visible = [sample for sample in whole if sample.text.strip()]
    if not visible:
        what = "has a visible character" if whole else "is complete under the grammar"
        msg = (
            f"None of the {len(samples)} samples for {question.text[:80]!r} {what}; raise `max_new_tokens`, or look at "
            "the wording and the stop strings."
        )
        raise EngineError(msg)
    return Candidates(
        question=question,
        items=merged_by_key(((sample.text, sample) for sample in visible), answer_key or normalised_text),
        sampled=True,
        empty=len(whole) - len(visible),
        cut=sum(sample.finish == "length" for sample in whole),
        unfinished=len(samples) - len(whole),
        usage=usage,
    )
