"""Breaks made on purpose in the joint duty and the consultation."""

from __future__ import annotations

JOINT, TALKS = "tests/test_joint.py", "tests/test_consultations.py"

OF_THE_JOINT_DUTY: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "joint: a third department hears of a request",
        "server/domain/joint_moments.py",
        "return list(dict.fromkeys([*above, one.asked_by, one.to]))",
        "return list(dict.fromkeys([*above, one.asked_by, one.to, '130321']))",
        f"{JOINT} -k between_two_seats",
    ),
    (
        "joint: a request is read by every seat",
        "server/record/joint_reading.py",
        "of_requests = of_requests.where(mine)",
        "pass",
        f"{JOINT} -k between_two_seats",
    ),
    (
        "joint: a seat speaks for another",
        "server/domain/joint_decide.py",
        "if mine != unit and not (mine == command.unit and command.on_behalf_of is not None):",
        "if False:",
        f"{JOINT} -k signed_in_to",
    ),
    (
        "joint: who has no seat is told that there is a period",
        "server/domain/joint_decide.py",
        "if period is None or (mine not in period.seats and mine not in _above(duty.unit, context)):",
        "if period is None:",
        f"{JOINT} -k nobody_else",
    ),
    (
        "joint: unknown presence is absence",
        "server/record/joint_reading.py",
        'seat["present"] = None if manned is None else seat["seat"] in manned',
        'seat["present"] = seat["seat"] in (manned or ())',
        f"{JOINT} -k unknown_is_neither",
    ),
    (
        "joint: an empty seat is said at every look",
        "server/domain/joint.py",
        "seat.noted_at = at",
        "pass",
        f"{JOINT} -k required_seat",
    ),
    (
        "joint: somebody came, and people are called all the same",
        "server/domain/alarming.py",
        "is_taken = isinstance(event, jd.JointSeatTaken) and event.seat == said.about",
        "is_taken = False",
        f"{JOINT} -k required_seat",
    ),
    (
        "joint: a drill calls as if it were real",
        "server/domain/joint_moments.py",
        "drill=period.drill,",
        "drill=False,",
        f"{JOINT} -k drill_calls",
    ),
    (
        "joint: a night without the program is many entries",
        "server/domain/joint_moments.py",
        "missed=max(passed, data.missed + 1),",
        "missed=data.missed + 1,",
        f"{JOINT} -k set_times",
    ),
    (
        "joint: who leaves need not say what remains",
        "server/domain/joint_decide.py",
        "if rest and to is None and not is_said(command.text):",
        "if False:",
        f"{JOINT} -k who_leaves",
    ),
    (
        "consultation: a department is spoken for",
        "server/domain/consultation_decide.py",
        "if part_of != mine and not (mine == told.convener and command.on_behalf_of is not None):",
        "if False:",
        f"{TALKS} -k speaks_for_another",
    ),
    (
        "consultation: may become major is only words",
        "server/domain/consultation_decide.py",
        "if not command.may_become_major or (level is not None and level.is_major):",
        "if True:",
        f"{TALKS} -k become_major",
    ),
    (
        "consultation: the measures are no orders",
        "server/domain/consultation_decide.py",
        "*_orders(incident, command, context, issue)]",
        "]",
        f"{TALKS} -k measures_are_orders",
    ),
    (
        "consultation: any address is a link",
        "schemas/consultations.py",
        'pattern=r"^https?://',
        'pattern=r"^.*',
        f"{TALKS} -k addresses_of_the_web",
    ),
)
