"""The play page's server over real sockets: what it gives, and to whom it gives nothing."""

import http.client
import json
import threading

import pytest

from langchain_consensus import Consensus, SamplingSettings
from langchain_consensus.report.play_server import PlayServer
from langchain_consensus.report.play_session import PlaySession
from tests.engines import CAPITAL, RecordingEngine


@pytest.fixture
def server():
    session = PlaySession(Consensus(engine=RecordingEngine(), sampling=SamplingSettings(n=12, seed=1)))
    with PlayServer(session, port=0, model="<fake>", draws=12) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True)
        sent = {"Host": f"127.0.0.1:{server.server_port}", **{name.replace("_", "-"): v for name, v in headers.items()}}
        if body is not None:
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent = {"Content-Type": "application/json", "Content-Length": str(len(body)), **sent}
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


def post(server, path, body, **headers):
    return ask(server, "POST", path, body, **{"X_Play_Key": server.key, **headers})


def events(text):
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    return {name.removeprefix("event: "): json.loads(data.removeprefix("data: ")) for name, data in blocks}


def test_the_printed_address_gives_the_page_with_its_key(server):
    assert server.address == f"http://127.0.0.1:{server.server_port}/?key={server.key}"
    status, headers, page = ask(server, "GET", f"/?key={server.key}")
    assert status == 200
    assert f'content="{server.key}"' in page
    assert "&lt;fake&gt;" in page
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "connect-src 'self'; frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_a_question_is_a_stream_of_events_and_weights_give_a_game(server):
    status, headers, text = post(server, "/ask", {"question": CAPITAL, "draws": 4})
    assert (status, headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    told = events(text)
    assert list(told) == ["drawing", "candidates", "scored"]
    status, _, text = post(server, "/solve", {"game": told["scored"]["game"], "generator": 1, "judge": 1})
    assert status == 200
    assert set(json.loads(text)) == {"html", "milliseconds"}


def test_it_listens_on_the_loopback_address_alone(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "host", [None, "", "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}"]
)
def test_another_name_for_this_address_is_refused(server, host, method):
    host = host and host.format(port=server.server_port)
    body = None if method == "GET" else {"question": CAPITAL}
    path = f"/?key={server.key}" if method == "GET" else "/ask"
    status, _, text = ask(server, method, path, body, Host=host, X_Play_Key=server.key)
    assert status == 421
    assert server.key not in text


def test_localhost_is_this_address_too(server):
    assert ask(server, "GET", f"/?key={server.key}", Host=f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_another_site_is_refused_even_with_the_key(server, headers):
    headers = {name: value.format(port=server.server_port) for name, value in headers.items()}
    status, given, _ = post(server, "/ask", {"question": CAPITAL}, **headers)
    assert status == 403
    assert not [name for name in given if name.lower().startswith("access-control")]
    assert server.session._consensus.engine.calls == (0, 0)


def test_its_own_page_is_let_in(server):
    own = {"Origin": f"http://127.0.0.1:{server.server_port}", "Sec_Fetch_Site": "same-origin"}
    assert post(server, "/ask", {"question": CAPITAL}, **own)[0] == 200


@pytest.mark.parametrize("key", [None, "", "wrong", "ключ".encode()])
def test_without_the_key_nothing_is_given(server, key):
    assert post(server, "/ask", {"question": CAPITAL}, X_Play_Key=key)[0] == 403
    assert ask(server, "GET", "/")[0] == 403
    assert ask(server, "GET", "/?key=wrong")[0] == 403
    assert server.session._consensus.engine.calls == (0, 0)


def test_another_site_s_preflight_gets_no_permission(server):
    status, headers, _ = ask(server, "OPTIONS", "/ask", Origin="http://evil.example")
    assert status == 501
    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[1]", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"{}", {"Content_Type": "text/plain"}, 415),
        (b"{}", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"Content_Length": "9" * 5000}, 413),
        (b"{}", {"Content_Length": "-1"}, 413),
        (b"{}", {"Content_Length": "200001"}, 413),
        ({"question": " "}, {}, 422),
        ({"question": CAPITAL, "draws": 10**400}, {}, 422),
    ],
)
def test_what_is_no_question_is_refused_and_the_server_goes_on(server, body, headers, status):
    assert post(server, "/ask", body, **headers)[0] == status
    assert post(server, "/ask", {"question": CAPITAL})[0] == 200


@pytest.mark.parametrize("path", ["/favicon.ico", "/ask", "//", "/../etc/passwd"])
def test_there_is_nothing_else(server, path):
    assert ask(server, "GET", path)[0] in {403, 404}
    assert post(server, "/other", {})[0] == 404


def test_who_goes_away_in_the_middle_stops_nobody_else(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    headers = {"Content-Type": "application/json", "X-Play-Key": server.key}
    connection.request("POST", "/ask", json.dumps({"question": CAPITAL}), headers)
    connection.close()
    for _ in range(50):
        _, _, text = post(server, "/ask", {"question": CAPITAL})
        if "scored" in events(text):
            break
    assert "scored" in events(text)
