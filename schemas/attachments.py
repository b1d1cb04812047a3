"""Attachments (附件) of an incident: a photo, a PDF or a recording, as it is told in the log.

The bytes come first, by `PUT /incidents/{incident_id}/attachments/{attachment_id}`; what is attached
is what the desk made of them. The entry carries their SHA-256, so that the chain vouches for them as well.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bases import Command, Event, Shown
from schemas.fields import Id, Instant, Said200, Said2000, Text500

#: The kinds of files that are taken, by what is in them; what each is kept as.
MediaType = Literal[
    "image/jpeg", "image/png", "application/pdf", "audio/wav", "audio/mpeg", "audio/mp4", "audio/ogg"
]
#: What was taken out of a file before it was kept.
Removed = Literal["metadata", "position", "script", "actions", "files", "form", "frames", "rest"]


class AttachmentCommand(Command):
    """A command on one attachment of an incident."""

    attachment_id: Id


class AddAttachment(AttachmentCommand):
    """A file that was sent before is attached (附件). The upload gives this command itself."""

    name = "add-attachment"

    file_name: Said200
    note: Text500 | None = None


class StrikeAttachment(AttachmentCommand):
    """A wrong file (更正): shown struck through, never removed."""

    name = "strike-attachment"

    reason: Said2000


class AttachmentEvent(Event):
    """What happened to one attachment."""

    attachment_id: str


class AttachmentAdded(AttachmentEvent):
    """A file was attached. `taken`, `lon`, `lat`: what the camera said, which nobody vouches for."""

    type: Literal["attachment_added"] = "attachment_added"
    file_name: str
    media_type: MediaType
    size: int
    sha256: str
    preview_sha256: str | None = None
    preview_size: int | None = None
    width: int | None = None
    height: int | None = None
    pages: int | None = None
    taken: str | None = None
    lon: float | None = None
    lat: float | None = None
    removed: list[Removed] = Field(default_factory=list)
    note: str | None = None


class AttachmentStruck(AttachmentEvent):
    """It was attached by mistake."""

    type: Literal["attachment_struck"] = "attachment_struck"
    file_name: str
    reason: str


class AttachmentShown(Shown):
    """An attachment as an incident shows it; its bytes are at `attachments/{attachment_id}`."""

    attachment_id: str
    file_name: str
    media_type: MediaType
    size: int
    sha256: str
    has_preview: bool
    width: int | None
    height: int | None
    pages: int | None
    taken: str | None
    lon: float | None
    lat: float | None
    removed: list[Removed]
    note: str | None
    by: str
    recorded_at: Instant
    struck: bool


COMMANDS: tuple[type[AttachmentCommand], ...] = (AddAttachment, StrikeAttachment)
EVENTS: tuple[type[AttachmentEvent], ...] = (AttachmentAdded, AttachmentStruck)
AnyAttachmentEvent = AttachmentAdded | AttachmentStruck
