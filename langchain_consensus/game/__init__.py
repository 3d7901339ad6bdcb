"""The Consensus Game on NumPy arrays: two `[V, N]` score arrays go in, a `Solution` comes out.

```python
from langchain_consensus.game import ConsensusGame, Correctness, solve

game = ConsensusGame.from_log_scores(generator=log_p_candidate, discriminator=log_p_verdict)
solution = solve(game)
best = solution.generator_policy[Correctness.CORRECT].argmax()
```

Knows nothing of language models.
"""

from langchain_consensus.game.block import Policies, Solver
from langchain_consensus.game.equilibrium import Equilibrium
from langchain_consensus.game.game import ConsensusGame, Correctness
from langchain_consensus.game.gap import best_response, deviation, gap, potential
from langchain_consensus.game.log_time_flow import LogTimeFlow
from langchain_consensus.game.outcome import Outcome
from langchain_consensus.game.panel import Panel
from langchain_consensus.game.pikl import PiKL
from langchain_consensus.game.prior import with_prior
from langchain_consensus.game.several import with_judges
from langchain_consensus.game.solution import Solution, Trajectory
from langchain_consensus.game.solver import solve

__all__ = [
    "ConsensusGame",
    "Correctness",
    "Equilibrium",
    "LogTimeFlow",
    "Outcome",
    "Panel",
    "PiKL",
    "Policies",
    "Solution",
    "Solver",
    "Trajectory",
    "best_response",
    "deviation",
    "gap",
    "potential",
    "solve",
    "with_judges",
    "with_prior",
]
