"""How far policies are from an equilibrium: a game and policies go in, numbers anybody can recompute come out.

The regularised game (section 3 of arXiv:2310.09139) pays, with Q as in equations (1) and (2),

    u_G(. | v) = sum_y pi_G(y | v) pi_D(v | y)/2 - lambda_G KL(pi_G(. | v) || pi_G^(1)(. | v))        for each v
    u_D(. | y) = sum_v pi_D(v | y) pi_G(y | v)/2 - lambda_D KL(pi_D(. | y) || pi_D^(1)(. | y))        for each y

Each is maximised by BR_G ~ pi_G^(1) exp(pi_D / (2 lambda_G)), BR_D ~ pi_D^(1) exp(pi_G / (2 lambda_D)), and since
u = lambda log Z - lambda KL(pi || BR), where Z normalises BR, what a row could gain is lambda KL(pi || BR).

All rows climb one potential, Phi = 1/2 sum G D - lambda_G sum KL_G - lambda_D sum KL_D. Along a tangent direction
(dG, dD), sum dG^2/G >= (sum |dG|)^2 >= 2 sum dG^2 in each row (the entries of dG sum to zero, so its positive part is
half of sum |dG|), and the same for D, so that

    d2 Phi <= |dG| |dD| - 2 lambda_G |dG|^2 - 2 lambda_D |dD|^2 < 0    if    16 lambda_G lambda_D > 1.

Then Phi is strictly concave and the equilibrium unique. Nothing is proved for smaller lambdas.

Of several judges, the generator faces their weighted mean, sum_k w_k pi_k, and judge k's payoff and its KL are scaled
by w_k, which changes none of its best responses: Phi = sum_k w_k Phi_k, Phi_k being the potential with judge k alone,
and what was said of uniqueness holds for the sum. See docs/design/judges.md.
"""

import numpy as np

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game.arrays import FloatArray
from langchain_consensus.game.block import Policies
from langchain_consensus.game.game import ConsensusGame
from langchain_consensus.game.panel import pooled


def best_response(
    game: ConsensusGame, policies: Policies, *, lambda_generator: float, lambda_discriminator: float
) -> Policies:
    """What each player would answer to the other's policy: the limit of equations (1) and (2) for t to infinity.

    Args:
        game: the game or batch.
        policies: one policy of each player, in the shape of the game's input; those of several judges `[B, K, V, N]`.
        lambda_generator: weight of the generator's anchor, above 0.
        lambda_discriminator: weight of the discriminator's anchor, above 0; every judge's.
    """
    logs = _log_best_response(game, _batch(game, policies), lambda_generator, lambda_discriminator)
    judged = np.exp(logs.discriminator)
    return Policies(
        generator=game.shaped(np.exp(logs.generator)),
        discriminator=game.shaped(judged[:, 0] if game.panel is None else judged),
    )


def gap(game: ConsensusGame, policies: Policies, *, lambda_generator: float, lambda_discriminator: float) -> FloatArray:
    """The regularised exploitability of each game, `[B]` or a scalar: what all rows together could gain alone.

    The sum over rows of lambda * KL(policy || best response), see above; zero at an equilibrium and only there.
    Infinite where a policy has mass that its best response cannot have. For the parameters see `best_response`.
    """
    batch = _batch(game, policies)
    logs = _log_best_response(game, batch, lambda_generator, lambda_discriminator)
    total = lambda_generator * _divergence(batch.generator, logs.generator)
    total += lambda_discriminator * _of_judges(game, _divergence(batch.discriminator, logs.discriminator))
    return game.shaped(total)


def deviation(
    game: ConsensusGame, policies: Policies, *, lambda_generator: float, lambda_discriminator: float
) -> FloatArray:
    """The largest |policy - best response| of each game, `[B]` or a scalar. For the parameters see `best_response`.

    A judge without weight plays no part.
    """
    batch = _batch(game, policies)
    logs = _log_best_response(game, batch, lambda_generator, lambda_discriminator)
    generator = np.abs(batch.generator - np.exp(logs.generator)).max(axis=(1, 2))
    each = np.abs(batch.discriminator - np.exp(logs.discriminator)).max(axis=(2, 3))
    discriminator = np.where(game.judges.weights > 0, each, 0.0).max(axis=1)
    return game.shaped(np.maximum(generator, discriminator))


def potential(
    game: ConsensusGame, policies: Policies, *, lambda_generator: float, lambda_discriminator: float
) -> FloatArray:
    """The potential Phi of each game, `[B]` or a scalar; -inf where a policy has mass that its anchor has not.

    For the parameters see `best_response`.
    """
    batch = _batch(game, policies)
    judges = game.judges
    total = 0.5 * (batch.generator * pooled(batch.discriminator, judges.weights)).sum(axis=(1, 2))
    total -= lambda_generator * _divergence(batch.generator, game.generator_log_anchor)
    total -= lambda_discriminator * _of_judges(game, _divergence(batch.discriminator, judges.log_anchors))
    return game.shaped(total)


def _batch(game: ConsensusGame, policies: Policies) -> Policies:
    # The judges' policies come out as [B, K, V, N], those of a single judge too.
    shape = game.generator_log_anchor.shape
    of_judges = shape if game.panel is None else game.panel.log_anchors.shape
    for name, whole in (("generator", shape), ("discriminator", of_judges)):
        given, expected = getattr(policies, name), whole if game.batched else whole[1:]
        if given.shape != expected:
            message = (
                f"`policies.{name}` has shape {given.shape}; the game's is {expected}. Pass a policy of this game."
            )
            raise InvalidInputError(message)
    judged = policies.discriminator.reshape(len(game), -1, *shape[1:])
    return Policies(generator=policies.generator.reshape(shape), discriminator=judged)


def _log_best_response(
    game: ConsensusGame, policies: Policies, lambda_generator: float, lambda_discriminator: float
) -> Policies:
    judges = game.judges
    generator = game.generator_log_anchor + pooled(policies.discriminator, judges.weights) / (2 * lambda_generator)
    discriminator = judges.log_anchors + policies.generator[:, None] / (2 * lambda_discriminator)
    top = generator.max(axis=-1, keepdims=True)
    log_sum = top + np.log(np.exp(generator - top).sum(axis=-1, keepdims=True))
    both = np.logaddexp(discriminator[:, :, :1], discriminator[:, :, 1:])
    both = np.where(game.real[:, None], both, 0.0)
    return Policies(generator=generator - log_sum, discriminator=discriminator - both)


def _of_judges(game: ConsensusGame, each: FloatArray) -> FloatArray:
    # [B, K] to [B]: weighted, and nothing from a judge without weight, however far off it is.
    weights = game.judges.weights
    return np.asarray((weights * np.where(weights > 0, each, 0.0)).sum(axis=1))


def _divergence(policy: FloatArray, log_reference: FloatArray) -> FloatArray:
    # KL(p || q) = sum of p (d + exp(-d) - 1) with d = log p - log q: no term is negative, nothing cancels.
    has_mass = policy > 0
    log_policy = np.log(policy, out=np.zeros_like(policy), where=has_mass)
    d = np.subtract(log_policy, log_reference, out=np.zeros_like(policy), where=has_mass)
    reference = np.exp(log_reference)
    # Far below the reference exp(-d) could overflow, and there the plain form cancels nothing.
    plain = policy * d - policy + reference
    terms = np.where(has_mass & (d > -1), policy * (d + np.expm1(-np.maximum(d, -1))), plain)
    total: FloatArray = terms.sum(axis=(-2, -1))
    return total
