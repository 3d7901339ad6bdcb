"""What a stub server answers on the chat completions route, from a table: nothing of it is shared with the engine."""

import math
import threading

import numpy as np

from tests.chats import CORRECT, INCORRECT, VERDICTS


class ChatMind:
    """Says what a table holds, as often as its probability is; `asked` are the bodies that were answered.

    - `most_top`: more `top_logprobs` than this are refused; 0 leaves log-probabilities out without a word;
    - `most_n`: more replies in one request are not given;
    - `broken`: what is sent instead of an answer.
    """

    protocol = "chat"

    def __init__(self, *, most_top=20, most_n=8, broken=None, seed=0):
        self.most_top, self.most_n, self.broken = most_top, most_n, broken
        self.asked, self.dice, self.lock = [], np.random.default_rng(seed), threading.Lock()

    def answer(self, path, body):
        if path != "/v1/chat/completions":
            return 404, {"error": {"message": f"no route {path}"}}
        top = body.get("top_logprobs", 0)
        if self.most_top and top > self.most_top:
            return 400, {"error": {"message": f"top_logprobs must be at most {self.most_top}"}}
        with self.lock:
            self.asked.append(body)
            if self.broken is not None:
                return 200, self.broken
            count = min(body.get("n", 1), self.most_n)
            choices = [self._choice(body["messages"][-1]["content"], top) for _ in range(count)]
        usage = {"prompt_tokens": 20, "completion_tokens": 2 * len(choices)}
        return 200, {"object": "chat.completion", "choices": choices, "usage": usage}

    def _choice(self, text, top):
        if "Proposed answer:" in text:
            p = VERDICTS[text.split("Proposed answer: ")[1].split("\n")[0]]
            table = {"Yes": p, "No": 1 - p}
        else:
            table = INCORRECT if "the incorrect answer" in text else CORRECT
        said = str(self.dice.choice(list(table), p=list(table.values())))
        told = None
        if top and self.most_top:
            best = [{"token": word, "logprob": math.log(p), "bytes": None} for word, p in table.items()]
            told = {"content": [{"token": said, "logprob": math.log(table[said]), "top_logprobs": best[:top]}]}
        return {
            "index": 0,
            "message": {"role": "assistant", "content": said},
            "finish_reason": "stop",
            "logprobs": told,
        }
