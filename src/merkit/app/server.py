"""The routes of the local page: what a browser asks, put to the desk, and its answer as JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from merkit.app.agreeing import shown_agreement
from merkit.app.coding import ConflictError, apply_edit, review_of
from merkit.app.desk import Desk
from merkit.app.exporting import export, exported
from merkit.app.guard import Guard, Guarded
from merkit.app.uploads import TooLargeError
from merkit.errors import ConfigError, MerkitError, MissingError

STATIC = Path(__file__).parent / "static"
#: bytes of a request that is no video
MOST_BYTES = 2**18

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def make_app(desk: Desk, guard: Guard) -> ASGIApp:
    """The whole application, behind its guard."""
    return Guarded(Starlette(routes=routes(desk)), guard)


def routes(desk: Desk) -> list[BaseRoute]:
    """Every path that is answered; all others are not found."""
    page = _Page(desk)

    def get(path: str, ask: Callable[[Request], Any]) -> Route:
        return Route(path, _answers(ask), methods=["GET"])

    def post(path: str, ask: Callable[[Request, dict[str, Any]], Any]) -> Route:
        return Route(path, _takes(ask), methods=["POST"])

    return [
        Route("/", page.index, methods=["GET"]),
        get("/api/about", page.about),
        get("/api/videos", page.videos),
        get("/api/videos/{video}", page.video),
        get("/api/videos/{video}/curve", page.curve),
        get("/api/videos/{video}/overlay", page.overlay),
        get("/api/news", page.news),
        get("/api/agreement", page.agreement),
        post("/api/videos", page.add),
        post("/api/videos/{video}/edits", page.edit),
        post("/api/videos/{video}/cancel", page.cancel),
        post("/api/videos/{video}/queue", page.queue_again),
        post("/api/export", page.export),
        Route("/api/upload", _told(page.upload), methods=["POST"]),
        Route("/exports/{name}", _told(page.exported), methods=["GET"]),
        Route("/frames/{video}/{frame:int}.jpg", _told(page.frame), methods=["GET"]),
        Route("/media/{video}", _told(page.media), methods=["GET"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


class _Page:
    """What each path does."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def index(self, request: Request) -> Response:
        del request
        return FileResponse(STATIC / "index.html")

    def about(self, request: Request) -> Any:
        del request
        return self._desk.about()

    def videos(self, request: Request) -> Any:
        return {"videos": self._desk.intake.listed(_coder(request))}

    def video(self, request: Request) -> Any:
        video, coder = request.path_params["video"], _coder(request)
        shown = self._desk.pictures.video(video)
        return {"video": shown, "review": review_of(self._desk.project, video, coder)}

    def curve(self, request: Request) -> Any:
        first, last, points = (_whole(request, name) for name in ("first", "last", "points"))
        title = request.query_params.get("title", "")
        return self._desk.pictures.curve(request.path_params["video"], title, first, last, points)

    def overlay(self, request: Request) -> Any:
        since = _whole(request, "since") if "since" in request.query_params else None
        video, frame = request.path_params["video"], _whole(request, "frame")
        return self._desk.pictures.overlay(video, frame, since)

    def news(self, request: Request) -> Any:
        """The list, and the review of the open video where another page changed it."""
        video, coder = request.query_params.get("video", ""), _coder(request)
        told: dict[str, Any] = {"videos": self._desk.intake.listed(coder)}
        if video:
            new = review_of(self._desk.project, video, coder, _whole(request, "count"))
            told |= {} if new is None else {"review": new}
        return told

    def agreement(self, request: Request) -> Any:
        coders = (request.query_params.get(name, "") for name in ("first", "second"))
        return shown_agreement(self._desk.project, *coders)

    def add(self, request: Request, values: dict[str, Any]) -> Any:
        del request
        added, problems = self._desk.intake.add(Path(_text(values, "path")))
        told = [f"{len(added)} taken up, read where they lie", *problems]
        return {"added": added, "told": "\n".join(told)}

    def edit(self, request: Request, values: dict[str, Any]) -> Any:
        edit = values.get("edit")
        if not isinstance(edit, dict):
            raise ConfigError("a request without an edit", "an object 'edit'")
        video, coder = request.path_params["video"], _text(values, "coder")
        return apply_edit(self._desk.project, video, coder, edit)

    def cancel(self, request: Request, values: dict[str, Any]) -> Any:
        del values
        self._desk.intake.queue.cancel(request.path_params["video"])
        return {}

    def queue_again(self, request: Request, values: dict[str, Any]) -> Any:
        del values
        self._desk.intake.again(request.path_params["video"])
        return {}

    def export(self, request: Request, values: dict[str, Any]) -> Any:
        del request
        names = ("coder", "format", "suffix", "video")
        written = export(self._desk.project, *(_text(values, name) for name in names))
        return {"name": written.name, "path": str(written)}

    async def upload(self, request: Request) -> Response:
        told = request.headers.get("content-length", "")
        n_bytes = int(told) if told.isdecimal() else None
        name = request.query_params.get("name", "")
        path = await self._desk.intake.uploads.take(name, n_bytes, request.stream())
        return JSONResponse({"id": await run_sync(self._desk.intake.take_upload, path)})

    async def exported(self, request: Request) -> Response:
        path = exported(self._desk.project, request.path_params["name"])
        return FileResponse(path, filename=path.name, media_type="application/octet-stream")

    async def frame(self, request: Request) -> Response:
        places = request.path_params
        jpeg = await run_sync(self._desk.pictures.jpeg, places["video"], places["frame"])
        return Response(jpeg, media_type="image/jpeg")

    async def media(self, request: Request) -> Response:
        path = await run_sync(self._desk.pictures.file, request.path_params["video"])
        kind = "video/webm" if path.suffix.lower() == ".webm" else "video/mp4"
        return FileResponse(path, media_type=kind)


def _answers(ask: Callable[[Request], Any]) -> Endpoint:
    """An endpoint that answers with JSON, from a thread."""

    async def endpoint(request: Request) -> Response:
        return JSONResponse(await run_sync(ask, request))

    return _told(endpoint)


def _takes(ask: Callable[[Request, dict[str, Any]], Any]) -> Endpoint:
    """The same for a request that brings a JSON object."""

    async def endpoint(request: Request) -> Response:
        values = await _body(request)
        return JSONResponse(await run_sync(ask, request, values))

    return _told(endpoint)


def _told(endpoint: Endpoint) -> Endpoint:
    """Errors of merkit become answers that say what to do; ours become one that says so too."""

    async def careful(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except ConflictError as error:
            return JSONResponse({"problem": error.found, **error.now}, HTTPStatus.CONFLICT)
        except MerkitError as error:
            return JSONResponse({"problem": str(error)}, _status(error))
        except OSError as error:
            return JSONResponse({"problem": str(error)}, HTTPStatus.INSUFFICIENT_STORAGE)

    return careful


def _status(error: MerkitError) -> HTTPStatus:
    if isinstance(error, TooLargeError):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if isinstance(error, MissingError) or error.found.startswith("no video '"):
        return HTTPStatus.NOT_FOUND
    return HTTPStatus.UNPROCESSABLE_ENTITY


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        ConfigError: it is none.
        TooLargeError: it is too long for one.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise ConfigError("a request that is no JSON", "Content-Type: application/json")
    text = bytearray()
    async for block in request.stream():
        text += block
        if len(text) > MOST_BYTES:
            raise TooLargeError(f"a request of more than {MOST_BYTES} bytes", "a shorter one")
    try:
        values = json.loads(bytes(text) or b"{}")
    except (ValueError, RecursionError):
        raise ConfigError("a request that is no JSON", "a JSON object") from None
    if not isinstance(values, dict):
        raise ConfigError("a request that is no JSON object", "a JSON object")
    return values


def _coder(request: Request) -> str:
    return request.query_params.get("coder", "")


def _whole(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not text.removeprefix("-").isdecimal() or len(text) > 12:
        raise ConfigError(f"{name}={text[:40]!r}", "a whole number")
    return int(text)


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str) or "\0" in value:
        raise ConfigError(f"{name}: {str(value)[:40]!r}", "a text")
    return value
