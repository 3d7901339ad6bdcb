import inspect
from unittest.mock import patch

from cli_running import CAPITALS, run

from langchain_consensus.cli.ask import ask
from langchain_consensus.cli.play import play
from langchain_consensus.engine.fake import FakeEngine
from langchain_consensus.report import play_server

AUSTRALIA, _ = CAPITALS


class Unbound(play_server.PlayServer):
    """A server without a socket; `serve_forever` is what the test makes of it."""

    made = ()

    def __init__(self, session, *, port, model, draws):
        self.session, self.key, self.server_port = session, "KEY", port or 4321
        self.model, self.draws, self.closed = model, draws, False
        type(self).made = (*type(self).made, self)

    def serve_forever(self, poll_interval=0.5):
        self.events = [event.name for event in self.session.ask({"question": AUSTRALIA})]
        raise KeyboardInterrupt

    def server_close(self):
        self.closed = True


class Taken(Unbound):
    def __init__(self, session, **options):
        raise OSError(98, "Address already in use")


class Unloadable(FakeEngine):
    def token_ids(self, text):
        msg = "the model was loaded"
        raise AssertionError(msg)


def test_the_page_is_served_until_the_user_interrupts():
    opened = []
    with (
        patch("langchain_consensus.cli.play_job.PlayServer", Unbound),
        patch("webbrowser.open", opened.append),
    ):
        ran = run("play", "--n", 5, columns=200)
    assert (ran.code, ran.err) == (0, "stopped\n")
    assert ran.out == "Open http://127.0.0.1:8765/?key=KEY\nCtrl-C ends it.\n"
    assert opened == ["http://127.0.0.1:8765/?key=KEY"]
    server = Unbound.made[-1]
    assert (server.model, server.draws, server.closed) == ("fake", 5, True)
    assert server.events == ["drawing", "candidates", "scored"]


def test_no_browser_is_opened_where_none_is_wanted():
    with (
        patch("langchain_consensus.cli.play_job.PlayServer", Unbound),
        patch("webbrowser.open", side_effect=AssertionError),
    ):
        assert run("play", "--no-browser", "--port", 0).code == 0


def test_a_port_that_is_taken_is_refused_before_a_model_loads():
    with patch("langchain_consensus.cli.play_job.PlayServer", Taken):
        ran = run("play", "--port", 80, engine=Unloadable())
    assert ran.code == 2
    assert ran.err == (
        "error: `port` is 80, on which nothing can be served (Address already in use); give another --port, or 0.\n"
    )


def test_a_port_that_is_none_is_refused():
    assert run("play", "--port", 65536).code == 2


def test_its_options_have_the_defaults_of_ask():
    ours, theirs = (inspect.signature(command).parameters for command in (play, ask))
    assert set(ours) - set(theirs) == {"port", "browser"}
    of_ask = {"question", "context", "rule", "solver", "min_confidence", "anchors", "profile", "max_risk", "as_json"}
    assert set(theirs) - set(ours) == of_ask | {"judge", "rivals"}
    for name in set(ours) & set(theirs):
        assert ours[name].default == theirs[name].default, name
