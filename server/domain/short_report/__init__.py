"""The short report (短报): a command in 70 characters at most, for a radio, satellite phone or SMS. Pure.

    援，宋某，39920415，048213，231405，船艇3，附堤上三人，4562672
    │   │     │         │       └ the 23rd, 14:05 in Beijing   └ how many characters (2), their sum (5)
    │   │     │         └ mark of the incident
    └ what it is, who says it, mark of the command

**What travels.** Words of the trade, digits, names and what people said; nothing that the tablet adds has to
be spelled by letters. A character is one UTF-16 unit, as SMS counts. What does not fit is said in parts
(记1之3), each a message of its own with its own check; nothing is ever shortened. What a short report has no
place for is named to the officer (`left_out`) and comes by network later. Times are to the minute.

**The check.** Characters are *folded* first: what is said alike by voice is alike (width, letter case, the
kinds of comma), and white space is nothing. The last seven digits are the number of folded characters (two)
and Σ (i+1)·c(i) mod 65537 over all that stands before them (five), c being the UTF-16 unit. 65537 is prime
and larger than any unit and any weight, so one wrong character changes the sum, and so does exchanging
any two different ones: (w−v)(c−d) is never 0 modulo a prime. One missing or doubled changes the number.
Anything else slips through once in 65,537. Where a field cannot be right, its place is said.

**The same command.** Its mark is the last 48 bits of its `command_id`, random in UUIDs of versions 4 and 7,
modulo 10⁸. The desk's command has a `command_id` of its own (contract 3: the same id with another body is
refused) and keeps the mark as `short_mark`. Whichever of the two comes second is known by incident, person,
command and mark, and then by all that the report carries: if they agree, it is answered as stored and written
down as confirmed; if they differ, it is written down like any other, and as a contradiction. Two different
commands of one person in one incident that say the same of the same minute are taken for one with a
probability of 10⁻⁸. With 50 short reports a day, each with 10 such twins, that is one in five years.

An incident opened on a tablet has an id made of ten random digits (`incident_of`), so that a short report
carries it whole: desk and tablet mean the same incident from the first word, and whatever the tablet sends
of it later finds it. Two of 1,000 such incidents meet with a probability of 5·10⁻⁵; then the later one is
taken for another's, which its title shows, and is opened anew.
"""
