"""`lettaops` without a verb: the dashboard."""

from lettaops.cli.session import Session
from lettaops.model.errors import UsageError


def run_dashboard(session: Session) -> int:
    """Run the dashboard until it is left; its exit status. Raises `UsageError` where none can be drawn."""
    from lettaops.terminal.capabilities import look_around

    capabilities = look_around(ascii=session.options.ascii)
    if capabilities.refusal:
        raise UsageError(capabilities.refusal, next_step="`lettaops status` tells the same in lines")
    target = session.target  # an engine that can't be meant is said before the screen is taken

    from lettaops.app import LettaOpsApp
    from lettaops.dashboard import Dashboard

    settings = session.settings
    dashboard = Dashboard(
        target,
        project=settings.profile.project,
        profile=settings.profile_name,
        password=settings.password(),
        permission=session.permission,
        state=session.state,
        operator=session.operator,
        ascii=settings.profile.ascii,
    )
    return LettaOpsApp(dashboard, capabilities=capabilities).start()
