"""How numbers are written for people: accuracy in per cent, sizes with their unit, − for minus."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from datetime import datetime

from mho.units import time_text

DASH = "–"


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share in per cent.

    >>> percent(0.9766), percent(None), percent(1.0)
    ('97.7 %', '–', '100 %')
    """
    if share is None or not math.isfinite(share):
        return DASH
    text = f"{100 * share:.{digits}f}"
    return f"{text.removesuffix('.' + '0' * digits) if share in (0, 1) else text} %"


def bare_percent(share: float | None, digits: int = 1) -> str:
    """Write a share in per cent without the sign, for a column that states it.

    >>> bare_percent(0.9766)
    '97.7'
    """
    return percent(share, digits).removesuffix(" %")


def interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """Write an interval of shares in per cent, or nothing where there is none.

    >>> interval(0.961, 0.978), interval(None, None)
    ('96.1–97.8', '')
    """
    if low is None or high is None:
        return ""
    return f"{bare_percent(low, digits)}–{bare_percent(high, digits)}"


def extra(share: float | None) -> str:
    r"""Write an added share in per cent, in two or three digits whatever its size.

    >>> extra(0.0786), extra(0.0042), extra(10.244), extra(0.0), extra(None)
    ('7.9 %', '0.42 %', '1\u202f024 %', '0 %', '–')
    """
    if share is None or not math.isfinite(share):
        return DASH
    if share >= 1:
        return f"{amount(100 * share)} %"
    return percent(share, 1 if share >= 0.01 or share == 0 else 2)


def energy(picojoule: float | None) -> str:
    """Write an energy in pJ, nJ or µJ.

    >>> energy(357_000), energy(12.3), energy(0)
    ('357 nJ', '12.3 pJ', '0')
    """
    if picojoule is None or not math.isfinite(picojoule):
        return DASH
    for size, unit in ((1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ")):
        if picojoule >= size:
            return f"{picojoule / size:.3g} {unit}"
    return f"{picojoule:.3g} pJ" if picojoule else "0"


def points(difference: float | None, *, sign: bool = True, digits: int = 2) -> str:
    """Write a difference of shares in points.

    >>> points(0.0123), points(-0.5), points(0.01, sign=False)
    ('+1.23', '−50.00', '1.00')
    """
    if difference is None or not math.isfinite(difference):
        return DASH
    return f"{100 * difference:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def signed(value: float | None) -> str:
    """Write a number in three digits with a true minus.

    >>> signed(-0.0412), signed(None), signed(12.3456)
    ('−0.0412', '–', '12.3')
    """
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:.3g}".replace("-", "−")


def fixed(value: float, digits: int) -> str:
    """Write a number with a true minus and so many decimals; what rounds to 0 has no sign.

    >>> fixed(-0.125, 2), fixed(-0.0001, 2)
    ('−0.12', '0.00')
    """
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def amount(value: float | None) -> str:
    r"""Write a plain number in at most four digits, with thin groups.

    >>> amount(44426), amount(0.0786), amount(3.0), amount(1.25e7)
    ('44\u202f426', '0.0786', '3', '12\u202f500\u202f000')
    """
    if value is None or not math.isfinite(value):
        return DASH
    if abs(value) >= 999.5 or value == int(value):
        return f"{value:,.0f}".replace(",", "\u202f").replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def large(value: float | None) -> str:
    """Write a count with its thousands named.

    >>> large(416_520), large(40.52e6), large(12)
    ('417 k', '40.5 M', '12')
    """
    if value is None or not math.isfinite(value):
        return DASH
    for size, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.3g}"


def storage(bits: float | None) -> str:
    """Write bits as bits, bytes, kB or MB (powers of 1000).

    >>> storage(0), storage(41_232), storage(12), storage(64_000_000)
    ('0', '5.15 kB', '12 bit', '8 MB')
    """
    if bits is None or not math.isfinite(bits):
        return DASH
    if bits == 0:
        return "0"
    size = bits / 8
    if size < 8:
        return f"{bits:.3g} bit"
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{size / limit:.3g} {unit}"
    return f"{size:.3g} B"


def duration(seconds: float | None) -> str:
    """Write how long something took.

    >>> duration(75), duration(3.25), duration(0), duration(None)
    ('75 s', '3.2 s', '0', '–')
    """
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if seconds == 0:
        return "0"
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return time_text(seconds)


def moment(t_s: float) -> str:
    """Write a time since programming.

    >>> moment(0), moment(86400)
    ('right after programming', '1 d')
    """
    return "right after programming" if t_s <= 0 else time_text(t_s)


def after(t_s: float) -> str:
    """Write a time as it stands in a sentence.

    >>> after(0), after(315360000)
    ('right after programming', 'after 10 years')
    """
    return moment(0) if t_s <= 0 else f"after {span(t_s)}"


def span(t_s: float) -> str:
    """Write a length of time in words.

    >>> span(315360000), span(1), span(2592000), span(5400)
    ('10 years', '1 s', '1 month', '1.5 hours')
    """
    short = time_text(t_s)
    value, unit = short.split(" ")
    word = {"y": "year", "d": "day", "h": "hour", "month": "month", "week": "week"}.get(unit)
    return short if word is None else f"{value} {word}{'' if value == '1' else 's'}"


def listing(parts: Sequence[str], last: str = "and") -> str:
    """Join words as a sentence does.

    >>> listing(["a", "b", "c"]), listing(["a"])
    ('a, b and c', 'a')
    """
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def clip(text: str, length: int) -> str:
    """Shorten a text to a length, ending in an ellipsis.

    >>> clip("sparse adaptation", 8)
    'sparse …'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def wrap(text: str, length: int, lines: int = 2) -> list[str]:
    """Break a text at spaces into at most so many lines; what is left over is cut.

    >>> wrap("distilled + sparse adaptation + VeRA+", 20)
    ['distilled + sparse', 'adaptation + VeRA+']
    >>> wrap("a very long name that does not fit", 10)
    ['a very', 'long name…']
    """
    found = textwrap.wrap(text, length) or [""]
    if len(found) <= lines:
        return found
    rest = " ".join(found[lines - 1 :])
    last = clip(rest, length) if len(found[lines - 1]) >= length else f"{found[lines - 1]}…"
    return [*found[: lines - 1], last]


def tied(text: str) -> str:
    r"""Keep numbers and their units on one line.

    >>> tied("LeNet-5 falls to 68.8 % after 10 years")
    'LeNet-5 falls to 68.8\xa0% after 10\xa0years'
    """
    return re.sub(r"(?<!\S)([\d.,–\u202f]*\d) (?=\S)", "\\1\u00a0", text)


def day(created: str) -> str:
    """Write an ISO date for people; anything else as it is.

    >>> day("2026-02-03T10:00:00+00:00"), day("yesterday")
    ('3 February 2026', 'yesterday')
    """
    try:
        date = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{date.day} {date:%B %Y}"
