from __future__ import annotations

from datetime import datetime, timedelta

from monitor.storage.database import Database
from monitor.storage.mutes import Mute, Mutes
from tests.factories import NOON


def hours(number: float) -> datetime:
    return NOON + timedelta(hours=number)


def a_mute(component: str = "api", lasts: float = 2.0) -> Mute:
    return Mute(
        component=component, reason="planned", author="ann", starts_at=NOON, ends_at=hours(lasts)
    )


async def test_a_mute_lasts_until_it_ends(database: Database) -> None:
    mutes = Mutes(database, "local")
    await mutes.add(a_mute("console", 3.0))
    await mutes.add(a_mute())
    assert await mutes.lasting(hours(1)) == (a_mute(), a_mute("console", 3.0))
    assert await mutes.lasting(hours(2)) == (a_mute("console", 3.0),)
    assert await Mutes(database, "elsewhere").lasting(hours(1)) == ()


async def test_a_mute_that_is_lifted_is_over(database: Database) -> None:
    mutes = Mutes(database, "local")
    await mutes.add(a_mute())
    await mutes.add(a_mute(lasts=5.0))
    await mutes.add(a_mute("console"))
    assert await mutes.lift("api", hours(1)) == 2
    assert [mute.component for mute in await mutes.lasting(hours(1))] == ["console"]
    assert await mutes.lift("api", hours(1)) == 0


async def test_words_that_no_database_takes_are_made_storable(database: Database) -> None:
    mutes = Mutes(database, "local")
    odd = Mute(component="api", reason="\udcff", author="\udcfe", starts_at=NOON, ends_at=hours(1))
    await mutes.add(odd)
    (found,) = await mutes.lasting(NOON)
    assert (found.reason, found.author) == ("?", "?")
