"""What a gateway says later of a message that it was handed: delivered, read, or neither."""

from __future__ import annotations

from typing import Literal

from schemas.bases import Shown
from schemas.fields import Frozen, Id, Said200

#: How far a message is known to have come. Only a gateway that says so moves one beyond `sent`.
MessageState = Literal["queued", "sent", "delivered", "read", "failed", "withdrawn"]


class MessageReceipt(Frozen):
    """A gateway's word on a message: `message_id` is the `{id}` that it was given with it."""

    message_id: Id
    state: Literal["delivered", "read", "failed"]
    fault: Said200 | None = None


class MessageStands(Shown):
    """How far the message is known to have come now. What was read is not delivered again."""

    message_id: str
    state: MessageState
