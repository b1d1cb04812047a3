"""Breaks made on purpose in command on the spot."""

from __future__ import annotations

SCENE = "tests/test_scene.py"
DECIDE, FOLD = "server/domain/scene_decide.py", "server/domain/scene.py"

OF_THE_SCENE: tuple[tuple[str, str, str, str, str], ...] = (
    ("scene: one signature is enough", DECIDE, "if not others:", "if False:", f"{SCENE} -k not_before"),
    (
        "scene: anybody signs for anybody",
        DECIDE,
        "if who.account is None or who.account != context.author.name:",
        "if False:",
        f"{SCENE} -k not_before",
    ),
    (
        "scene: who is on the spot signs for another",
        DECIDE,
        "if context.author.post not in _DESK:\n        raise",
        "if False:\n        raise",
        f"{SCENE} -k aloud",
    ),
    ("scene: any name signs", DECIDE, "if behalf.name != who.name:", "if False:", f"{SCENE} -k aloud"),
    (
        "scene: two transfers at once",
        DECIDE,
        "if (waiting := post.open_transfer()) is not None:",
        "if (waiting := None) is not None:",
        f"{SCENE} -k one_wins",
    ),
    (
        "scene: who commanded goes on commanding",
        FOLD,
        "post.term.until = event.at\n            post.terms",
        "post.terms",
        f"{SCENE} -k not_before",
    ),
    (
        "scene: the clock says it with every look",
        FOLD,
        "scene.overdue.add(event.due_at)",
        "pass",
        f"{SCENE} -k every_so_many",
    ),
    (
        "scene: a struck entry was a report all the same",
        "server/domain/incident.py",
        "incident.scene.given.pop(event.entry_id, None)",
        "pass",
        f"{SCENE} -k struck",
    ),
    (
        "scene: a report that went up is no report of the situation",
        "server/domain/incident.py",
        "if event.stage == Stage.FOLLOW_UP:",
        "if False:",
        f"{SCENE} -k every_so_many",
    ),
    (
        "scene: the alarm stands when the report came",
        "server/domain/alarming.py",
        'return None if incident.scene.sitrep_due() == said.due_at else "done"',
        "return None",
        f"{SCENE} -k every_so_many",
    ),
    (
        "scene: a post that was closed stands on the wall",
        FOLD,
        "if post.closed_at is None]",
        "]",
        f"{SCENE} -k wall",
    ),
)
