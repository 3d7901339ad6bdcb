"""The game by itself: two tables of scores in, the players' policies and their distance from equilibrium out.

Needs NumPy alone. Prints:

    anchors      Canberra 0.49  Sydney 0.32  Melbourne 0.19
    PiKL         Canberra 0.95  Sydney 0.04  Melbourne 0.00   gap 0.0003
    LogTimeFlow  Canberra 0.95  Sydney 0.04  Melbourne 0.00   gap 0.0003
    Equilibrium  Canberra 0.96  Sydney 0.03  Melbourne 0.00   gap 0.0000
"""

import numpy as np

from langchain_consensus.game import ConsensusGame, Correctness, Equilibrium, LogTimeFlow, PiKL, solve

ANSWERS = ["Canberra", "Sydney", "Melbourne"]
GENERATOR = np.log([[0.30, 0.55, 0.15], [0.55, 0.40, 0.05]])  # log P(answer | question, v): incorrect, correct
DISCRIMINATOR = np.log([[0.35, 0.55, 0.70], [0.65, 0.45, 0.30]])  # log P(v | question, answer)


def show(name: str, policy: np.ndarray, gap: str = "") -> None:
    """One line: how probable each answer is when the generator means to be correct."""
    shares = "  ".join(f"{answer} {share:.2f}" for answer, share in zip(ANSWERS, policy, strict=True))
    print(f"{name:<12} {shares}{gap}")


def main() -> None:
    """Solves one game in three ways."""
    game = ConsensusGame.from_log_scores(generator=GENERATOR, discriminator=DISCRIMINATOR)
    show("anchors", game.generator_anchor[Correctness.CORRECT])
    for solver in (PiKL(), LogTimeFlow(), Equilibrium()):
        solution = solve(game, solver)
        gap = f"   gap {float(solution.gap):.4f}"
        show(type(solver).__name__, solution.generator_policy[Correctness.CORRECT], gap)


if __name__ == "__main__":
    main()
