"""Who sees what of a duty: to whoever has no part in it, every answer is as if there were none."""

from __future__ import annotations

from tests.duty_deeds import a_busy_duty
from tests.room import Room
from tests.test_visibility import answers
from tests.words import new_id

# Beside the city, and below a county that it calls.
STRANGERS = ("He", "Tian")


def test_to_who_has_no_part_in_a_busy_duty_every_answer_is_as_if_there_were_none(own_room: Room) -> None:
    room, unseen = own_room, new_id()
    before = {one: answers(room, one, unseen) for one in STRANGERS}
    a_busy_duty(room)
    for one in STRANGERS:
        after = answers(room, one, unseen)
        changed = {url: (before[one][url], told) for url, told in after.items() if told != before[one][url]}
        assert not changed, one


def test_who_is_called_learns_of_the_call_and_nothing_else_of_others_duties(own_room: Room) -> None:
    room = own_room
    a_busy_duty(room)
    lulong = room.ask("Li", "shifts")["shifts"][0]
    city = {"郑局", "周某", "病假", "回电"}
    for one, secrets in (("Qin", city | {lulong["shift_id"]}), ("Li", city)):
        texts = [text for _status, text in answers(room, one, new_id()).values()]
        assert not [secret for secret in secrets for text in texts if secret in text], one
        assert any("点名" in text for text in texts), "the call itself"
    told = [text for _status, text in answers(room, "Wu", new_id()).values()]
    assert not [secret for secret in city - {"周某"} if not any(secret in text for text in told)]
