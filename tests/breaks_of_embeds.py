"""The breaks of frames for other programs: name, file, line, what is put there instead, who notices."""

OF_EMBEDS = (
    (
        "a frame's token reads everything",
        "server/gate/auth.py",
        'if principal.kind == "embed" and not (is_safe and _is_for_embeds(path, principal)):',
        "if False:",
        "tests/test_embeds.py -k own_panels",
    ),
    (
        "every frame's token reads the map",
        "server/gate/auth.py",
        'return "map" in principal.panels and (',
        "return True and (",
        "tests/test_embeds.py -k own_panels",
    ),
    (
        "a frame's token reads panels that it does not name",
        "server/pages/embeds.py",
        'if principal.kind != "embed" or wanted not in principal.panels:',
        'if principal.kind != "embed":',
        "tests/test_embeds.py -k own_panels",
    ),
    (
        "every site may frame what was given to one",
        "server/pages/embeds.py",
        'within = " ".join(origins or ()) or _NOBODYS',
        'within = "*"',
        "tests/test_embeds.py -k who_may_frame",
    ),
    (
        "a frame that was taken back is answered once more",
        "server/pages/embeds.py",
        "if ended:\n            return problem",
        "if False:\n            return problem",
        "tests/test_embeds.py -k waits_for_news",
    ),
    (
        "an embed of one panel holds the whole wall",
        "web/templates/_panels.html",
        "{% if only is none or only == panel %}1{% endif %}",
        "1",
        "tests/test_embeds.py -k own_panels",
    ),
    (
        "a frame looks live though nothing answers",
        "web/static/embed.js",
        "time - provenAt > DOUBT_MS ||",
        "",
        "tests/test_embeds.py -k veiled",
    ),
    (
        "an administrator takes back what another desk gave out",
        "server/pages/given.py",
        "if self.front.units.covers(admin.unit, one.unit)]\n        if not any",
        "]\n        if not any",
        "tests/test_embeds.py -k administrator",
    ),
)
