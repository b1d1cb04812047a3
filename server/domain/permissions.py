"""Who may do what. Rights hang on the post; which incidents a person sees hangs on the unit (contract 2).

Closed by default: a command that is not listed for a post is refused with 403.
"""

from __future__ import annotations

from schemas.commands import COMMANDS
from schemas.terms import Post

#: Whoever signs is not who writes: the duty officer has 先报后签, a leader's word with name and time. And the
#: roster is changed on a leader's word: a swap asked for by one officer is not theirs to grant.
#: And sealed figures go above under a leader's name.
_LEADERS = frozenset(
    {"sign-report", "return-report", "approve-swap", "change-shift", "cancel-shifts", "seal-month"}
)
_DESK = frozenset(COMMANDS)
_MAY: dict[Post, frozenset[str]] = {
    Post.DUTY_OFFICER: _DESK - _LEADERS,
    Post.DUTY_LEADER: _DESK,
    Post.FIELD_COMMANDER: frozenset(
        {
            "open-incident",
            "add-entry",
            "strike-entry",
            "add-attachment",
            "strike-attachment",
            "establish-facts",
            "judge-level",
            "issue-order",
            "acknowledge-order",
            "report-on-order",
            "sign-for-instruction",
            "report-on-instruction",
            "report-position",
            "set-field-status",
            "request-help",
            "count-heads",
            "draw-on-map",
            "erase-from-map",
            "give-opinion",
            "set-up-scene-post",
            "move-scene-post",
            "close-scene-post",
            "propose-transfer",
            "sign-transfer",
            "decline-transfer",
            "set-scene-group",
            "set-scene-objective",
            "end-scene-objective",
            "set-scene-period",
        }
    ),
    Post.LIAISON: frozenset(
        {
            "add-entry",
            "strike-entry",
            "acknowledge-order",
            "report-on-order",
            "sign-for-instruction",
            "report-on-instruction",
            "add-attachment",
            "strike-attachment",
            "answer-roll",
            "answer-help",
            "draw-on-map",
            "erase-from-map",
            "give-opinion",
            "take-joint-seat",
            "leave-joint-seat",
            "hand-in-joint-data",
            "ask-joint-request",
            "take-joint-request",
            "answer-joint-request",
            "chase-joint-request",
        }
    ),
    Post.LEADERSHIP: frozenset(),
    Post.AUDITOR: frozenset(),
    Post.ADMIN: frozenset(),
}
#: Posts that may read a unit's restricted stream: an informer's name, an evacuee's illness.
READS_RESTRICTED = frozenset({Post.DUTY_OFFICER, Post.DUTY_LEADER, Post.AUDITOR})


def may(post: Post, command: str) -> bool:
    """Whether a post may send this command at all."""
    return command in _MAY[post]
