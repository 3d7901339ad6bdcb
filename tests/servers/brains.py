"""What a stub server thinks with: token ids in, the log-probabilities of the next token after each of them out."""

import zlib

import numpy as np


class HashBrain:
    """A language model without weights: every prefix has a distribution of its own, and repetition is likely.

    The distribution after a prefix depends on all its tokens, so that one token lost or moved changes every score; what
    followed the last token before is likely to follow it again, as in a real model.
    """

    def __init__(self, vocabulary=318, *, seed=0, spread=2.0):
        self.vocabulary, self.seed, self.spread = vocabulary, seed, spread

    def rows(self, ids, start=0):
        """`[len(ids) - start, V]`: row i is the distribution of the token after `ids[: start + i + 1]`."""
        state, rows = self.seed, []
        tokens = np.asarray(ids)
        for i, token in enumerate(ids):
            state = zlib.crc32(int(token).to_bytes(4, "little"), state)
            if i < start:
                continue
            logits = np.random.default_rng(state).normal(scale=self.spread, size=self.vocabulary)
            seen = tokens[1 : i + 1][tokens[:i] == token]
            np.add.at(logits, seen, 4.0)
            rows.append(logits - np.logaddexp.reduce(logits))
        return np.stack(rows)


class TorchBrain:
    """A transformers model, run in full for every question."""

    def __init__(self, model):
        self.model = model

    def rows(self, ids, start=0):
        import torch

        with torch.inference_mode():
            logits = self.model(torch.tensor([list(ids)])).logits[0, start:].double()
            return torch.log_softmax(logits, dim=-1).numpy()


def sampled(brain, ids, options, rng, end_ids, matcher=None):
    """Tokens drawn after `ids`, and the untruncated distributions that they were drawn from.

    With a matcher of llguidance they follow its grammar, and the distributions are those over what it allows: vLLM
    masks its logits before it takes log-probabilities of them.
    """
    drawn, rows = [], []
    for _ in range(options.get("max_tokens") or 16):
        row = brain.rows([*ids, *drawn], len(ids) + len(drawn) - 1)[0]
        if matcher is not None:
            bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
            row = np.where(np.unpackbits(bits, bitorder="little", count=len(row)), row, -1e9)
            row = row - np.logaddexp.reduce(row)
        token = _one(row, options, rng)
        drawn.append(token)
        rows.append(row)
        if token in end_ids:
            break
        if matcher is not None:
            assert matcher.consume_token(token)
    return drawn, rows


def _one(row, options, rng):
    temperature = options.get("temperature", 1.0)
    if temperature == 0:
        return int(row.argmax())
    order = np.argsort(-row, kind="stable")
    heated = row[order] / temperature
    p = np.exp(heated - np.logaddexp.reduce(heated))
    keep = np.cumsum(p) - p < options.get("top_p", 1.0)
    if options.get("top_k", 0) > 0:
        keep &= np.arange(len(p)) < options["top_k"]
    p = np.where(keep, p, 0)
    return int(rng.choice(order, p=p / p.sum()))
