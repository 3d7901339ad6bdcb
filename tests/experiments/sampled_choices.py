"""Choices from sampled views against those from exact ones, on made-up models whose probabilities are known.

    python -m tests.experiments.sampled_choices --questions 60

A question has four answers; how probable they are under both conditions and what the judge thinks of each is drawn anew
for every question. The judge is right about the first answer more often than not.
"""

import argparse

import numpy as np

from langchain_consensus import Consensus, given
from langchain_consensus.game import ConsensusGame, LogTimeFlow, solve
from tests.chats import CategoricalEngine

ANSWERS = ("Canberra", "Sydney", "Perth", "Hobart")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, default=60)
    options = parser.parse_args()
    dice = np.random.default_rng(0)
    models = [_model(dice) for _ in range(options.questions)]
    exact = [_exact(*model) for model in models]
    for told in (True, False):
        for n in (16, 64):
            same = certain = both = 0
            for number, (model, choice) in enumerate(zip(models, exact, strict=True)):
                correct, incorrect, verdicts = (dict(zip(ANSWERS, map(float, one), strict=True)) for one in model)
                engine = CategoricalEngine(
                    draws=n,
                    verdict_draws=n,
                    tells=told,
                    seed=number,
                    correct=correct,
                    incorrect=incorrect,
                    verdicts=verdicts,
                )
                (ranking,) = Consensus(engine=engine, solver=LogTimeFlow()).rank([given("Which?", ANSWERS)])
                same += ranking.answer == choice
                certain += ranking.is_certain
                both += ranking.is_certain and ranking.answer == choice
            print(
                f"n = {n}, verdicts {'told' if told else 'drawn'}: same choice {same} of {len(models)}; "
                f"called certain {certain}, of those the same {both}",
                flush=True,
            )


def _model(dice):
    """`[N]` probabilities under the correct and the incorrect condition, and the judge's."""
    return dice.dirichlet([2, 1, 1, 1]), dice.dirichlet([1, 1.5, 1.5, 1.5]), dice.beta([2, 1, 1, 1], [1, 1.5, 1.5, 1.5])


def _exact(correct, incorrect, verdicts):
    """The answer that the known probabilities lead to."""
    game = ConsensusGame.from_log_scores(
        generator=np.log([incorrect, correct]), discriminator=np.log([1 - verdicts, verdicts])
    )
    return ANSWERS[int(solve(game, LogTimeFlow()).discriminator_policy[1].argmax())]


if __name__ == "__main__":
    main()
