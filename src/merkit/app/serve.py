"""Run the page's server on the loopback address until Ctrl-C."""

from __future__ import annotations

import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from merkit.app.desk import Desk
from merkit.app.guard import Guard
from merkit.app.server import make_app
from merkit.errors import ConfigError

#: seconds that open answers have when the server ends
_END_WITHIN_S = 2
#: connections that may wait to be taken
_WAITING = 512


def serve(desk: Desk, port: int, browser: bool, tell: Callable[[str], None]) -> None:
    """Serve until the process is interrupted; what waits in the queue is done at the next start.

    Args:
        port: 0 takes a free one.
        browser: open the page in the user's browser.
        tell: is given the address.

    Raises:
        ConfigError: the port is taken, or another process works on the project.
    """
    with desk.project.writing(), _listening(port) as listener:
        guard = Guard(listener.getsockname()[1])
        desk.open()
        try:
            tell(guard.address)
            if browser:
                words = (guard.address_once(),)
                threading.Thread(target=webbrowser.open, args=words, daemon=True).start()
            _run(desk, guard, listener)
        finally:
            desk.close()


def _run(desk: Desk, guard: Guard, listener: socket.socket) -> None:
    config = uvicorn.Config(
        make_app(desk, guard),
        log_level="warning",
        access_log=False,  # addresses hold names of files, and once the token
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_END_WITHIN_S,
    )
    with suppress(KeyboardInterrupt):  # it has shut down, and hands the signal on
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """A socket of this machine alone; no other address is ever bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(_WAITING)  # now, so that the address that is told is answered
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"--port {port} cannot be used: {error}", "a free port", "--port 0 takes one"
            ) from None
        yield listener
