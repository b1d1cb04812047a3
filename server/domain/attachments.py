"""The attachments of an incident as its log tells them, and the names they go by. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import attachments as att
from schemas.fields import wire_instant
from server.domain.entered import Entered

#: What an incident and a person may attach. A person's count is of the last 24 hours.
MOST_BYTES = 25 * 1024 * 1024
MOST_PER_INCIDENT, MOST_BYTES_PER_INCIDENT = 200, 500 * 1024 * 1024
MOST_PER_PERSON, MOST_BYTES_PER_PERSON = 200, 1024 * 1024 * 1024
MOST_OF_NAME = 100
ENDINGS: dict[str, str] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "application/pdf": "pdf",
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
}
_NEVER = frozenset('\\/:*?"<>|%;')


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was received, checked and made anew, and is waiting to be attached."""

    incident_id: str
    media_type: att.MediaType
    size: int
    sha256: str
    preview_sha256: str | None
    preview_size: int | None
    about: dict[str, Any]


@dataclass(slots=True)
class Attachment:
    """One attachment of an incident, and whether it was struck out."""

    event: att.AttachmentAdded
    by: str
    recorded_at: datetime
    struck: bool = False


def apply(kept: dict[str, Attachment], event: att.AttachmentEvent, entry: Entered) -> None:
    """Fold one entry into an incident's attachments."""
    match event:
        case att.AttachmentAdded():
            kept[event.attachment_id] = Attachment(event, entry.by, entry.recorded_at)
        case att.AttachmentStruck():
            kept[event.attachment_id].struck = True


def plain_name(said: str, media_type: str) -> str:
    """The name of a file as it may stand in a log and in any folder: its last part, without what commands a
    screen or a file system, and with the ending of what it is."""
    last = said.replace("\\", "/").rstrip("/").rpartition("/")[2]
    visible = "".join(" " if one.isspace() else one for one in last)
    kept = "".join(one for one in visible if unicodedata.category(one)[0] != "C" and one not in _NEVER)
    stem, dot, ending = kept.rpartition(".")
    if dot and ending.isalnum() and len(ending) <= 5:
        kept = stem
    kept = " ".join(kept.split()).strip(" .")[:MOST_OF_NAME].strip(" .")
    return f"{kept or '附件'}.{ENDINGS[media_type]}"


def shown(attachment: Attachment) -> dict[str, Any]:
    """As an incident shows it."""
    event = attachment.event
    told = event.model_dump(mode="json", exclude={"type", "preview_sha256", "preview_size"})
    return {
        **told,
        "has_preview": event.preview_sha256 is not None,
        "by": attachment.by,
        "recorded_at": wire_instant(attachment.recorded_at),
        "struck": attachment.struck,
    }
