"""Acts from the dashboard: plan, confirm, run, and a line about how it went."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Protocol

from textual.app import App
from textual.worker import Worker

from lettaops.actions import Action, Danger
from lettaops.dashboard import Dashboard
from lettaops.model.errors import Exit, LettaopsError
from lettaops.model.stack import Stack
from lettaops.model.text import Safe, clean
from lettaops.model.timeline import Weight
from lettaops.model.units import duration
from lettaops.operations.execute import StepResult
from lettaops.operations.plan import Act, Plan, make_plan

from .activity import Lasting
from .confirm import ConfirmScreen

_ROOTS_FIRST: Final = frozenset({Act.START, Act.UNPAUSE})  # what others need comes before them
_TICK_SECONDS: Final = 1.0


class Teller(Protocol):
    """The application, as far as acts need it."""

    def say(self, words: str, lasting: Lasting = Lasting.NEWS) -> None:
        """Show a line."""
        ...

    def announce(self, words: str, *, worse: bool) -> None:
        """Show a line that must be seen wherever the operator is."""
        ...

    def say_fault(self, what: str, error: Exception) -> str:
        """Show a line about a fault of our own; where its report is."""
        ...

    def show_again(self) -> None:
        """Show the last snapshot anew, with what is being done now."""
        ...


class Acting:
    """One act at a time."""

    def __init__(self, app: App[Any], dashboard: Dashboard, teller: Teller) -> None:
        self._app = app
        self._dashboard = dashboard
        self._teller = teller
        self._worker: Worker[None] | None = None
        self._doing = ""

    @property
    def doing(self) -> str:
        """What is being done at this moment: `restart letta_db`; empty for nothing."""
        return self._doing

    def begin(self, choices: Sequence[Action], stack: Stack, container_ids: Sequence[str]) -> None:
        """Begin the first act that the state of the containers allows, on all of them in a safe order."""
        if self._worker is not None and not self._worker.is_finished:
            self._teller.say("another act is still running")
            return
        refusal: LettaopsError | None = None
        for action in choices:
            try:
                self._dashboard.permission.check(action.act)
                plan = self._plan(action, stack, container_ids)
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
            self._teller.say(_in_words(refusal), Lasting.TROUBLE)

    def _plan(self, action: Action, stack: Stack, container_ids: Sequence[str]) -> Plan:
        chain = [each.container for each in stack.members if each.container.id in container_ids]
        if action.act in _ROOTS_FIRST:
            chain.reverse()
        return make_plan(
            action.act,
            stack,
            [each.id for each in chain] or container_ids,
            engine=self._dashboard.target.name,
            connections=self._dashboard.connections(chain),
        )

    async def _confirm_and_run(self, action: Action, plan: Plan) -> None:
        name = action.title.lower()
        asks = action.danger is not Danger.NONE
        if asks and not await self._app.push_screen_wait(ConfirmScreen(action, plan)):
            self._teller.say(f"{name}: left alone")
            return
        self._doing = f"{name} {', '.join(step.name for step in plan.steps)}"
        self._teller.say(f"{self._doing} …", Lasting.PROGRESS)
        tick = self._app.set_interval(_TICK_SECONDS, partial(self._app.call_next, self._teller.show_again))
        try:
            await self._run(action, plan)
        finally:
            tick.stop()
            self._doing = ""
            self._teller.show_again()

    async def _run(self, action: Action, plan: Plan) -> None:
        name, started, done = action.title.lower(), time.monotonic(), 0
        try:
            async for result in self._dashboard.run(plan):
                took = duration(time.monotonic() - started)
                failed = result.exit is not Exit.DONE
                joint = ": " if failed else " "
                words = f"{result.step.name}{joint}{result.words} ({took}) {result.next_step}"
                self._note(action, result, took)
                done += not failed
                left = len(plan.steps) - done
                if failed or not left:
                    whole = f"; {name} is done with all {done}" if done > 1 and not left else ""
                    self._teller.announce(f"{words.rstrip()}{whole}", worse=failed)
                else:
                    self._teller.say(f"{words.rstrip()}; {left} to go …", Lasting.PROGRESS)
        except LettaopsError as error:
            self._teller.announce(_in_words(error), worse=True)
            self._dashboard.note(plan.steps[0].name, clean(f"{name}: {_in_words(error)}"), Weight.FAULT)
        except Exception as error:
            words = f"{name} ended by a fault of lettaops: look before trying again"
            where = self._teller.say_fault(words, error)
            self._dashboard.note(plan.steps[0].name, clean(f"{words}; {where}"), Weight.FAULT)

    def _note(self, action: Action, result: StepResult, took: Safe) -> None:
        """Keep a result among the events: the line above the footer is soon another."""
        done = result.exit is Exit.DONE
        words = f"{action.title.lower()} by {self._dashboard.user}: {result.words} ({took})"
        self._dashboard.note(result.step.name, clean(words), Weight.CHANGE if done else Weight.FAULT)


def _in_words(error: LettaopsError) -> str:
    return " ".join(filter(None, (f"{error.what}.", error.not_done, error.next_step)))
