"""Names, passwords and secrets: what people type and machines carry, before any table is asked.

OWASP ASVS 5.0: 6.1.1 (`Guesses`), 6.2.1, 6.2.5, 6.2.9-6.2.11 (passwords), 6.3.1 (guessing), 6.3.8 (no telling
which names exist), 7.2.3 (secrets of at least 128 bits).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

TOKEN_PREFIX = "fh_"  # noqa: S105  # a leaked token is recognised by people and by secret scanners
MIN_PASSWORD, MAX_PASSWORD = 10, 200
MAX_NAME, MAX_KEY = 64, 255
OBVIOUS = (
    "password", "passw0rd", "p@ssw0rd", "p@ssword", "woaini", "iloveyou", "letmein", "welcome", "changeme",
    "admin", "administrator", "root", "fenghuo", "烽火", "qinhuangdao", "秦皇岛", "yingji", "应急", "zhiban",
    "值班", "mima", "密码", "qwerty", "qwertyuiop", "asdfghjkl", "1q2w3e4r5t", "1qaz2wsx3edc", "a1b2c3d4e5",
)  # fmt: skip
_FILLER = re.compile(r"[\d\W_]+")
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_DEVICE = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9a-f]{64})")


class AccountRefused(ValueError):
    """Something about an account that cannot be done. `slug` names the reason for translation."""

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.slug = slug


class TryLater(Exception):
    """Too many wrong passwords from here lately. `seconds`: how long until the next try is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds:.0f} s")
        self.seconds = seconds


# --- names ------------------------------------------------------------------------------------------------


def display_name(text: str) -> str:
    """The name as it is shown: trimmed, one space between words, composed characters.

    Control, invisible and direction-changing characters are refused: they make two names look alike, and
    could turn a line of the log around.
    """
    name = re.sub(" +", " ", unicodedata.normalize("NFC", text).strip())
    if not 1 <= len(name) <= MAX_NAME or len(name_key(name)) > MAX_KEY:
        raise AccountRefused("bad_name", f"a name has 1 to {MAX_NAME} characters")
    for character in name:
        if unicodedata.category(character)[0] == "C" or unicodedata.category(character) in ("Zl", "Zp"):
            raise AccountRefused("bad_name", f"a name cannot contain U+{ord(character):04X}")
    return name


def name_key(text: str) -> str:
    """What makes two names the same: width, case and composition do not tell people apart (NFKC, casefold).

    Always something that a database can look for, whatever a stranger typed.
    """
    folded = unicodedata.normalize("NFKC", _storable(text)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _storable(text: str) -> str:
    """Half a surrogate pair cannot be written as UTF-8, and PostgreSQL has no place for U+0000."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


# --- passwords --------------------------------------------------------------------------------------------


def _typed(password: str) -> str:
    """Full-width and half-width letters are one password: an input method decides which of them is sent.

    (NIST SP 800-63B 5.1.1.2: NFKC before hashing.)
    """
    return unicodedata.normalize("NFKC", _storable(password))


def check_password(password: str, name: str) -> None:
    """Refuse what is guessed first. Length is what counts; no rules about kinds of characters."""
    typed = _typed(password)
    if len(typed) < MIN_PASSWORD:
        raise AccountRefused("password_short", f"a password has at least {MIN_PASSWORD} characters")
    if len(typed) > MAX_PASSWORD:
        raise AccountRefused("password_long", f"a password has at most {MAX_PASSWORD} characters")
    key, core = name_key(typed), _FILLER.sub("", name_key(typed))
    words = {*OBVIOUS, name_key(name), _FILLER.sub("", name_key(name))} - {""}
    if key in words or core in words or len(set(key)) < 4 or _is_a_run(key):
        raise AccountRefused("password_obvious", "this password is guessed at once; choose a longer sentence")


def _is_a_run(text: str) -> bool:
    """12345678901, abcdefghij, 9876543210 …: each character the neighbour of the one before."""
    steps = {
        (ord(after) - ord(before)) % 10 if (before + after).isdigit() else ord(after) - ord(before)
        for before, after in pairwise(text)
    }
    return steps in ({1}, {-1}, {9})


class Passwords:
    """Argon2id, at most `at_once` computations at a time: guessing cannot take both cores or all memory.

    64 MiB and 3 passes in one lane (RFC 9106, second choice, with one lane because the machine is shared)
    take about 150 ms on the reference machine.
    """

    def __init__(self, memory_kib: int = 65_536, passes: int = 3, lanes: int = 1, at_once: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
        self._places = threading.BoundedSemaphore(at_once)
        salt, digest = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
        self.nobodys = f"$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${digest}"
        """A hash that no password fits. Checking it costs what checking a real one costs."""

    def hash(self, password: str) -> str:
        with self._places:
            return self._hasher.hash(_typed(password))

    def fits(self, stored: str, password: str) -> bool:
        """Whether the password is the right one. Takes as long when it is not."""
        with self._places:
            try:
                return self._hasher.verify(stored, _typed(password)[: MAX_PASSWORD + 1])
            except (VerificationError, InvalidHashError):
                return False

    def is_outdated(self, stored: str) -> bool:
        """Whether the stored hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)


# --- secrets ----------------------------------------------------------------------------------------------


def new_secret(prefix: str = "") -> str:
    """256 random bits, safe in a URL, a header and a cookie."""
    return prefix + secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """What is stored of a secret. Plain SHA-256 is enough for 256 random bits: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


def looks_like_secret(text: str, prefix: str = "") -> bool:
    """Whether it is worth asking the database at all."""
    return text.startswith(prefix) and _SECRET.fullmatch(text[len(prefix) :]) is not None


def new_device(password_hash: str) -> str:
    """A mark for a browser in which this person has signed in. It lets nobody in.

    It only keeps their tries apart from strangers' at the same address, so that a stranger's wrong guesses
    never make the desk wait (OWASP: device cookies). It ends when the password changes.
    """
    number = secrets.token_urlsafe(16)
    return f"{number}.{_device_seal(password_hash, number)}"


def known_device(password_hash: str, device: str | None) -> str | None:
    """The device's number if its mark was made for this password, else None."""
    match = _DEVICE.fullmatch(device or "")
    if match is None or not hmac.compare_digest(_device_seal(password_hash, match[1]), match[2]):
        return None
    return match[1]


def _device_seal(password_hash: str, number: str) -> str:
    return hmac.new(password_hash.encode(), f"device:{number}".encode(), hashlib.sha256).hexdigest()


# --- guessing ---------------------------------------------------------------------------------------------


def address_key(address: str) -> str:
    """One household, one key: an IPv6 user owns a whole /64, so that is what is counted."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class Guesses:
    """Wrong passwords lately, and how long the next try must wait.

    Counted per (address, name) and per address, or per known device; never per name alone, so nobody can
    lock a person out from elsewhere. A try that comes too early is not looked at and does not lengthen the
    wait, so whoever waits is heard. Kept in memory, per process, for at most `remembered` keys.
    """

    free_per_pair, longest_per_pair = 5, 30.0
    free_per_address, longest_per_address = 30, 5.0
    forgotten_after = 900.0  # seconds without a try

    def __init__(self, monotonic: Callable[[], float], remembered: int = 20_000) -> None:
        self._monotonic = monotonic
        self._remembered = remembered
        self._tries: OrderedDict[tuple[str, ...], tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, keys: Sequence[tuple[str, ...]]) -> None:
        """Count a try before it is checked, so that many at once are not all free. Raises TryLater."""
        with self._lock:
            at = self._monotonic()
            wait = max(self._due(key) for key in keys) - at
            if wait > 0:
                raise TryLater(wait)
            for key in keys:
                count = self._count(key, at)
                self._tries[key] = (count + 1, at)
                self._tries.move_to_end(key)
            while len(self._tries) > self._remembered:
                self._tries.popitem(last=False)

    def succeed(self, keys: Sequence[tuple[str, ...]]) -> None:
        """The password was right: the pair starts afresh, the address gets this one try back.

        The address is not cleared: one's own account would otherwise buy guesses at another's.
        """
        with self._lock:
            for key in keys:
                count, at = self._tries.get(key, (0, 0.0))
                if key[0] == "address" and count > 1:
                    self._tries[key] = (count - 1, at)
                else:
                    self._tries.pop(key, None)

    def _count(self, key: tuple[str, ...], at: float) -> int:
        count, last_at = self._tries.get(key, (0, 0.0))
        return 0 if at - last_at > self.forgotten_after else count

    def _due(self, key: tuple[str, ...]) -> float:
        count, last_at = self._tries.get(key, (0, float("-inf")))
        free, longest = (
            (self.free_per_address, self.longest_per_address)
            if key[0] == "address"
            else (self.free_per_pair, self.longest_per_pair)
        )
        return last_at if count < free else last_at + min(longest, 2.0 ** min(count - free, 16))
