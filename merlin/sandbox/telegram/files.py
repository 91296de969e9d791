"""Files: what is sent is kept and can be asked for again by its id."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from merlin.sandbox.telegram.arguments import Arguments, Upload
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.picture_size import picture_size
from merlin.sandbox.telegram.world import World

DOWNLOAD_BYTES = 20 * 1024 * 1024
PHOTO_BYTES = 10 * 1024 * 1024
_FOLDERS = {
    "document": "documents",
    "photo": "photos",
    "voice": "voice",
    "video_note": "video_notes",
    "audio": "music",
    "video": "videos",
}
THUMB_SIDE = 90
_FRAMES = {"video_note": {"length": 240}, "video": {"width": 640, "height": 480}}


def keep_file(world: World, kind: str, upload: Upload) -> dict[str, Any]:
    """Keep an uploaded file; return what a Message says of it."""
    if not upload.content:
        raise bad_request("file must be non-empty")
    digest = hashlib.sha256(upload.content).hexdigest()
    number = len(world.files) + 1
    ending = upload.name.rpartition(".")[2].lower() if "." in upload.name else "bin"
    file = {
        "file_id": f"SB{number:04d}{secrets.token_urlsafe(24)}",
        "file_unique_id": f"AQ{digest[:14]}",
        "file_size": len(upload.content),
        "file_path": f"{_FOLDERS.get(kind, 'documents')}/file_{number}.{ending}",
        "kind": kind,
        "name": upload.name,
        "mime": upload.mime,
    }
    world.keep_content(file, upload.content)
    return file


def attached(world: World, kind: str, arguments: Arguments) -> dict[str, Any]:
    """Return the file that a call sends: a new one, or a kept one by its id."""
    upload = arguments.upload(kind)
    if upload is not None:
        if kind == "photo" and len(upload.content) > PHOTO_BYTES:
            raise bad_request("file is too big")
        return keep_file(world, kind, upload)
    wanted = arguments.text(kind)
    if not wanted:
        raise bad_request(f"there is no {kind} in the request")
    if wanted.startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")
    file = world.files.get(wanted)
    if file is None:
        raise bad_request("wrong remote file identifier specified: Wrong string length")
    return dict(file)


def as_media(world: World, file: dict[str, Any], kind: str, *, seconds: int = 0) -> dict[str, Any]:
    """Return the Message fields that show `file` as a thing of this kind."""
    base = {name: file[name] for name in ("file_id", "file_unique_id", "file_size")}
    if kind == "photo":
        return {"photo": _sizes(world, file, base)}
    shown: dict[str, Any] = {**base}
    if kind != "video_note":
        shown["mime_type"] = file["mime"]
    if kind in {"document", "audio", "video"}:
        shown["file_name"] = file["name"]
    if kind != "document":
        shown["duration"] = seconds
    return {kind: {**shown, **_FRAMES.get(kind, {})}}


def _sizes(world: World, file: dict[str, Any], base: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a photo's two sizes, the largest last; the small one has the same bytes.

    Nothing here draws pictures.
    """
    content = world.content(file["file_id"])
    width, height = picture_size(content)
    largest = max(width, height, 1)
    small = keep_file(world, "photo", Upload(file["name"], file["mime"], content))
    shown = {name: small[name] for name in base}
    return [
        {**shown, "width": width * THUMB_SIDE // largest, "height": height * THUMB_SIDE // largest},
        {**base, "width": width, "height": height},
    ]


def described(world: World, file_id: str) -> dict[str, Any]:
    """Answer getFile."""
    file = world.files.get(file_id)
    if file is None:
        raise bad_request("invalid file_id")
    if file["file_size"] > DOWNLOAD_BYTES:
        raise bad_request("file is too big")
    names = ("file_id", "file_unique_id", "file_size", "file_path")
    return {name: file[name] for name in names}


def by_path(world: World, path: str) -> str | None:
    """Return the id of the file at a download path, None when there is none."""
    for file_id, file in world.files.items():
        if file["file_path"] == path:
            return file_id
    return None
