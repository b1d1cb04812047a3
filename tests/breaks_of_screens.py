"""The breaks of what is looked at: name, file, a line of it, what is put in its place, and who notices."""

SCREENS = (
    (
        "what is printed at night is black on black",
        "web/static/app.css",
        '@media screen {\n:root[data-theme="night"]',
        '@media all {\n:root[data-theme="night"]',
        "tests/test_looks.py -k printed_at_night",
    ),
    (
        "the incident lies over the intake where the screen is low",
        "web/static/desk.css",
        ".side, .view { overflow-y: auto; }",
        ".side { overflow-y: auto; }",
        "tests/test_looks.py -k lies_over_the_intake",
    ),
    (
        "an instruction's buttons run over the edge",
        "web/static/desk.css",
        ".instructions .owed-line { flex-wrap: wrap; }\n",
        "",
        "tests/test_looks.py -k outside_the_window",
    ),
    (
        "a clock on the wall runs out of its box",
        "web/static/wall.css",
        "align-items: flex-start; font-size: 1.5rem; overflow: hidden; }",
        "align-items: flex-start; font-size: 2rem; }",
        "tests/test_looks.py -k walls_clocks",
    ),
    (
        "an order on a tablet is black on black at night",
        "web/static/field/field.css",
        ".field-order-acts button:not(.primary) { color: var(--ink); }",
        "",
        "tests/test_looks.py -k order_that_waits",
    ),
)
