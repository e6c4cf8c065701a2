"""Why a request is not carried out. The server makes statuses and messages of them."""


class BadRequest(Exception):
    """A request that can't be understood, or not be carried out as it is: status 400."""


class NoSuch(Exception):
    """What was asked for isn't there: status 404."""


class WrongState(Exception):
    """The state of a thing doesn't allow the act: status 409."""


class CannotStart(BadRequest):
    """A program can't be run. `missing`: it isn't there, else there is something wrong with it."""

    def __init__(self, message: str, *, missing: bool) -> None:
        super().__init__(message)
        self.missing = missing
