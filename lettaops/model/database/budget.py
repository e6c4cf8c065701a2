"""What Letta's servers may ask of a database against what it can give: one sentence and its arithmetic."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from lettaops.model.database.pool_settings import OVERFLOW, POOLING, SIZE, Origin, PoolSettings, Setting
from lettaops.model.text import Safe, clean

OWN_SESSIONS: Final = 2  # that lettaops takes at most; kept free for it even while it has fewer
TIGHT: Final = 0.8  # share of what is usable from which a peak is called tight


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions the database takes. `reserved` is 0 before PostgreSQL 16, which has no such setting.

    `tls` None: not known.
    """

    max_connections: int
    superuser_reserved: int
    reserved: int = 0
    tls: bool | None = None

    @property
    def usable(self) -> int:
        """What is left for roles without a right to the reserve."""
        return max(0, self.max_connections - self.superuser_reserved - self.reserved)


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """Client sessions, now and at most since the watch began. `connects_per_s` None: not known yet."""

    letta: int
    own: int
    others: int
    peak_letta: int
    connects_per_s: float | None = None


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One server and its settings."""

    name: Safe
    settings: PoolSettings


class State(StrEnum):
    """What the arithmetic comes to.

    FITS: the ceiling is within what the database gives. EXCEEDS: it isn't. UNBOUNDED: there is no ceiling, so
    the peak is what counts. FULL: there is hardly a slot left now. UNKNOWN: a part of it isn't known.
    """

    FITS = "fits"
    EXCEEDS = "exceeds"
    UNBOUNDED = "unbounded"
    FULL = "full"
    UNKNOWN = "unknown"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """The servers against the limits.

    `ceiling`: the most sessions that all servers can hold, None without a bound. `room`: what is left for
    them beside the reserve and everybody else. `headroom`: room less the ceiling, or less the peak where
    there is none; negative when it can't work out. `arithmetic`: the sum behind the sentence, `change`: the
    first thing to do, empty when nothing needs doing; `notes`: what else an operator should know of the
    settings.
    """

    state: State
    limits: Limits | None
    use: Use | None
    replicas: tuple[Replica, ...]
    ceiling: int | None
    room: int | None
    headroom: int | None
    sentence: Safe
    arithmetic: Safe = Safe()
    change: Safe = Safe()
    notes: tuple[Safe, ...] = ()


def budget(replicas: Sequence[Replica], limits: Limits | None, use: Use | None) -> Budget:
    """Work it out; without limits or use (the database isn't read) as far as the settings go."""
    ceiling = _ceiling(replicas)
    room = _room(limits, use)
    state, headroom = _judge(replicas, ceiling, room, use)
    sentence, change = _words(state, replicas, limits, use, ceiling, room, headroom)
    return Budget(
        state=state,
        limits=limits,
        use=use,
        replicas=tuple(replicas),
        ceiling=ceiling,
        room=room,
        headroom=headroom,
        sentence=clean(sentence),
        arithmetic=clean(_arithmetic(replicas, limits, use, ceiling)),
        change=clean(change),
        notes=tuple(clean(each) for each in _notes(replicas, limits)),
    )


def _ceiling(replicas: Sequence[Replica]) -> int | None:
    ceilings = [each.settings.ceiling for each in replicas]
    known = [each for each in ceilings if each is not None]
    return sum(known) if known and len(known) == len(ceilings) else None


def _room(limits: Limits | None, use: Use | None) -> int | None:
    if limits is None:
        return None
    others = max(use.own, OWN_SESSIONS) + use.others if use is not None else OWN_SESSIONS
    return max(0, limits.usable - others)


def _judge(
    replicas: Sequence[Replica], ceiling: int | None, room: int | None, use: Use | None
) -> tuple[State, int | None]:
    unreadable = any(each.settings.invalid for each in replicas)
    if not replicas or room is None or unreadable:
        return State.UNKNOWN, None
    peak = use.peak_letta if use is not None else None
    if use is not None and use.letta >= room:
        return State.FULL, room - (ceiling if ceiling is not None else use.peak_letta)
    if ceiling is not None:
        return (State.FITS if ceiling <= room else State.EXCEEDS), room - ceiling
    return State.UNBOUNDED, room - peak if peak is not None else None


def _words(
    state: State,
    replicas: Sequence[Replica],
    limits: Limits | None,
    use: Use | None,
    ceiling: int | None,
    room: int | None,
    headroom: int | None,
) -> tuple[str, str]:
    """The sentence and the first thing to change."""
    match state:
        case State.FITS:
            said = (
                f"Letta opens at most {_sessions(ceiling)}, and {room} are there for it: {headroom} to spare"
            )
            return said, ""
        case State.EXCEEDS:
            return (
                f"Letta may open {_sessions(ceiling)}, but only {room} are there for it: "
                f"{-(headroom or 0)} too many, so requests fail with “too many clients” under load",
                _fitting(replicas, limits, ceiling, room),
            )
        case State.FULL:
            letta = use.letta if use is not None else 0
            return (
                f"no slot is free for Letta: it holds {_sessions(letta)} of {room}, the next one is refused",
                "find who holds them among the sessions: idle in transaction first"
                if ceiling is None or limits is None or ceiling <= limits.usable - OWN_SESSIONS
                else _fitting(replicas, limits, ceiling, room),
            )
        case State.UNBOUNDED:
            return _unbounded(replicas, use, room)
        case _:
            return _unknown(replicas, limits, ceiling)


def _unbounded(replicas: Sequence[Replica], use: Use | None, room: int | None) -> tuple[str, str]:
    pooled = any(each.settings.pooling for each in replicas)
    why = _why_unbounded(replicas)
    if use is None:
        return f"nothing bounds Letta's sessions ({why}); {room} are there for it", ""
    said = (
        f"nothing bounds Letta's sessions ({why}): at most {use.peak_letta} were seen, of {room} there for it"
    )
    if use.connects_per_s is not None:
        said += f", {use.connects_per_s:.1f} connects a second"
    if room is None or use.peak_letta < TIGHT * room:
        return said, ""
    if pooled:
        return said, f"give {SIZE} and {OVERFLOW} values above 0 that add up to less than {room}"
    return said, (
        f"fewer requests at once, a higher max_connections, or {POOLING}=false with {SIZE} and {OVERFLOW} "
        f"that fit {room}"
    )


def _unknown(replicas: Sequence[Replica], limits: Limits | None, ceiling: int | None) -> tuple[str, str]:
    if not replicas:
        return "no Letta server is seen here, so its settings aren't known", ""
    for replica in replicas:
        for bad in replica.settings.invalid:
            kind = "yes or no" if bad.name == POOLING else "a whole number"
            return (
                f"{replica.name} can't start: {bad.name} is “{bad.given}”, which it doesn't read as {kind}",
                f"set {bad.name}, or take it out (its default is {_shown(bad.default)})",
            )
    if ceiling is None:
        said = f"nothing bounds Letta's sessions ({_why_unbounded(replicas)})"
    else:
        said = f"Letta may open {_sessions(ceiling)}"
    return (f"{said}; what the database can give isn't known" if limits is None else said), ""


def _why_unbounded(replicas: Sequence[Replica]) -> str:
    pooled = any(each.settings.pooling for each in replicas)
    return "its pool has no upper limit" if pooled else "pooling is off: each request connects anew"


def _fitting(
    replicas: Sequence[Replica], limits: Limits | None, ceiling: int | None, room: int | None
) -> str:
    """The smallest change that makes the ceiling fit."""
    raised = ""
    if limits is not None and ceiling is not None and room is not None:
        raised = (
            f"raise max_connections to {limits.max_connections + ceiling - room} (a restart of the database)"
        )
    pools = sum(max(1, _number(each.settings.workers)) * each.settings.pools for each in replicas)
    each_may = (room or 0) // pools if pools else 0
    sizes = {(each.settings.size.value, each.settings.overflow.value) for each in replicas}
    if each_may < 1 or len(sizes) != 1:
        return raised or "fewer workers, or smaller pools"
    size = _number(replicas[0].settings.size)
    if each_may >= size:
        return f"set {OVERFLOW}={each_may - size}, or {raised}"
    return f"set {SIZE}={each_may} and {OVERFLOW}=0, or {raised}"


def _arithmetic(
    replicas: Sequence[Replica], limits: Limits | None, use: Use | None, ceiling: int | None
) -> str:
    parts: list[str] = []
    if ceiling is not None:
        terms = [_term(each.settings) for each in replicas]
        same = len(set(terms)) == 1 and len(terms) > 1
        parts.append(f"{len(terms)} servers × {terms[0]}" if same else " + ".join(terms))
        parts[-1] += f" = {ceiling}"
    if limits is not None:
        sums = f"{limits.max_connections} max_connections - {limits.superuser_reserved} for superusers"
        if limits.reserved:
            sums += f" - {limits.reserved} reserved"
        if use is not None:
            sums += f" - {use.others} of others"
        own = max(use.own, OWN_SESSIONS) if use is not None else OWN_SESSIONS
        sums += f" - {own} for lettaops = {_room(limits, use)}"
        parts.append(sums)
    return "; ".join(parts)


def _term(settings: PoolSettings) -> str:
    workers = max(1, _number(settings.workers))
    pools = f" × {settings.pools} pools" if settings.pools > 1 else ""
    size, overflow = _number(settings.size), _number(settings.overflow)
    return f"{workers} worker{'s' if workers != 1 else ''}{pools} × ({size} + {overflow})"


def _notes(replicas: Sequence[Replica], limits: Limits | None) -> list[str]:
    """What of the settings doesn't do what it seems to; once for all servers that share it."""
    notes: list[str] = []
    for replica in replicas:
        settings = replica.settings
        idle = [each for each in (settings.size, settings.overflow) if each.ignored]
        set_idle = [each for each in idle if each.origin is Origin.ENVIRONMENT]
        version = ".".join(map(str, settings.version)) if settings.version else "this version"
        if set_idle:
            named = " and ".join(f"{each.name}={each.given}" for each in set_idle)
            verb = "is" if len(set_idle) == 1 else "are"
            by_default = (
                f"Letta {version} pools only with {POOLING}=false"
                if settings.switch is not None and settings.switch.origin is Origin.DEFAULT
                else f"{POOLING} turns pooling off"
            )
            notes.append(f"{named} {verb} ignored: {by_default}")
        if settings.forces_tls and (limits is None or limits.tls is not True):
            has_none = (
                "this database has none" if limits is not None and limits.tls is False else "if it has none"
            )
            notes.append(
                f"with pooling Letta insists on TLS to the database ({has_none}, it can't start), unless the "
                "letters “ssl” stand somewhere in LETTA_PG_URI"
            )
        if settings.configuration_file:
            notes.append(
                f"{settings.configuration_file} (LETTA_CONFIG_PATH) may set what the environment doesn't: "
                "it isn't read here"
            )
        if settings.version is None:
            notes.append("the server's version isn't known: the defaults of 0.16 are shown")
    return list(dict.fromkeys(notes))


def _number(setting: Setting) -> int:
    return int(setting.value) if setting.value is not None else 0


def _shown(value: int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sessions(count: int | None) -> str:
    return "1 session" if count == 1 else f"{count} sessions"
