"""The sentence that says how a deployment is: causes first, then what suffers, then what is fine. Pure."""

from collections.abc import Sequence
from typing import Final

from lettaops.model.brief import brief
from lettaops.model.probe import Answers
from lettaops.model.rules import NOT_ASKED
from lettaops.model.source import Link, SourceStatus
from lettaops.model.stack import Role
from lettaops.model.text import Safe, clean
from lettaops.model.units import duration
from lettaops.model.verdict import Judgement, Verdict, names_of

_ROOTS_FIRST: Final = (Role.DATABASE, Role.CACHE, Role.SERVER, Role.PROXY, Role.OTHER)


def sentence(
    judgements: Sequence[Judgement], answers: Answers, engine: SourceStatus, age: float | None
) -> Safe:
    """How things are. `age`: seconds since the container states were current."""
    parts = [] if engine.link is Link.LIVE else [_engine(engine, age)]
    ordered = sorted(judgements, key=lambda each: _ROOTS_FIRST.index(each.member.role))
    bad = [each for each in ordered if each.verdict is not Verdict.OK and not _is_quiet(each)]
    good = [each for each in ordered if each.verdict is Verdict.OK]
    noted = [each for each in good if each.reason]
    fine = [each for each in good if not each.reason and each.member.role is not Role.OTHER]
    if not judgements:
        parts.append("no container of this stack is left")
    elif bad:
        parts += _clauses(bad, judgements)
    else:
        parts.append(_all_well(good, judgements, answers, direct=engine.link is not Link.LIVE))
    parts += _clauses(noted, judgements)
    if bad and fine:
        names = _names(fine, judgements)
        parts.append(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} fine")
    text = "; ".join(parts)
    return clean(f"{text[:1].upper() + text[1:] if text.startswith('the ') else text}.")


def _engine(engine: SourceStatus, age: float | None) -> str:
    words = "refuses us" if engine.link is Link.DENIED else "doesn't answer"
    seen = f"container states are {duration(age)} old" if age is not None else "no container was seen yet"
    return f"the engine {words} ({brief(engine.reason) or engine.link}); {seen}"


def _is_quiet(judgement: Judgement) -> bool:
    """A service of others that somebody stopped is nobody's trouble."""
    return judgement.member.role is Role.OTHER and judgement.verdict is Verdict.STOPPED


def _clauses(told: Sequence[Judgement], all_of_them: Sequence[Judgement]) -> list[str]:
    """A clause for each reason, with all that have it; a cause that has its own clause isn't repeated."""
    causes = {each.member.container.id for each in told}
    by_text: dict[Safe, list[Judgement]] = {}
    for each in told:
        by_text.setdefault(each.symptom if each.cause_id in causes else each.reason, []).append(each)
    clauses = []
    for text, each_of_it in by_text.items():
        names = _names(each_of_it, all_of_them)
        joint = ": " if len(names) > 1 or text.startswith(NOT_ASKED) else " "
        clauses.append(f"{', '.join(names)}{joint}{text}")
    return clauses


def _names(some: Sequence[Judgement], all_of_them: Sequence[Judgement]) -> list[Safe]:
    names = names_of(all_of_them)
    return [names[each.member.container.id] for each in some]


def _all_well(
    good: Sequence[Judgement], all_of_them: Sequence[Judgement], answers: Answers, *, direct: bool
) -> str:
    agents = next((each.agents for each in answers.servers.values() if each.agents is not None), None)
    tail = f"; {agents} {'agent' if agents == 1 else 'agents'} served" if agents is not None else ""
    if len(good) == 1:
        words = f"{_names(good, all_of_them)[0]} works"
    else:
        count = "both" if len(good) == 2 else f"all {len(good)}"
        words = f"{count} work" if direct else f"{count} services work"
    return f"{'asked directly, ' if direct else ''}{words}{tail}"
