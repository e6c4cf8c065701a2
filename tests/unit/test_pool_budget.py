"""The settings that Letta really uses, and what they come to against a database's limits."""

import pytest

from lettaops.model.database.budget import Limits, Replica, State, Use, budget
from lettaops.model.database.pool_settings import (
    OVERFLOW,
    POOLING,
    SIZE,
    WORKERS,
    Origin,
    PoolSettings,
    Version,
    parse_boolean,
    parse_integer,
    parse_version,
    read_pool_settings,
)
from lettaops.model.engine import Environment
from lettaops.model.text import Safe
from tests.unit.build import HOSTILE, is_clean

NEWEST = (0, 16, 8)
LIMITS = Limits(max_connections=100, superuser_reserved=3, tls=False)


# What pydantic-settings makes of these, tried with it.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((each, True) for each in ("true", "True", "TRUE", "1", "on", "yes", "y", "t", "T")),
        *((each, False) for each in ("false", "0", "off", "n", "no", "f", "F")),
        *((each, None) for each in ("", " true", "true ", "2", "enabled", "Yes\n", "none", "1.0")),
    ],
)
def test_booleans_as_letta_reads_them(text: str, value: bool | None) -> None:
    assert parse_boolean(text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25", 25),
        (" 25", 25),
        ("25 ", 25),
        ("\xa025", 25),
        ("+25", 25),
        ("-1", -1),
        ("025", 25),
        ("25.0", 25),
        ("12.00", 12),
        ("1_000", 1000),
        ("1_0.0", 10),
        *(
            (each, None)
            for each in ("", "25.5", "1e3", "0x10", "２５", "1__0", "_1", "1_", "25.", "- 1", "--1")
        ),
        ("true", None),
        ("9" * 5000, None),
    ],
)
def test_whole_numbers_as_letta_reads_them(text: str, value: int | None) -> None:
    assert parse_integer(text) == value


@pytest.mark.parametrize(
    ("text", "version"),
    [("0.16.8", NEWEST), ("0.16", (0, 16, 0)), ("0.16.8rc1", NEWEST), ("", None), ("latest", None)],
)
def test_versions(text: str, version: Version | None) -> None:
    assert parse_version(text) == version


def settings(*assignments: str, version: Version | None = NEWEST) -> PoolSettings:
    return read_pool_settings(Environment(assignments).items(), version)


@pytest.mark.parametrize(
    ("version", "pooling", "size", "overflow", "pools", "switch"),
    [
        ((0, 6, 54), True, 80, 30, 1, False),
        ((0, 7, 29), True, 25, 10, 2, True),
        ((0, 11, 7), True, 25, 10, 2, True),
        ((0, 12, 1), False, 25, 10, 1, True),
        (NEWEST, False, 25, 10, 1, True),
        (None, False, 25, 10, 1, True),
    ],
)
def test_defaults_by_version(
    version: Version | None, pooling: bool, size: int, overflow: int, pools: int, switch: bool
) -> None:
    found = settings(version=version)
    assert found.pooling is pooling
    assert (found.size.value, found.overflow.value, found.workers.value) == (size, overflow, 1)
    assert found.pools == pools
    assert (found.switch is not None) is switch
    assert {each.origin for each in found.settings} == {Origin.DEFAULT}


def test_where_a_value_comes_from() -> None:
    found = settings("letta_pg_pool_size=40", "LETTA_UVICORN_WORKERS=2", f"{POOLING}=No")
    assert found.pooling is True
    assert (found.size.value, found.size.default, found.size.origin) == (40, 25, Origin.ENVIRONMENT)
    assert found.overflow.origin is Origin.DEFAULT
    assert found.ceiling == 2 * (40 + 10)
    assert not found.size.ignored


def test_without_pooling_the_pool_settings_are_ignored() -> None:
    found = settings("LETTA_PG_POOL_SIZE=80")
    assert found.size.ignored
    assert found.overflow.ignored
    assert not found.workers.ignored
    assert found.ceiling is None


@pytest.mark.parametrize("given", ["LETTA_PG_POOL_SIZE=", "LETTA_UVICORN_WORKERS=two", f"{POOLING}= true"])
def test_what_keeps_it_from_starting(given: str) -> None:
    found = settings(given, f"{OVERFLOW}=3")
    (bad,) = found.invalid
    assert bad.origin is Origin.INVALID
    assert bad.value is None
    assert found.ceiling is None


@pytest.mark.parametrize(
    ("size", "overflow", "ceiling"), [(25, 10, 35), (5, 0, 5), (0, 10, None), (25, -1, None), (-3, 5, None)]
)
def test_the_ceiling_of_a_pool(size: int, overflow: int, ceiling: int | None) -> None:
    assert settings(f"{POOLING}=false", f"{SIZE}={size}", f"{OVERFLOW}={overflow}").ceiling == ceiling


@pytest.mark.parametrize(
    ("uri", "forced"),
    [
        ("postgresql://u:p@letta-db:5432/letta", True),
        ("postgresql://u:p@db-nossl:5432/letta", False),
        ("postgresql://u:ssl-p@letta-db:5432/letta", False),
    ],
)
def test_pooling_insists_on_tls_unless_the_uri_says_ssl(uri: str, forced: bool) -> None:
    assert settings(f"{POOLING}=false", f"LETTA_PG_URI={uri}").forces_tls is forced
    assert settings(f"LETTA_PG_URI={uri}").forces_tls is False


def replicas(*assignments: str, count: int = 1, version: Version | None = NEWEST) -> list[Replica]:
    return [
        Replica(name=Safe(f"letta_server-{n}"), settings=settings(*assignments, version=version))
        for n in range(1, count + 1)
    ]


def use(letta: int = 0, others: int = 0, own: int = 1, peak: int | None = None, **more: float) -> Use:
    return Use(letta=letta, own=own, others=others, peak_letta=letta if peak is None else peak, **more)


POOLED = (f"{POOLING}=false", "LETTA_PG_URI=postgresql://u:p@db-nossl/letta")


def test_it_fits() -> None:
    found = budget(replicas(*POOLED), LIMITS, use(letta=10, others=3))
    assert (found.state, found.ceiling, found.room, found.headroom) == (State.FITS, 35, 92, 57)
    assert found.sentence == "Letta opens at most 35 sessions, and 92 are there for it: 57 to spare"
    assert found.arithmetic == (
        "1 worker × (25 + 10) = 35; "
        "100 max_connections - 3 for superusers - 3 of others - 2 for lettaops = 92"
    )
    assert found.change == ""
    assert found.notes == ()


@pytest.mark.parametrize(
    ("given", "count", "limits", "ceiling", "headroom", "change"),
    [
        # Three workers of stock size want 105 of 95: 31 each, so the overflow has to go down.
        (
            (f"{WORKERS}=3",),
            1,
            LIMITS,
            105,
            -10,
            "set LETTA_PG_MAX_OVERFLOW=6, or raise max_connections to 110",
        ),
        ((), 3, LIMITS, 105, -10, "set LETTA_PG_MAX_OVERFLOW=6, or raise max_connections to 110"),
        # 80 and 30 on a small database: not even the pool fits.
        (
            (f"{SIZE}=80", f"{OVERFLOW}=30"),
            1,
            Limits(max_connections=50, superuser_reserved=3),
            110,
            -65,
            "set LETTA_PG_POOL_SIZE=45 and LETTA_PG_MAX_OVERFLOW=0, or raise max_connections to 115",
        ),
        # More workers than slots.
        (
            (f"{WORKERS}=20",),
            1,
            Limits(max_connections=10, superuser_reserved=3),
            700,
            -695,
            "raise max_connections to 705",
        ),
    ],
)
def test_it_exceeds(
    given: tuple[str, ...], count: int, limits: Limits, ceiling: int, headroom: int, change: str
) -> None:
    found = budget(replicas(*POOLED, *given, count=count), limits, use())
    assert (found.state, found.ceiling, found.headroom) == (State.EXCEEDS, ceiling, headroom)
    assert f"{-headroom} too many" in found.sentence
    assert found.change.startswith(change)


def test_the_first_thing_to_change_makes_it_fit() -> None:
    for workers in range(1, 12):
        before = budget(replicas(*POOLED, f"{WORKERS}={workers}"), LIMITS, use())
        if before.state is not State.EXCEEDS:
            continue
        given = [
            word.rstrip(",")
            for word in before.change.partition(", or")[0].split()
            if word.startswith("LETTA")
        ]
        after = budget(replicas(*POOLED, f"{WORKERS}={workers}", *given), LIMITS, use())
        assert after.state is State.FITS
        assert after.headroom is not None
        assert after.headroom < workers, "no more is taken away than needed"


def test_reserved_connections_count() -> None:
    limits = Limits(max_connections=100, superuser_reserved=3, reserved=10)
    found = budget(replicas(*POOLED), limits, use())
    assert found.room == 85
    assert "- 10 reserved" in found.arithmetic


def test_without_pooling_the_peak_counts() -> None:
    found = budget(replicas("LETTA_PG_POOL_SIZE=80"), LIMITS, use(letta=1, peak=37, connects_per_s=12.04))
    assert (found.state, found.ceiling, found.headroom) == (State.UNBOUNDED, None, 95 - 37)
    assert "pooling is off: each request connects anew" in found.sentence
    assert "at most 37 were seen, of 95" in found.sentence
    assert "12.0 connects a second" in found.sentence
    assert found.change == ""
    assert found.notes == (
        "LETTA_PG_POOL_SIZE=80 is ignored: Letta 0.16.8 pools only with "
        "LETTA_DISABLE_SQLALCHEMY_POOLING=false",
    )
    tight = budget(replicas(), LIMITS, use(letta=1, peak=80))
    assert "LETTA_DISABLE_SQLALCHEMY_POOLING=false" in tight.change


def test_a_pool_without_an_upper_limit() -> None:
    found = budget(replicas(*POOLED, f"{OVERFLOW}=-1"), LIMITS, use(peak=90))
    assert found.state is State.UNBOUNDED
    assert "its pool has no upper limit" in found.sentence
    assert "add up to less than 95" in found.change


@pytest.mark.parametrize(
    ("given", "use_", "change"),
    [
        (POOLED, use(letta=30, others=65), "find who holds them"),
        (("LETTA_DEBUG=1",), use(letta=0, others=200), "find who holds them"),
        ((*POOLED, f"{WORKERS}=3"), use(letta=95), "set LETTA_PG_MAX_OVERFLOW=6"),
    ],
)
def test_no_slot_is_free(given: tuple[str, ...], use_: Use, change: str) -> None:
    found = budget(replicas(*given), LIMITS, use_)
    assert found.state is State.FULL
    assert "no slot is free for Letta" in found.sentence
    assert found.change.startswith(change)
    assert found.room is not None
    assert found.room >= 0


def test_what_is_not_known_is_said() -> None:
    assert "no Letta server" in budget([], LIMITS, use()).sentence
    without = budget(replicas(*POOLED), None, None)
    assert (without.state, without.ceiling) == (State.UNKNOWN, 35)
    assert without.sentence == "Letta may open 35 sessions; what the database can give isn't known"
    bad = budget(replicas(f"{SIZE}={HOSTILE}"), LIMITS, use())
    assert bad.state is State.UNKNOWN
    assert "letta_server-1 can't start: LETTA_PG_POOL_SIZE is" in bad.sentence
    assert "its default is 25" in bad.change
    assert is_clean(bad.sentence)
    unknown = budget(replicas(version=None), LIMITS, use())
    assert any("version isn't known" in note for note in unknown.notes)


def test_one_server_without_pooling_bounds_nothing() -> None:
    mixed = [*replicas(*POOLED), Replica(name=Safe("other"), settings=settings())]
    assert budget(mixed, LIMITS, use()).state is State.UNBOUNDED


def test_the_tls_trap_is_told() -> None:
    trap = (f"{POOLING}=false", "LETTA_PG_URI=postgresql://u:p@letta-db/letta")
    for tls, words in ((False, "this database has none"), (None, "if it has none")):
        limits = Limits(max_connections=100, superuser_reserved=3, tls=tls)
        assert any(words in note for note in budget(replicas(*trap), limits, use()).notes)
    limits = Limits(max_connections=100, superuser_reserved=3, tls=True)
    assert budget(replicas(*trap), limits, use()).notes == ()


def test_a_configuration_file_that_is_not_read_is_told() -> None:
    found = budget(replicas(*POOLED, "LETTA_CONFIG_PATH=/etc/letta.yaml"), LIMITS, use())
    assert any("/etc/letta.yaml" in note for note in found.notes)


def test_two_pools_before_0_12() -> None:
    found = budget(replicas(version=(0, 11, 7)), LIMITS, use())
    assert found.ceiling == 70
    assert "1 worker × 2 pools × (25 + 10) = 70" in found.arithmetic
