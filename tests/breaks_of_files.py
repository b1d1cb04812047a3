"""Breaks on purpose in what leaves and enters as a file; the list they belong to is `tests/breaks.py`."""

from __future__ import annotations

FILES = (
    (
        "a CSV begins a cell with an equals sign",
        "server/documents/tables.py",
        'return "\'" + text',
        "return text",
        "tests/test_exports.py -k begins_like_a_formula",
    ),
    (
        "an attachment is kept as it came",
        "server/api/attachments.py",
        "                made = await self._workshop.remade(came, file, preview)\n",
        "                made = await self._workshop.remade(came, file, preview)\n"
        "                shutil.copyfile(came, file)\n",
        "tests/test_attachments.py -k made_anew",
    ),
    (
        "an attachment is served to whoever knows its id",
        "server/record/attachments.py",
        "        if connection.execute(sight).first() is None:\n",
        "        if False:\n",
        "tests/test_attachments.py -k who_may_not_see",
    ),
    (
        "uploads are let go although they were attached",
        "server/record/unattached.py",
        "    return [row for row in rows if row.attachment_id not in attached]",
        "    return list(rows)",
        "tests/test_attachments_kept.py -k after_a_day",
    ),
    (
        "bytes are let go that another attachment has",
        "server/record/unattached.py",
        "    free = digests - _digests(connection, both)\n",
        "    free = digests\n",
        "tests/test_attachments_kept.py -k after_a_day",
    ),
)  # fmt: skip
