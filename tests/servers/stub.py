"""A server on loopback that speaks the protocols which the engine knows, with a defect or with faults where asked.

It is written from the servers' documentation, shares no code with the engine, and counts what it is sent.
"""

import contextlib
import json
import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer

from tests.servers.brains import HashBrain, sampled

MODEL = "tiny"


class StubServer:
    """Use as a context manager; `url` is its base URL.

    Args:
        tokenizer: What it reads and writes tokens with.
        brain: What it computes with.
        protocol: `vllm`, `sglang`, `echo`, or `chat_only`, which knows none of them.
        defect: How it is wrong; see `_Mind`.
        mind: What answers instead, such as a `ChatMind`.
        fault: Called with the number of each completion request from 0; what it returns happens instead of an answer:
            `429`, `500`, `reset`, `stall`, `garbage`, or `None`.
        latency: Seconds before each answer.
        ends: Tokens that end a sample beside those that a request names.
    """

    def __init__(
        self,
        tokenizer=None,
        brain=None,
        *,
        protocol="vllm",
        defect=None,
        mind=None,
        fault=None,
        latency=0.0,
        models=(MODEL,),
        key=None,
        ends=(),
    ):
        self.mind = mind or _Mind(tokenizer, brain or HashBrain(), protocol, defect, ends)
        self.fault, self.latency, self.models, self.key = fault or (lambda number: None), latency, models, key
        self.lock = threading.Lock()
        self.bodies, self.outcomes, self._answered = [], Counter(), Counter()
        self.sent = Counter()
        self.busy = self.most_busy = self.connections = 0
        self.retry_after, self.stall = None, 3.0
        self._sockets = set()

    def __enter__(self):
        stub = self

        class Handler(_Handler):
            server_stub = stub

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *args):
        self.kill()

    @property
    def answered(self):
        """How often each request was answered, as of now; an answer that is being sent is waited for."""
        with self.lock:
            return +self._answered

    def forget(self):
        """Counts from nothing again."""
        with self.lock:
            for counts in (self.sent, self._answered, self.outcomes):
                counts.clear()
            self.most_busy = 0

    def kill(self):
        """Refuses new connections and breaks those that are open."""
        self._server.shutdown()
        self._server.server_close()
        with self.lock:
            open_ones, self._sockets = list(self._sockets), set()
        for one in open_ones:
            break_off(one)
        self._thread.join()


def break_off(connection):
    """Ends a connection as a crashed process does: the other side sees a reset."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_stub = None

    def setup(self):
        super().setup()
        with self.server_stub.lock:
            self.server_stub.connections += 1
            self.server_stub._sockets.add(self.connection)

    def finish(self):
        with self.server_stub.lock:
            self.server_stub._sockets.discard(self.connection)
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *args):
        pass

    def do_GET(self):
        stub = self.server_stub
        if self.path != "/v1/models":
            return self._reply(404, {"error": {"message": "not found"}})
        if stub.key is not None and self.headers.get("Authorization") != f"Bearer {stub.key}":
            return self._reply(401, {"error": {"message": "wrong key"}})
        owner = stub.mind.protocol
        cards = [{"id": name, "object": "model", "owned_by": owner, "max_model_len": 2048} for name in stub.models]
        return self._reply(200, {"object": "list", "data": cards})

    def do_POST(self):
        stub = self.server_stub
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = json.dumps(body, sort_keys=True)
        with stub.lock:
            number = len(stub.bodies)
            stub.bodies.append(body)
            stub.sent[key] += 1
            stub.busy += 1
            stub.most_busy = max(stub.most_busy, stub.busy)
        outcome = stub.fault(number)
        with stub.lock:
            stub.outcomes[outcome] += 1
        status, answer = None, None
        try:
            if outcome is None:
                time.sleep(stub.latency)
                status, answer = stub.mind.answer(self.path, body)
            elif outcome == "stall":
                time.sleep(stub.stall)
        finally:
            with stub.lock:  # who has read an answer finds it counted, and its place free
                stub.busy -= 1
                self._answer(outcome, status, answer)
                stub._answered[key] += status == 200

    def _answer(self, outcome, status, answer):
        stub = self.server_stub
        if outcome in ("reset", "stall"):
            self.close_connection = True
            break_off(self.connection)
        elif outcome == "garbage":
            self._send(200, b"{not json")
        elif outcome:
            extra = {"Retry-After": str(stub.retry_after)} if stub.retry_after is not None else {}
            self._reply(int(outcome), {"error": {"message": f"fault {outcome}"}}, **extra)
        elif status is not None:
            self._reply(status, answer)

    def _reply(self, status, answer, **headers):
        self._send(status, json.dumps(answer).encode(), **headers)

    def _send(self, status, data, **headers):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class _Mind:
    """Requests in, answers out. Defects, each as a real server might have it:

    - `shifted`: each prompt log-probability is read one row too late, as llama-cpp-python 0.3.36 does;
    - `moved`: the list of them is moved by one place;
    - `zeros`, `nan`, `no_echo`: what the names say;
    - `noisy`: they have nothing to do with what is sampled; `unsteady`: they change from call to call;
    - `other_tokenizer`: ids mean other texts; `text_only`: prompts of ids are refused;
      `text_or_500`: with status 500, as llama-cpp-python does;
    - `truncates`: the last 200 tokens are read;
    - `contrary`: greedy sampling takes the tenth best token; `one_draw`: `n` is ignored;
    - `heated`: draws carry log-probabilities after temperature and truncation;
    - `free`: grammars are ignored; `lax`: the first one is followed instead of all others;
    - `coarse_next`: next-token log-probabilities are renormalised over those returned.
    """

    def __init__(self, tokenizer, brain, protocol, defect, ends):
        self.tokenizer, self.brain, self.protocol, self.defect = tokenizer, brain, protocol, defect
        self.ends = set(ends)
        self.calls = 0
        self.grammars = []

    def answer(self, path, body):
        self.calls += 1
        if path == "/generate" and self.protocol == "sglang":
            return 200, self._generate(body)
        if path != "/v1/completions":
            return 404, {"error": {"message": f"no route {path}"}}
        prompt = body["prompt"]
        if isinstance(prompt, str):
            ids = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        elif self.defect == "text_only":
            return 422, {"error": {"message": "prompt must be a string"}}
        elif self.defect == "text_or_500":
            return 500, {"error": {"message": "20 validation errors"}}
        else:
            ids = prompt
        if len(ids) + body.get("max_tokens", 16) > 2048:
            return 400, {"error": {"message": "the prompt is longer than 2048 tokens"}}
        return 200, self._complete(ids, body)

    def _complete(self, ids, body):
        if self.defect == "truncates":
            ids = ids[-200:]
        n = 1 if self.defect == "one_draw" else body.get("n", 1)
        choices, drawn_tokens = [], 0
        for index in range(n):
            drawn, rows = self._draw(ids, body, body.get("seed", 0) + index)
            text, finish, reason = self._ended(drawn, body)
            choice = {"index": index, "text": text, "finish_reason": finish, "stop_reason": reason}
            choice["logprobs"] = self._generated(drawn, rows, body)
            if self.protocol == "vllm" and body.get("return_token_ids"):
                choice["token_ids"] = drawn
            drawn_tokens += len(drawn)
            choices.append(choice)
        usage = {"prompt_tokens": len(ids), "completion_tokens": drawn_tokens}
        if self.defect != "no_echo":
            if self.protocol == "vllm" and body.get("prompt_logprobs") is not None:
                values = self._prompt_values(ids)
                choices[0]["prompt_logprobs"] = [
                    None if i == 0 else {str(token): {"logprob": value, "decoded_token": self._text(token)}}
                    for i, (token, value) in enumerate(zip(ids, values, strict=True))
                ]
            if self.protocol == "echo" and body.get("echo"):
                told = choices[0]["logprobs"]
                told["tokens"] = [*map(self._text, ids), *told["tokens"]]
                told["token_logprobs"] = [*self._prompt_values(ids), *told["token_logprobs"]]
        return {"object": "text_completion", "choices": choices, "usage": usage}

    def _prompt_values(self, ids):
        rows = self.brain.rows(ids)
        values = [None, *(float(rows[i - 1][token]) for i, token in enumerate(ids) if i)]
        if self.defect == "shifted":
            values = [None, *(float(rows[i][token]) for i, token in enumerate(ids) if i)]
        if self.defect == "moved":
            values = [None, values[1], *values[1:-1]]
        if self.defect == "zeros":
            values = [None, *(0.0 for _ in ids[1:])]
        if self.defect == "nan":
            values = [None, *(None for _ in ids[1:])]
        if self.defect == "unsteady":
            values = [None, *(value - 0.3 * (self.calls % 7) for value in values[1:])]
        if self.defect == "noisy":
            rng = np.random.default_rng(list(ids))
            values = [None, *(-rng.exponential(3, size=len(ids) - 1)).tolist()]
        return values

    def _draw(self, ids, body, seed):
        end_ids = {self.tokenizer.eos_token_id, *self.ends, *body.get("stop_token_ids", [])}
        drawn, rows = sampled(self.brain, ids, body, np.random.default_rng(seed), end_ids, self._matcher(body, end_ids))
        if self.defect == "contrary" and body.get("temperature") == 0:
            rows = [self.brain.rows(ids, len(ids) - 1)[0]]
            drawn = [int(np.argsort(-rows[0])[9])]
        stops = [stop for stop in body.get("stop") or [] if stop]
        for length in range(1, len(drawn) + 1):
            if any(stop in self.tokenizer.decode(drawn[:length]) for stop in stops):
                return drawn[:length], rows[:length]
        return drawn, rows

    def _matcher(self, body, end_ids):
        grammar = body.get("structured_outputs", {}).get("grammar")
        if not grammar or self.protocol != "vllm" or self.defect == "free":
            return None
        self.grammars.append(grammar)
        if self.defect == "lax":
            grammar = self.grammars[0]
        tokens = from_tokenizer(self.tokenizer, n_vocab=self.brain.rows([0]).shape[1], eos_token=sorted(end_ids))
        return LLMatcher(tokens, LLMatcher.grammar_from_lark(grammar))

    def _told(self, drawn, rows, temperature):
        """The log-probabilities that the server says it has drawn with."""
        logprobs = [float(row[token]) for token, row in zip(drawn, rows, strict=True)]
        if self.defect == "heated" and temperature not in (0, 1.0):
            return [value / temperature + 0.5 for value in logprobs]
        return logprobs

    def _ended(self, drawn, body):
        ended = drawn[-1] in {self.tokenizer.eos_token_id, *self.ends, *body.get("stop_token_ids", [])}
        text = self.tokenizer.decode(drawn[:-1] if ended else drawn)
        for stop in body.get("stop") or []:
            if stop in text:
                return text[: text.index(stop)], "stop", stop
        return (text, "stop", None) if ended else (text, "length", None)

    def _generated(self, drawn, rows, body):
        if body.get("logprobs") is None:
            return None
        tops = []
        for token, row in zip(drawn, rows, strict=True):
            wanted = body.get("logprob_token_ids") if self.protocol == "vllm" else None
            chosen = wanted if wanted is not None else np.argsort(-row)[: body["logprobs"]].tolist()
            shift = float(np.logaddexp.reduce(row[chosen])) if self.defect == "coarse_next" and chosen else 0.0
            by_id = self.protocol == "vllm" and body.get("return_tokens_as_token_ids")
            tops.append(
                {f"token_id:{one}" if by_id else self._text(one): float(row[one]) - shift for one in {token, *chosen}}
            )
        return {
            "tokens": [self._text(t) for t in drawn],
            "token_logprobs": self._told(drawn, rows, body.get("temperature", 1.0)),
            "top_logprobs": tops,
        }

    def _text(self, token):
        if self.defect == "other_tokenizer":
            token = (token * 7 + 13) % self.brain.vocabulary
        return self.tokenizer.decode([token])

    def _generate(self, body):
        ids, params = body["input_ids"], body["sampling_params"]
        options = {**params, "max_tokens": params.get("max_new_tokens", 16)}
        found = []
        for index in range(params.get("n", 1)):
            drawn, rows = self._draw(ids, options, params.get("sampling_seed", 0) + index)
            logprobs = self._told(drawn, rows, params.get("temperature", 1.0))
            text, finish, reason = self._ended(drawn, options)
            matched = reason if reason is not None else drawn[-1]
            kind = {"type": "length"} if finish == "length" else {"type": "stop", "matched": matched}
            meta = {"prompt_tokens": len(ids), "cached_tokens": 0, "finish_reason": kind}
            start = max(body.get("logprob_start_len", -1), 0) if body.get("logprob_start_len", -1) >= 0 else len(ids)
            values = self._prompt_values(ids)
            # The first position that is asked for has no log-probability.
            meta["input_token_logprobs"] = [
                [None if i == start else values[i], ids[i], self._text(ids[i])] for i in range(start, len(ids))
            ]
            meta["output_token_logprobs"] = [[value, token, None] for token, value in zip(drawn, logprobs, strict=True)]
            if body.get("token_ids_logprob"):
                row = self.brain.rows(ids, len(ids) - 1)[0]
                meta["output_token_ids_logprobs"] = [[[float(row[t]), t, None] for t in body["token_ids_logprob"]]]
            found.append({"text": text, "output_ids": drawn, "meta_info": meta})
        return found if len(found) > 1 else found[0]
