"""The breaks of the command forms: name, file, a line of it, what is put there instead, and who notices."""

OF_FORMS = (
    (
        "a form of the night knows what came in the morning",
        "server/record/folded.py",
        "[one for one in entries if one.recorded_at <= moment]",
        "entries",
        "tests/test_ics_forms.py -k three_in_the_morning",
    ),
    (
        "the log of a form knows what came later",
        "server/pages/forms.py",
        'if datetime.fromisoformat(one["recorded_at"]) <= as_of]',
        "if True]",
        "tests/test_ics_forms.py -k three_in_the_morning",
    ),
    (
        "a form says 0 of what nobody reported",
        "server/documents/ics_blocks.py",
        'return words.say("ics.not_reported")',
        'return "0"',
        "tests/test_ics_forms.py -k three_in_the_morning",
    ),
    (
        "a form of a drill does not say so",
        "server/documents/ics.py",
        'notice=say("drill") if now.drill else "",',
        'notice="",',
        "tests/test_ics_forms.py -k every_page",
    ),
    (
        "an activity log has what others did",
        "server/documents/ics.py",
        "(not named or named in one.names or (",
        "(True or (",
        "tests/test_ics_forms.py -k one_person",
    ),
)
