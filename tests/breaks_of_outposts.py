"""Breaks made on purpose in what comes by others: outposts, bundles, tablets that were lost."""

from __future__ import annotations

OUTPOSTS, TABLETS = "tests/test_outposts.py", "tests/test_tablets.py"
JOINED = "tests/test_outposts_joined.py"

OF_OUTPOSTS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "an outpost speaks for anybody",
        "server/people/outposts.py",
        ".where(OUTPOST_PERSON.c.credential_id == outpost.session_id, PERSON.c.disabled_at.is_(None))",
        ".where(PERSON.c.disabled_at.is_(None))",
        f"{OUTPOSTS} -k speaks_for_those",
    ),
    (
        "an outpost's word opens every door",
        "server/gate/auth.py",
        'if principal.kind == "outpost" and not _is_for_outposts(scope):',
        "if False:",
        f"{OUTPOSTS} -k speaks_for_those",
    ),
    (
        "passwords go along",
        "server/safekeeping/take_along.py",
        'row |= {"password_hash": None, "password_changed_at": None}',
        "pass",
        f"{OUTPOSTS} -k little_is_taken",
    ),
    (
        "who gave a tip goes along",
        "server/safekeeping/take_along.py",
        ", ENTRY.c.restricted.is_(False)\n",
        "\n",
        f"{OUTPOSTS} -k little_is_taken",
    ),
    (
        "limits of an order count from its arrival",
        "server/domain/context.py",
        'if via is None or via.way == "bundle":',
        "if True:",
        f"{OUTPOSTS} -k six_hours",
    ),
    (
        "an outpost numbers its reports as the city does",
        "server/record/round.py",
        'return series, number, f"{self.number_mark}{number}"',
        "return series, number, str(number)",
        f"{JOINED} -k one_number",
    ),
    (
        "what a restored city has lost is thought to be there",
        "server/record/upward.py",
        "(UPWARD.c.epoch.is_(None) | (UPWARD.c.epoch != epoch))",
        "(UPWARD.c.epoch != UPWARD.c.epoch)",
        f"{JOINED} -k restored",
    ),
    (
        "an order from above goes up again",
        "server/record/store.py",
        "if self.is_outpost and not author.is_above else None",
        "if self.is_outpost else None",
        f"{JOINED} -k from_above",
    ),
    (
        "limits of an order from above count from its arrival",
        "server/domain/context.py",
        'if via is None or via.way == "bundle":',
        'if via is None or via.way != "outpost":',
        f"{JOINED} -k from_above",
    ),
    (
        "an order stays missed that was taken in time",
        "server/domain/orders.py",
        "            self.overdue.discard(what)\n",
        "            pass\n",
        f"{JOINED} -k not_missed",
    ),
    (
        "a bundle's signature is not looked at",
        "server/api/tablets.py",
        "if signature is None or not is_signed(",
        "if signature is None and not is_signed(",
        f"{TABLETS} -k changed_on_the_way",
    ),
    (
        "a bundle may be of a revoked tablet",
        "server/api/tablets.py",
        "    if device.revoked_at is not None:\n",
        "    if device.revoked_at is None and False:\n",
        f"{TABLETS} -k nothing_is_taken",
    ),
    (
        "a revoked tablet is only asked to sign in",
        "server/gate/auth.py",
        "        if not is_lost:\n",
        "        if True:\n",
        f"{TABLETS} -k out_at_once",
    ),
)
