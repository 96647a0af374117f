"""Who gets in: the browser that was given the address, and nothing else."""

from __future__ import annotations

import pytest
from made_desk import PORT, Browser
from starlette.testclient import TestClient

from merkit.app.desk import Desk
from merkit.app.guard import Guard
from merkit.app.server import make_app, routes


@pytest.fixture
def stranger(desk: Desk) -> TestClient:
    """A program of this machine that knows the port alone."""
    return TestClient(make_app(desk, Guard(PORT)), f"http://127.0.0.1:{PORT}")


def test_the_token_becomes_a_cookie_and_leaves_the_address(desk: Desk) -> None:
    guard = Guard(PORT)
    client = TestClient(make_app(desk, guard), f"http://127.0.0.1:{PORT}", follow_redirects=False)
    assert len(guard.token) >= 43  # 256 bits in base64
    answer = client.get(f"/?token={guard.token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert guard.token not in answer.headers["set-cookie"]
    assert client.get("/").status_code == 200


def test_the_address_that_a_browser_is_started_with_holds_once(desk: Desk) -> None:
    """The words of a command can be read by every user of the machine."""
    guard = Guard(PORT)
    address = guard.address_once()
    assert guard.token not in address
    first, second = (TestClient(make_app(desk, guard)) for _ in range(2))
    assert first.get(address).status_code == 200
    assert second.get(address).status_code == 403
    assert second.get(guard.address).status_code == 200  # the printed one holds


def test_two_servers_do_not_share_anything() -> None:
    one, other = Guard(1), Guard(2)
    assert len({one.token, other.token, one.secret, other.secret}) == 4
    assert one.cookie != other.cookie  # browsers do not keep the cookies of ports apart
    assert one.token not in repr(one)


def test_without_the_token_every_path_is_refused(stranger: TestClient, desk: Desk) -> None:
    paths = [getattr(route, "path", "") for route in routes(desk)]
    assert len(paths) > 10
    for path in paths:
        there = path.replace("{video}", "v001").replace("{frame:int}", "0").replace("{name}", "a")
        for wrong in ("", "?token=", "?token=" + "A" * 43):
            answer = stranger.get(there + wrong)
            assert answer.status_code == 403, path
            assert "merkit app" in answer.text
    stranger.cookies.set(f"merkit-{PORT}", "A" * 43)
    assert stranger.get("/api/videos").status_code == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.x:{PORT}", ""],
)
def test_a_foreign_host_is_refused_with_the_token_too(browser: Browser, host: str) -> None:
    """A name that was made to point at this machine (DNS rebinding)."""
    assert browser.get("/api/videos", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"[::1]:{PORT}"])
def test_other_names_of_this_machine_are_ours(browser: Browser, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert browser.get("/api/videos", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_other_page_may_ask_or_change(
    browser: Browser, headers: dict[str, str], method: str
) -> None:
    """Not even with the cookie, which pages of other ports of this machine bring along."""
    answer = browser.request(method, "/api/videos", headers=headers, json={"path": "/"})
    assert answer.status_code == 403


def test_a_change_must_tell_where_it_comes_from(browser: Browser) -> None:
    del browser.headers["Origin"]
    assert browser.get("/api/videos").status_code == 200
    assert browser.post("/api/videos", json={"path": "/"}).status_code == 403
    assert browser.delete("/api/videos").status_code == 403


def test_every_answer_shuts_the_page_in(browser: Browser, stranger: TestClient) -> None:
    answers = [
        browser.get("/"),
        browser.get("/api/videos"),
        browser.get("/frames/v001/3.jpg"),
        browser.get("/nothing"),
        stranger.get("/"),
        browser.get("/", headers={"Host": "evil.example"}),
    ]
    assert [a.status_code for a in answers] == [200, 200, 200, 404, 403, 400]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy  # no remote source
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


def test_a_crowded_address_is_refused(browser: Browser) -> None:
    assert browser.get("/?" + "&".join(f"a{n}=1" for n in range(5000))).status_code == 400


def test_web_sockets_are_closed(browser: Browser) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/"):
        raise AssertionError("it was opened")
