"""The breaks of the desk's day: name, file, a line of it, what is put in its place, and who notices."""

DESK = (
    (
        "desk's day: the silent ones of a roll-call call nobody",
        "server/record/alarms.py",
        "            is_heard = event.caller in self._units\n",
        "            is_heard = False\n",
        "tests/test_roll_alarms.py -k closing_it",
    ),
    (
        "desk's day: a roll-call that is closed still calls",
        "server/domain/alarming.py",
        "        return said.what == event.roll_id and not _silent(said.what, duty_of(said.unit), duty_of)\n",
        "        return False\n",
        "tests/test_roll_alarms.py -k closing_it",
    ),
    (
        "desk's day: of a drill's roll-call the alarm is not marked",
        "server/domain/alarming.py",
        "        drill=cause.drill if incident is None else bool(incident.drill),\n",
        "        drill=incident is not None and bool(incident.drill),\n",
        "tests/test_roll_alarms.py -k drill_is_marked",
    ),
    (
        "desk's day: silent desks are not heard",
        "server/screens/duty_bar.py",
        "                    aloud=True,\n",
        "",
        "tests/test_roll_alarms.py -k told_aloud",
    ),
    (
        "desk's day: a finer kind is a slug",
        "server/screens/wording.py",
        "        known = FINER_KINDS.get(slug)\n",
        "        known = None\n",
        "tests/test_kinds.py -k strangers",
    ),
    (
        "desk's day: half a width in a Chinese sentence",
        "server/sentences.py",
        "已批准或签发，不能再改",
        "已批准或签发, 不能再改",
        "tests/test_texts.py -k chinese_punctuation",
    ),
    (
        "desk's day: an incident that changed keeps its old stage times",
        "server/record/breakdown.py",
        "if (row.incident_id, row.version) not in self._kept]",
        "if not any(one == row.incident_id for one, _ in self._kept)]",
        "tests/test_warming.py -k first_look",
    ),
    (
        "desk's day: templates are compiled anew in each process",
        "server/screens/rendering.py",
        "            bytecode_cache=compiled(folder),\n",
        "",
        "tests/test_warming.py -k compiled_once",
    ),
)
