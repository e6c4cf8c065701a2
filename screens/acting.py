"""Acts from the dashboard: plan, confirm, run, and a line about how it went."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from textual.app import App
from textual.worker import Worker

from lettaops.actions import Action, Danger
from lettaops.dashboard import Dashboard
from lettaops.model.errors import Exit, LettaopsError
from lettaops.model.stack import Stack
from lettaops.model.units import duration
from lettaops.operations.plan import Plan, make_plan

from .confirm import ConfirmScreen


class Acting:
    """One act at a time. `say` shows a line, `say_fault` one about a fault of our own."""

    def __init__(
        self,
        app: App[Any],
        dashboard: Dashboard,
        say: Callable[[str], None],
        say_fault: Callable[[str, Exception], str],
    ) -> None:
        self._app = app
        self._dashboard = dashboard
        self._say = say
        self._say_fault = say_fault
        self._worker: Worker[None] | None = None

    def begin(self, choices: Sequence[Action], stack: Stack, container_ids: Sequence[str]) -> None:
        """Begin the first act that the state of the containers allows."""
        if self._worker is not None and not self._worker.is_finished:
            self._say("another act is still running")
            return
        refusal: LettaopsError | None = None
        for action in choices:
            try:
                self._dashboard.permission.check(action.act)
                plan = make_plan(action.act, stack, container_ids, engine=self._dashboard.target.name)
            except LettaopsError as error:
                refusal = refusal or error
                continue
            if len(choices) > 1 and not any(step.changes for step in plan.steps):
                continue  # the other one of a pair, as start and stop on one key
            self._worker = self._app.run_worker(
                partial(self._confirm_and_run, action, plan),
                group="act",
                exit_on_error=False,
                description=action.title,
            )
            return
        if refusal is not None:
            self._say(_in_words(refusal))

    async def _confirm_and_run(self, action: Action, plan: Plan) -> None:
        name = action.title.lower()
        asks = action.danger is not Danger.NONE
        if asks and not await self._app.push_screen_wait(ConfirmScreen(action, plan)):
            self._say(f"{name}: left alone")
            return
        self._say(f"{name} {', '.join(step.name for step in plan.steps)} …")
        started = time.monotonic()
        try:
            async for result in self._dashboard.run(plan):
                took = duration(time.monotonic() - started)
                joint = " " if result.exit is Exit.DONE else ": "
                self._say(f"{result.step.name}{joint}{result.words} ({took}) {result.next_step}")
        except LettaopsError as error:
            self._say(_in_words(error))
        except Exception as error:
            where = self._say_fault(f"{name} ended by a fault", error)
            self._say(f"{name} ended by a fault of lettaops: look before trying again; {where}")


def _in_words(error: LettaopsError) -> str:
    return " ".join(filter(None, (f"{error.what}.", error.not_done, error.next_step)))
