"""What ranking and sampling need, as pydantic fields that a call may override."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Self

from pydantic import field_validator, model_validator

from langchain_consensus.engine import SamplingSettings
from langchain_consensus.engine.sampler import check_plain_draws, is_sampling
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.meanings import Meanings
from langchain_consensus.rounds import Rounds
from langchain_consensus.settings.ranking import RankingSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.consensus import Consensus

__all__ = ["SamplingFields"]


class SamplingFields(RankingSettings):
    """What ranking and sampling need; the defaults of sampling are the paper's.

    With an engine that can only be sampled `top_p` is 1, `top_k` 0 and `num_candidates` the engine's `draws`, and the
    distribution stays the model's own: other values of `temperature`, `top_p`, `top_k` and `min_p` are refused.
    """

    num_candidates: int = 8
    """Answers drawn for each prompt; equal ones become one candidate."""
    meanings: Meanings | None = None
    """Also makes one candidate of drawn answers that the engine says mean the same; `True` for `Meanings()`."""
    rounds: Rounds | None = None
    """Draws in rounds, and stops early for a prompt whose winner more draws could hardly change; see `Rounds`.

    Its sizes must add up to `num_candidates`. A mapping or a sequence of sizes will do: `rounds=(4, 4, 8)`.
    """
    max_new_tokens: int = 256
    """Longest answer, in tokens."""
    temperature: float = 1.0
    """Divides the logits; 0 is greedy, and gives one distinct answer."""
    top_p: float = 0.9
    """Nucleus: the smallest set of tokens with at least this probability."""
    top_k: int = 50
    """Only the k most probable tokens; 0 keeps all."""
    min_p: float = 0.0
    """Drops tokens below this fraction of the most probable one."""
    stop: tuple[str, ...] = ()
    """Strings that end an answer."""
    seed: int = 0
    """Same seed and same prompt, same candidates."""

    @field_validator("stop", mode="before")
    @classmethod
    def _no_stop_is_empty(cls, stop: Sequence[str] | None) -> tuple[str, ...]:
        return () if stop is None else (stop,) if isinstance(stop, str) else tuple(stop)

    @field_validator("meanings", mode="before")
    @classmethod
    def _meanings_of_plain_values(cls, meanings: object) -> object:
        if isinstance(meanings, Mapping):
            unknown = sorted(set(meanings) - {"least_probability"})
            if unknown:
                msg = f"`meanings` has {unknown[0]!r}; it may have 'least_probability'."
                raise InvalidInputError(msg)
            return Meanings(**meanings)
        return {True: Meanings(), False: None}[meanings] if isinstance(meanings, bool) else meanings

    @field_validator("rounds", mode="before")
    @classmethod
    def _rounds_of_plain_values(cls, rounds: object) -> object:
        if isinstance(rounds, Mapping):
            unknown = sorted(set(rounds) - {"sizes", "risk", "token_budget"})
            if unknown:
                msg = f"`rounds` has {unknown[0]!r}; it may have 'sizes', 'risk' and 'token_budget'."
                raise InvalidInputError(msg)
            return Rounds(**{**rounds, **({"sizes": tuple(rounds["sizes"])} if "sizes" in rounds else {})})
        return Rounds(sizes=tuple(rounds)) if isinstance(rounds, (list, tuple)) else rounds

    @model_validator(mode="before")
    @classmethod
    def _draw_from_the_model_s_own(cls, values: Any) -> Any:
        engine = values.get("engine") if isinstance(values, dict) else None
        if engine is None or not is_sampling(engine):
            return values
        return {"num_candidates": engine.draws, "top_p": 1.0, "top_k": 0, **values}

    @model_validator(mode="after")
    def _check_sampling(self) -> Self:
        if self.num_candidates < 1:
            msg = f"`num_candidates` is {self.num_candidates}; it must be a whole number of at least 1."
            raise InvalidInputError(msg)
        if self.rounds is not None and sum(self.rounds.sizes) != self.num_candidates:
            total = sum(self.rounds.sizes)
            msg = (
                f"`rounds` has the sizes {self.rounds.sizes}, {total} draws together, and `num_candidates` is "
                f"{self.num_candidates}; both must say the same."
            )
            raise InvalidInputError(msg)
        sampling = self._sampling(None)
        if is_sampling(self.engine):
            check_plain_draws(sampling)
        return self

    def overridden(self, overrides: Mapping[str, Any]) -> Self:
        """The same with some fields changed and checked; the engine is shared.

        Raises:
            InvalidInputError: If a name is no field that a call may override.
        """
        options = set(SamplingFields.model_fields) - {"engine"}
        unknown = sorted(set(overrides) - options)
        if unknown:
            msg = f"`{unknown[0]}` is no option of a call; the options are {sorted(options)}."
            raise InvalidInputError(msg)
        if not overrides:
            return self
        fields = {name: getattr(self, name) for name in SamplingFields.model_fields}
        checked = SamplingFields(**fields | dict(overrides))
        changed = self.model_copy(update={name: getattr(checked, name) for name in overrides})
        changed.__dict__.pop("_serialized", None)  # LangChain keeps there what traces show of the settings
        return changed

    def _consensus(self, stop: Sequence[str] | None = None) -> Consensus:
        return replace(self._ranker(), sampling=self._sampling(stop), meanings=self.meanings, rounds=self.rounds)

    def _describe_sampling(self) -> dict[str, Any]:
        names = ("num_candidates", "max_new_tokens", "temperature", "top_p", "top_k", "min_p", "seed")
        asked = {"meanings": self.meanings, "rounds": self.rounds}
        records = {name: asdict(record) for name, record in asked.items() if record is not None}
        numbers = {name: getattr(self, name) for name in names}
        return {**self._describe(), **numbers, **records, "stop_strings": list(self.stop)}

    def _sampling(self, stop: Sequence[str] | None) -> SamplingSettings:
        return SamplingSettings(
            n=self.num_candidates,
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            stop=self.stop if stop is None else self._no_stop_is_empty(stop),
            seed=self.seed,
        )
