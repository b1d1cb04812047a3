"""Breaks made on purpose in the field tablet and what it talks to; see `tests/breaks.py`."""

from __future__ import annotations

#: Name, file, the line, what is put in its place, who notices.
FIELD: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "a lost tablet keeps everything",
        "web/static/field/device.js",
        "  await forgetEverything();\n",
        "",
        "tests/test_field_offline.py -k was_lost",
    ),
    (
        "what lies on a tablet can be read by whoever copies its disk",
        "web/static/field/db.js",
        "  record.sealed = await whose.seal(rest);\n",
        "  record.sealed = await whose.seal(rest);\n  record.open = JSON.stringify(rest);\n",
        "tests/test_field_locked.py -k keeps_nothing_readable",
    ),
    (
        "signing out on a tablet wipes what could not be sent",
        "server/pages/accounts.py",
        "if on_tablet else",
        "if False else",
        "tests/test_tablets.py -k signing_out",
    ),
    (
        "a tablet's outbox goes out under whoever is signed in",
        "server/api/rest.py",
        "if named is None or named == principal.person_id:",
        "if True:",
        "tests/test_field.py::test_an_outbox_is_never_sent_under_another_persons_session",
    ),
    (
        "a piece that came twice is written twice",
        "server/api/uploads.py",
        'if request.headers.get("upload-offset") != str(coming.there):',
        "if False:",
        "tests/test_pieces.py -k where_it_stood",
    ),
    (
        "two pieces for one place are both written",
        "server/record/coming.py",
        "stands = and_(_is(UPLOAD, coming), UPLOAD.c.there == coming.there)",
        "stands = _is(UPLOAD, coming)",
        "tests/test_pieces.py -k one_place",
    ),
    (
        "a garbled file is taken as it came",
        "server/api/uploads.py",
        "if digest != coming.sha256:",
        "if False:",
        "tests/test_pieces.py -k garbled",
    ),
    (
        "a tablet calls 待发送 what is only in its memory",
        "web/static/field/outbox.js",
        "      outbox.add({ ...record, seq: item.seq, order: item.order });\n",
        "",
        "tests/test_field_offline.py -k battery",
    ),
    (
        "photos go before the text",
        "web/static/field/outbox.js",
        'one.lane === "text" || one.is_there',
        "true",
        "tests/test_field_offline.py -k photo",
    ),
    (
        "a refused incident holds up nothing of its own",
        "web/static/field/outbox.js",
        "!stuck.has(one.incident_id) && ",
        "",
        "tests/test_field_offline.py -k holds_up",
    ),
    (
        "a tablet sends what is new before what a restored desk has lost",
        "web/static/field/outbox.js",
        '...this.epoch && { "Fenghuo-Epoch": this.epoch }',
        "",
        "tests/test_field_restored.py -k comes_again",
    ),
    (
        "what stood behind a command that was not written is written",
        "server/record/works.py",
        "            self.batch.broken = failure\n",
        "            pass\n",
        "tests/test_field.py -k stands_behind_it",
    ),
    (
        "a restored desk takes what builds on what it has lost",
        "server/api/rest.py",
        "if named is None or named == epoch:",
        "if True:",
        "tests/test_field_restored.py -k another_epoch",
    ),
)
