"""The options that the surfaces have in common, as pydantic fields, and the `Consensus` that they describe.

What every option means is said here once. Nothing here knows a LangChain class. Each class has the fields of the one
before it: `GameSettings` (`game`), `RankingSettings` (`ranking`), `SamplingFields` (`sampling`).
"""

from langchain_consensus.settings.game import GameSettings
from langchain_consensus.settings.ranking import RankingSettings
from langchain_consensus.settings.sampling import SamplingFields
from langchain_consensus.settings.solvers import SOLVERS, solver_named

__all__ = ["SOLVERS", "GameSettings", "RankingSettings", "SamplingFields", "solver_named"]
