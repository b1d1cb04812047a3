"""Command on the spot (现场指挥): the post, who commands it, groups, objectives, the clock of its reports.

Command changes hands when both have signed, the outgoing and the incoming one: each by their own account,
or the desk for one who said so by phone or radio, which stays marked. Silence is no signature.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.bases import Command, Event
from schemas.field_work import Lat, Lon
from schemas.fields import Frozen, Id, Instant, Said60, Said200, Said500, Said2000, Text500, UnitCode, whole

MOST_POSTS = 20
MOST_TRANSFERS = 200
MOST_GROUPS = 60
MOST_OBJECTIVES = 200
MOST_PERIODS = 500

Side = Literal["outgoing", "incoming"]
#: By what a commander who is not at a screen says that they sign.
BY_WORD = ("phone", "radio", "satellite")
Priority = Annotated[int, Field(ge=1, le=3, strict=True), whole]
#: Minutes from one report of the situation to the next: five minutes to a day.
EveryMinutes = Annotated[int, Field(ge=5, le=1_440, strict=True), whole]


class Commander(Frozen):
    """Who commands (现场指挥). `account`: the name by which they sign in, and sign."""

    name: Said60
    role: Said60 | None = None
    phone: Said60 | None = None
    unit: UnitCode | None = None
    account: Said60 | None = None


class ScenePlace(Frozen):
    """Where a post stands."""

    text: Said200
    lon: Lon | None = None
    lat: Lat | None = None


# ---------------------------------------------------------------- commands


class SceneCommand(Command):
    """A command on who commands an incident on the spot, and by what."""


class PostCommand(SceneCommand):
    """A command on a post that is there."""

    post_id: Id


class TransferCommand(PostCommand):
    """A command on a transfer of command of a post."""

    transfer_id: Id
    at: Instant


class SetUpScenePost(PostCommand):
    """A post on the spot is set up (设立现场指挥部)."""

    name = "set-up-scene-post"

    title: Said200
    place: ScenePlace
    commander: Commander
    since: Instant


class MoveScenePost(PostCommand):
    """A post moves (现场指挥部转移)."""

    name = "move-scene-post"

    place: ScenePlace
    at: Instant


class ProposeTransfer(TransferCommand):
    """Command is to be handed over (提出指挥权移交). Nothing changes until both have signed."""

    name = "propose-transfer"

    to: Commander
    reason: Text500 | None = None


class SignTransfer(TransferCommand):
    """One of the two signs (签字). With the other's signature the incoming one commands."""

    name = "sign-transfer"

    side: Side


class DeclineTransfer(TransferCommand):
    """One of the two declines (不同意移交), and says why. Who commands goes on commanding."""

    name = "decline-transfer"

    side: Side
    reason: Said500


class CloseScenePost(PostCommand):
    """A post is closed (撤销现场指挥部)."""

    name = "close-scene-post"

    at: Instant
    reason: Text500 | None = None


class SetSceneGroup(SceneCommand):
    """A group as it now is (工作组). Without a leader it is stood down."""

    name = "set-scene-group"

    group: Said60
    at: Instant
    leader: Said60 | None = None
    unit: Said200 | None = None
    phone: Said60 | None = None
    forces: Text500 | None = None


class SetSceneObjective(SceneCommand):
    """An objective (行动目标); said again it is changed. `due` lies ahead."""

    name = "set-scene-objective"

    objective_id: Id
    at: Instant
    text: Said2000
    priority: Priority
    who: Said200 | None = None
    due: Instant | None = None


class EndSceneObjective(SceneCommand):
    """An objective is met, or dropped (达成、取消), and why."""

    name = "end-scene-objective"

    objective_id: Id
    outcome: Literal["met", "dropped"]
    at: Instant
    why: Said500


class SetScenePeriod(SceneCommand):
    """An operational period (行动时段) and what it is about. It may lie ahead."""

    name = "set-scene-period"

    period_id: Id
    begins: Instant
    until: Instant
    emphasis: Text500 | None = None


class SetSitrepTimer(SceneCommand):
    """A report of the situation is due every so many minutes (情况报告); null: no more."""

    name = "set-sitrep-timer"

    since: Instant
    every_min: EveryMinutes | None = None


COMMANDS: tuple[type[SceneCommand], ...] = (
    SetUpScenePost,
    MoveScenePost,
    ProposeTransfer,
    SignTransfer,
    DeclineTransfer,
    CloseScenePost,
    SetSceneGroup,
    SetSceneObjective,
    EndSceneObjective,
    SetScenePeriod,
    SetSitrepTimer,
)


# ---------------------------------------------------------------- events


class SceneEvent(Event):
    """Something about command on the spot."""


class ScenePostSetUp(SceneEvent):
    """A post was set up (设立现场指挥部)."""

    type: Literal["scene_post_set_up"] = "scene_post_set_up"
    post_id: str
    title: str
    place: ScenePlace
    commander: Commander
    since: Instant


class ScenePostMoved(SceneEvent):
    """A post moved (现场指挥部转移)."""

    type: Literal["scene_post_moved"] = "scene_post_moved"
    post_id: str
    place: ScenePlace
    at: Instant


class TransferProposed(SceneEvent):
    """Command is to be handed over (提出指挥权移交): from whom, to whom."""

    type: Literal["transfer_proposed"] = "transfer_proposed"
    post_id: str
    transfer_id: str
    outgoing: str
    to: Commander
    at: Instant
    reason: str | None = None


class TransferSigned(SceneEvent):
    """One of the two signed. `channel`: by what they said so, where the desk wrote it; null: own account."""

    type: Literal["transfer_signed"] = "transfer_signed"
    post_id: str
    transfer_id: str
    side: Side
    name: str
    at: Instant
    channel: str | None = None


class TransferDeclined(SceneEvent):
    """One of the two declined (不同意移交)."""

    type: Literal["transfer_declined"] = "transfer_declined"
    post_id: str
    transfer_id: str
    side: Side
    name: str
    at: Instant
    reason: str
    channel: str | None = None


class CommandTakenOver(SceneEvent):
    """Both signed: the incoming one commands from `at` on (接替指挥)."""

    type: Literal["command_taken_over"] = "command_taken_over"
    post_id: str
    transfer_id: str
    name: str
    at: Instant


class ScenePostClosed(SceneEvent):
    """A post was closed (撤销现场指挥部)."""

    type: Literal["scene_post_closed"] = "scene_post_closed"
    post_id: str
    at: Instant
    reason: str | None = None


class SceneGroupSet(SceneEvent):
    """A group as it is from now on (工作组); without a leader it was stood down."""

    type: Literal["scene_group_set"] = "scene_group_set"
    group: str
    at: Instant
    leader: str | None = None
    unit: str | None = None
    phone: str | None = None
    forces: str | None = None


class SceneObjectiveSet(SceneEvent):
    """An objective was set, or changed (行动目标)."""

    type: Literal["scene_objective_set"] = "scene_objective_set"
    objective_id: str
    at: Instant
    text: str
    priority: int
    who: str | None = None
    due: Instant | None = None


class SceneObjectiveEnded(SceneEvent):
    """An objective was met or dropped (达成、取消)."""

    type: Literal["scene_objective_ended"] = "scene_objective_ended"
    objective_id: str
    outcome: Literal["met", "dropped"]
    at: Instant
    why: str


class ScenePeriodSet(SceneEvent):
    """An operational period (行动时段)."""

    type: Literal["scene_period_set"] = "scene_period_set"
    period_id: str
    since: Instant
    until: Instant
    emphasis: str | None = None


class SitrepTimerSet(SceneEvent):
    """Every how many minutes the situation is reported (情况报告); null: no more."""

    type: Literal["sitrep_timer_set"] = "sitrep_timer_set"
    since: Instant
    every_min: int | None = None


class SitrepOverdue(SceneEvent):
    """No report of the situation came in time (情况报告超时)."""

    type: Literal["sitrep_overdue"] = "sitrep_overdue"
    due_at: Instant
    late_by_s: int


EVENTS: tuple[type[SceneEvent], ...] = (
    ScenePostSetUp,
    ScenePostMoved,
    TransferProposed,
    TransferSigned,
    TransferDeclined,
    CommandTakenOver,
    ScenePostClosed,
    SceneGroupSet,
    SceneObjectiveSet,
    SceneObjectiveEnded,
    ScenePeriodSet,
    SitrepTimerSet,
    SitrepOverdue,
)
AnySceneEvent = (
    ScenePostSetUp
    | ScenePostMoved
    | TransferProposed
    | TransferSigned
    | TransferDeclined
    | CommandTakenOver
    | ScenePostClosed
    | SceneGroupSet
    | SceneObjectiveSet
    | SceneObjectiveEnded
    | ScenePeriodSet
    | SitrepTimerSet
    | SitrepOverdue
)
