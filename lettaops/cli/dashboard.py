"""`lettaops` without a verb: the dashboard."""

import gc
from typing import TYPE_CHECKING

from lettaops.cli.session import Session
from lettaops.model.errors import UsageError

if TYPE_CHECKING:
    from lettaops.app import LettaOpsApp
    from lettaops.terminal.held import HeldTerminal


def run_dashboard(session: Session, held: "HeldTerminal | None" = None) -> int:
    """Run the dashboard until it is left; its exit status.

    `held` is the terminal where a first frame stands already. Raises `UsageError` where no screen can be
    drawn, and what the options and the profile raise; the terminal is given back before.
    """
    try:
        app = _application(session, held)
    except BaseException:
        if held is not None:
            held.leave()
        raise
    return app.start()


def _application(session: Session, held: "HeldTerminal | None") -> "LettaOpsApp":
    from lettaops.terminal.capabilities import look_around

    settings = session.settings
    capabilities = look_around(ascii=settings.profile.ascii)
    if capabilities.refusal:
        raise UsageError(capabilities.refusal)
    target = session.target  # an engine that can't be meant is said before the screen is taken

    gc.disable()  # nothing that is imported is garbage: looking for it takes a quarter of the time
    from lettaops.app import LettaOpsApp
    from lettaops.dashboard import Dashboard

    gc.freeze()  # nor is it ever: later looks may pass it by
    gc.enable()
    dashboard = Dashboard(
        target,
        project=settings.profile.project,
        profile=settings.profile_name,
        password=settings.password(),
        permission=session.permission,
        state=session.state,
        operator=session.operator,
    )
    return LettaOpsApp(dashboard, capabilities=capabilities, held=held, profile=settings.profile)
