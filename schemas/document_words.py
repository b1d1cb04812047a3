"""What the documents say in sentences: how to talk to the server, what its refusals and close codes mean."""

from __future__ import annotations

CLOSE_CODES = {
    1007: "a message that is no JSON, no UTF-8, or no text frame",
    1009: "a message over 64 KiB",
    4001: "session ended; do not come back",
    4003: "right or post changed; do not come back",
    4008: "too slow; nothing is lost, come back with `after`",
    4009: "limit passed (no hello in time, too many messages or sockets); come back later",
    4010: "epoch changed; read the state again",
    4012: "draining; come back",
}

PROBLEM_WORDS = {
    "400": "Not JSON; in the feeds of OGC, a parameter that is wrong",
    "401": "Not signed in",
    "403": "Seen, but not yours to do",
    "404": "There is no such thing that you may see",
    "409": "It is there already, or closed",
    "413": "Too large",
    "422": "A field is not right, or the command_id was used with another body",
    "424": "Only in a batch: the command that creates the incident was refused",
    "429": "Too often; see Retry-After",
    "503": "Cannot be written now; send the same command again",
    "507": "The disk is full; send the same command again",
}

WORDS = """\
Every change is a command with an id made by the client: the same id and body do nothing twice and get the
first answer again, for ever. 2xx means on disk. No answer, 503 and 507 mean unknown: send it again as it
was. Two bodies are the same when their fields say the same; a field that is null is not one that is left
out.

Instants are RFC 3339 with an offset; the server writes UTC with milliseconds. What was long ago is taken
and shown as entered late (`late_s`); more than two minutes in the future is refused (`time-in-the-future`),
but for `device_at` and `device_sent_at`, whose distance from the server's clock is kept (`skew_ms`). Years
are 1900 to 9998.

Unknown is null. A fact that is left out was not said, a fact that is null was said to be unknown. Texts are
kept to the letter; only NUL is refused. A place without a division belongs to the unit of whoever logs it.
Whoever gives a tip through one of the source channels `tip`, `public_tip`, `informer`, `whistleblower`,
`internal_tip` and `12350` is named in the restricted stream only.

A written report that `lacks` any of `place`, `category`, `source`, `time`, `casualties` (one figure at
least, be it null) and `approval` is recorded, and ends no clock. A receipt is recorded once.

Refusals are RFC 9457; program against `type`, the sentence may change and is in the person's language, for
a token in that of Accept-Language. 400 `not-json`: also JSON with a name twice in one object, with NaN, or
more than 32 deep. 403 `not-your-post`. 404 for what the caller's unit may not see, whether it is there or
not (`no-such-incident`, `no-such-entry`, `no-such-report`, `no-such-order`, `no-such-command`,
`not-found`). 409: it is there already (`incident-exists`, `entry-exists`, `report-exists`,
`receipt-exists`, `order-exists`) or in another state (`incident-closed`, `incident-open`,
`incident-merged`). 422 `bad-body` with a pointer to each field, `command-id-reused`, `bad-query`,
`time-in-the-future`, `time-out-of-range`, `no-such-unit`, `division-unknown`, `explanation-needed`,
`received-before-sent`, `merge-into-itself`, `drill-and-real`, `no-such-cause`. Of a leader's instruction
also 403 `not-your-instruction`, 404 `no-such-instruction`, `no-such-addressee`, 409 `instruction-exists`,
`instruction-signed`, `instruction-done`, `instructions-open`, 422 `addressee-twice`, `before-instruction`,
`finish-needs-words`. Of people on the spot 404 `no-such-help`, 409 `help-exists`, `count-exists`, `help-open`
(an incident is not closed as handled over a request for help that nobody answered).

A tablet says in the header `Fenghuo-Person` whose outbox it sends: under another person's session it is
409 `other-person`, and nothing is done. In `Fenghuo-Epoch` it says the epoch that it knows: where the server
has another (it was restored) that is 409 `other-epoch` with the server's in the same header, and nothing is
done.

Limits: a body of 1 MiB, 1000 commands in a batch, 2000 requests a second for one credential (429,
Retry-After). A browser with a session says from its own Origin or Sec-Fetch-Site that the page is ours; a
token needs neither."""

LIVE_WORDS = """\
One stream per unit with dense offsets 1, 2, 3 …; subprotocol fenghuo.v1; text frames, one JSON object each.
A bearer token, or a session with the exact Origin. Say hello within 5 s; after it, and before, anything
else is answered by `error`. At most 20 messages a second and 64 KiB each; 20 sockets a person, 2000 a
token.

`resume`: `nothing`, you have everything up to `head`; `replay`, every entry after yours follows in order;
`refresh` (another epoch, an offset from the future, more than 1000 entries behind), read the state again
and go on from `head`. Without `after` the stream begins now, whatever the epoch; `after` 0 with a null
epoch is the stream from its beginning, however long. `stream` `restricted` is for duty officers, duty
leaders and auditors; it has offsets of its own.

A beat comes every 4 s. None for 15 s: what you show is stale. A `head` beyond your last entry for 2 s: come
back with `after`. A listener that has named a `screen` gets fragments as well; `field` has none so far.
Ignore types and fields that you do not know. From 0.5 s on, doubling to 30 s with full jitter, come back
after every close but 4001 and 4003. A client that does not read at all is cut off by a reset, because 4008
cannot reach it."""
