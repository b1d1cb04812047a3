"""The product with its writing left out, for a control: every command is parsed, authorised and decided.

    python -m measure.unwritten serve --data DIR …

Nothing that a round has decided goes onto the disk or to a listener; the state in memory goes on as if it
had, so that the next command is decided as it would be. A switch of the measurement's own: the product has
none.
"""

from __future__ import annotations

import sys

from schemas.events import IncidentOpened
from server.cli import main
from server.record.round import Round

_write_and_forget = Round.flush


def _decide_only(self: Round) -> None:
    """Incidents are opened in earnest, or there would be nothing to decide about."""
    if any(entry.event_type in _KEPT for entry in self._entries) or not self._entries:
        _write_and_forget(self)
        return
    self.published.clear()


_KEPT = frozenset({IncidentOpened.model_fields["type"].default, "rules_accepted", "clock_stepped"})

if __name__ == "__main__":
    Round.flush = _decide_only  # type: ignore[method-assign]
    sys.exit(main(sys.argv[1:]))
