"""What a database's refusal means, by its SQLSTATE, in words that say what to do next."""

from lettaops.model.database.guest import LOCK_SECONDS, STATEMENT_SECONDS
from lettaops.model.errors import DeadlineExceeded, Denied, LettaopsError, Unreachable
from lettaops.model.text import clean


class Full(Unreachable):
    """No slot is free: trying again at once would only add to it."""


class WrongPassword(Denied):
    """The password isn't right (any more)."""


class StatementFailed(LettaopsError):
    """One statement failed; the session goes on."""

    def __init__(self, what: str, *, sqlstate: str = "", not_done: str = "", next_step: str = "") -> None:
        self.sqlstate = sqlstate
        super().__init__(what, not_done=not_done, next_step=next_step)


def refusal(sqlstate: str, words: str, where: str) -> LettaopsError:
    """The error of a session that could not be opened, or was ended. `where` names the database."""
    said = clean(words, 200)
    match sqlstate[:2], sqlstate:
        case _, "28P01":
            return WrongPassword(
                f"{where} refuses the password: {said}",
                next_step="the server's LETTA_PG_URI holds what is used; was the role's changed?",
            )
        case "28", _:
            return Denied(
                f"{where} refuses us: {said}",
                next_step="its pg_hba.conf decides who may enter from where, and whether TLS is needed",
            )
        case "3D", _:
            return Denied(f"{where}: {said}", next_step="LETTA_PG_URI names the database")
        case _, "42501":
            return Denied(f"{where} lets this role not in: {said}", next_step="GRANT CONNECT ON DATABASE")
        case "53", _:
            return Full(
                f"{where} has no slot free: {said}",
                next_step="see who holds them: `lettaops pool`; it is asked again at longer intervals",
            )
        case _, "57P03":
            return Unreachable(f"{where} is not ready: {said}", next_step="it is starting or shutting down")
        case "57", _:
            return Unreachable(f"{where} ended the session: {said}", next_step="is it restarting?")
        case (("58" | "XX" | "F0"), _):
            return LettaopsError(
                f"{where} is broken: {said}", next_step="back up its volume before restarting it"
            )
        case _:
            return Unreachable(f"{where}: {said}")


def statement_failure(sqlstate: str, words: str, what: str) -> StatementFailed:
    """The error of a statement that the session survives. `what` names what was read."""
    said = clean(words, 200)
    match sqlstate:
        case "55P03":
            told, step = (
                f"somebody holds a lock on what is read; given up after {LOCK_SECONDS} s",
                "it is tried again",
            )
        case "57014":
            told, step = f"given up after {STATEMENT_SECONDS} s", "it is tried again"
        case "42501":
            told, step = said, "the role needs the privilege"
        case "42P01" | "42703" | "42883" | "3F000" | "42704":
            told, step = f"{said}, or this role may not see it", "is it another version of Letta?"
        case _:
            told, step = said, ""
    return StatementFailed(f"{what}: {told}", sqlstate=sqlstate, next_step=step)


def no_answer(where: str, seconds: float) -> DeadlineExceeded:
    """The error of a database that took the connection, or the statement, and is silent."""
    return DeadlineExceeded(
        f"{where} doesn't answer within {seconds:g} s", next_step="is it frozen, or its disk overloaded?"
    )
