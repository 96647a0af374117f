"""Attacks on the real server, byte by byte: what a browser's library would tidy up first."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from urllib.parse import urlsplit

import psutil
import pytest
from real_server import RealServer, start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    server = start(tmp_path_factory.mktemp("attacked") / "project")
    yield server
    assert server.interrupt() == 0


@pytest.fixture(scope="module")
def cookie(server: RealServer) -> str:
    """What the browser that was given the address has."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    parts = urlsplit(server.address)
    connection.request("GET", f"{parts.path}?{parts.query}")
    return str(connection.getresponse().headers["set-cookie"]).partition(";")[0]


def raw(server: RealServer, *lines: str, body: bytes = b"") -> tuple[int, bytes]:
    """Send a request as it stands; the status, and all that came."""
    text = "\r\n".join((*lines, "Connection: close", "", "")).encode("latin-1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(text + body)
        answer = b""
        while block := connection.recv(2**16):
            answer += block
    return int(answer.split(b" ", 2)[1]), answer


def own(server: RealServer, cookie: str) -> tuple[str, ...]:
    host = f"127.0.0.1:{server.port}"
    return (f"Host: {host}", f"Origin: http://{host}", f"Cookie: {cookie}")


def test_only_one_address_is_listened_to(server: RealServer) -> None:
    """127.0.0.2 is this machine too, and was not asked for; so would be that of a network."""
    others = {"127.0.0.2"}
    with suppress(socket.gaierror):  # not every machine knows its own name
        others.add(socket.gethostbyname(socket.gethostname()))
    for other in others - {"127.0.0.1"}:
        with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
            socket.create_connection((other, server.port), timeout=3)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/../../../../../../etc/passwd",
        "/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/app/server.py",
        "/static/..%255c..%255cserver.py",
        "//etc/passwd",
        "/exports/../project.json",
        "/exports/..%2fproject.json",
        "/media/../../etc/passwd",
        "/frames/../../x/1.jpg",
    ],
)
def test_no_path_leads_out(server: RealServer, cookie: str, path: str) -> None:
    status, answer = raw(server, f"GET {path} HTTP/1.1", *own(server, cookie))
    assert status in (400, 404, 422), answer[:200]
    assert b"root:" not in answer
    assert b"import" not in answer


@pytest.mark.parametrize(
    "hosts",
    [
        ("Host: evil.example",),
        ("Host: 127.0.0.1:{port}", "Host: evil.example"),
        ("Host: evil.example", "X-Forwarded-Host: 127.0.0.1:{port}"),
        (),
    ],
)
def test_foreign_and_double_hosts(server: RealServer, cookie: str, hosts: tuple[str, ...]) -> None:
    lines = [host.format(port=server.port) for host in hosts]
    status, _ = raw(server, "GET /api/videos HTTP/1.1", *lines, f"Cookie: {cookie}")
    assert status == 400


def test_without_a_token_nothing_is_told(server: RealServer) -> None:
    status, answer = raw(server, "GET /api/about HTTP/1.1", f"Host: 127.0.0.1:{server.port}")
    assert status == 403
    assert b"project" not in answer


def test_ten_gigabytes_are_refused_at_once(
    server: RealServer, cookie: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    memory = psutil.Process(server.process.pid).memory_info().rss
    began = time.monotonic()
    status, answer = raw(
        server,
        "POST /api/upload?name=a.mp4 HTTP/1.1",
        *own(server, cookie),
        f"Content-Length: {10 * 2**30}",
        body=b"\0" * 1000,
    )
    assert status == 413
    assert b"more than 8 GB" in answer
    assert time.monotonic() - began < 10
    assert psutil.Process(server.process.pid).memory_info().rss - memory < 2**26
    assert not list(tmp_path_factory.getbasetemp().glob("attacked*/project/recordings/*"))


def test_an_upload_that_breaks_off_leaves_nothing(
    server: RealServer, cookie: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = ("POST /api/upload?name=a.mp4 HTTP/1.1", *own(server, cookie))
    text = "\r\n".join((*lines, f"Content-Length: {2**22}", "", "")).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(text + b"\0" * 2**21)
        time.sleep(0.3)
    end = time.monotonic() + 10
    folder = next(tmp_path_factory.getbasetemp().glob("attacked*/project"))
    while list(folder.glob("recordings/*")) and time.monotonic() < end:
        time.sleep(0.05)
    assert list(folder.glob("recordings/*")) == []


def test_two_hundred_at_once_are_all_answered(server: RealServer, cookie: str) -> None:
    def one(n: int) -> int:
        path = ("/", "/api/videos", "/static/main.js", "/api/about")[n % 4]
        return raw(server, f"GET {path} HTTP/1.1", *own(server, cookie))[0]

    with ThreadPoolExecutor(200) as pool:
        assert set(pool.map(one, range(200))) == {200}


@pytest.mark.parametrize("text", [b"\0" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"a" * 10**6])
def test_what_is_no_request_ends_nothing(server: RealServer, text: bytes) -> None:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    with connection, suppress(OSError):  # it may hang up on us
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(2**16)
    assert raw(server, "GET / HTTP/1.1", f"Host: 127.0.0.1:{server.port}")[0] == 403


def test_a_second_server_of_the_project_is_refused(
    server: RealServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = next(tmp_path_factory.getbasetemp().glob("attacked*/project"))
    with pytest.raises(AssertionError, match="another merkit is writing"):
        start(folder)
