"""`RankedAnswers`: what `ranked()` of a model gives, and `Together`: a batch whose items run one by one, ranked as one.

Both know models by `Ranks` alone, so the text model and the chat model share them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field

from langchain_consensus.batched import BatchedRunnable
from langchain_consensus.engine import Usage
from langchain_consensus.ranking import Ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from langchain_core.language_models import LanguageModelInput

    from langchain_consensus.observation import Observer
    from langchain_consensus.prompts import Question

__all__ = ["RankedAnswers", "Ranks", "Together"]


class Ranks(Protocol):
    """A model that draws candidates and ranks them."""

    @property
    def engine(self) -> Any:
        """What it runs on."""
        ...

    def rank_inputs(
        self, inputs: Sequence[LanguageModelInput], options: Mapping[str, Any], observer: Observer | None = None
    ) -> list[Ranking]:
        """The rankings for many inputs, with the options of a call; one batch on the device."""
        ...


class RankedAnswers(BatchedRunnable[Any, Ranking]):
    """`ranked()` of a model: a prompt in, the `Ranking` of its candidates out; a batch runs as one.

    Keyword arguments of a call override fields of the model.
    """

    model: Any = Field(repr=False)
    """The model, as in `Ranks`."""

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Yes, as far as its model is."""
        return True

    def _many(
        self, inputs: Sequence[LanguageModelInput], options: Mapping[str, Any], observer: Observer
    ) -> list[Ranking]:
        model: Ranks = self.model
        return model.rank_inputs(inputs, options, observer)

    @property
    def _engine(self) -> Any:
        return self.model.engine


class Together:
    """A batch of questions whose items are asked for one by one: the first that is asked for ranks them all.

    So every input of a chat model's batch is a run of its own, with its own configuration, callbacks and cache look-up,
    and the device still sees one batch.
    """

    def __init__(
        self, questions: Iterable[Question], rank: Callable[[Sequence[Question], Observer | None], list[Ranking]]
    ) -> None:
        """Remembers what to rank; `questions` is not read before the first is asked for."""
        self._questions, self._rank = questions, rank
        self._found: dict[Question, Ranking] | None = None

    def ranking(self, question: Question, observer: Observer | None = None) -> Ranking:
        """The ranking of `question`; if the batch failed, or does not hold it, it is ranked alone.

        A question that the batch holds twice is ranked once, and reports its tokens once.
        """
        if self._found is None:
            self._found = self._rank_all(observer)
        if question not in self._found:
            return self._rank([question], observer)[0]
        found = self._found[question]
        self._found[question] = replace(found, usage=Usage())
        return found

    def _rank_all(self, observer: Observer | None) -> dict[Question, Ranking]:
        questions = list(dict.fromkeys(self._questions))
        if not questions:
            return {}
        try:
            return dict(zip(questions, self._rank(questions, observer), strict=True))
        except Exception:
            if len(questions) == 1:
                raise
            # One of them fails; each is ranked alone in its own run, which then shows the error.
            return {}
