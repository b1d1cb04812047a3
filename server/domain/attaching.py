"""Decide what commands on attachments amount to. Pure: which files were received, the context knows."""

from __future__ import annotations

from schemas import attachments as att
from schemas.events import Event
from server.domain.attachments import MOST_BYTES_PER_INCIDENT, MOST_PER_INCIDENT, plain_name
from server.domain.context import Context, Refused
from server.domain.incident import Incident


def decide(incident: Incident, command: att.AttachmentCommand, context: Context) -> list[Event]:
    """A file that was received is attached once; a wrong one is struck out and stays."""
    kept = incident.attachments.get(command.attachment_id)
    match command:
        case att.AddAttachment():
            if kept is not None:
                raise Refused("attachment-exists", "/attachment_id", kind="conflict")
            upload = context.upload(command.attachment_id)
            if upload is None or upload.incident_id != incident.id:
                raise Refused("no-such-upload", "/attachment_id", kind="missing")
            size = sum(one.event.size for one in incident.attachments.values())
            if len(incident.attachments) >= MOST_PER_INCIDENT or size + upload.size > MOST_BYTES_PER_INCIDENT:
                raise Refused("too-many-attachments", "/attachment_id", kind="conflict")
            return [
                att.AttachmentAdded.model_validate(
                    {
                        **upload.about,
                        "attachment_id": command.attachment_id,
                        "file_name": plain_name(command.file_name, upload.media_type),
                        "media_type": upload.media_type,
                        "size": upload.size,
                        "sha256": upload.sha256,
                        "preview_sha256": upload.preview_sha256,
                        "preview_size": upload.preview_size,
                        "note": command.note,
                    }
                )
            ]
        case att.StrikeAttachment():
            if kept is None:
                raise Refused("no-such-attachment", "/attachment_id", kind="missing")
            if kept.struck:
                return []
            name = kept.event.file_name
            return [
                att.AttachmentStruck(
                    attachment_id=command.attachment_id, file_name=name, reason=command.reason
                )
            ]
        case _:
            raise AssertionError(f"no decision for {command.name}")
