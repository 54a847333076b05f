from __future__ import annotations

import pytest

from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import Problem, SourceFile, errors_of
from fencepost_gateway.documents.kinds import MODELS
from fencepost_gateway.documents.loader import load
from fencepost_gateway.documents.models.journey import STEPS_MAX

AROUND = """\
kind: fence
id: studio
circle: {lat: 43.73, lon: 7.42, radius_m: 60}
tags: [studio]
---
kind: fence
id: clinic
circle: {lat: 43.74, lon: 7.42, radius_m: 60}
tags: [clinic]
sensitive: true
---
kind: template
id: greet
purpose: marketing
tracking: {clicks: true}
sms: {text: hi}
email: {subject: hi, text: hi}
web_push: {title: hi}
---
kind: table
id: tiers
rows: {gold: {lounge: true}}
---
kind: source
id: tickets
url: https://tickets.example.com/left
sign: [tickets_signing]
---
kind: source
id: weather
url: https://weather.example.com/now
---
kind: experiment
id: test
arms: {A: 1, B: 1}
---
kind: audience
id: vips
when: {person: tier, is: gold}
---
kind: campaign
id: other
entry: {event: other}
message: {template: greet, channels: [sms]}
tags: [known]
"""
HEAD = "kind: journey\nid: j\nentry: {event: cart}\ngoal: none\n"
SMS = "message: {template: greet, channels: [sms]}"


def problems(written: str, head: str = HEAD, *, more: str = "") -> list[Problem]:
    """Load and check a journey of these steps; more documents may stand beside."""
    text = f"{head}steps:\n{written}"
    files = [SourceFile("around.yaml", AROUND), SourceFile("j.yaml", text)]
    loaded = load([*files, SourceFile("more.yaml", more)])
    if loaded.problems:
        return loaded.problems
    found = check(loaded.documents, [], lint_documents)
    return [each for each in found if "no template renders" not in each.what]


def said(written: str, head: str = HEAD, *, more: str = "") -> list[str]:
    """Say the problems as they are printed."""
    return [str(each) for each in problems(written, head, more=more)]


GOOD = {
    "reaction": f"""\
  - {{id: a, {SMS}}}
  - wait: {{for: {{clicked: a}}, timeout: 1d}}
    then: {{clicked: end}}
  - {{{SMS}}}
""",
    "loop with a wait": f"""\
  - {{id: a, {SMS}}}
  - wait: {{for_duration: 1d}}
  - branch: [{{when: {{person: x, is: 1}}, to: a}}, {{otherwise: end}}]
""",
    "falling through past the end": f"  - {{{SMS}}}\n",
    "to after a branch": """\
  - branch: [{when: {audience: vips}, to: end}, {otherwise: on}]
  - to: end
  - {id: on, goal: true}
""",
    "looked up before": """\
  - look_up: {table: tiers, key: {person: tier}, as: row}
    then: {missing: end}
  - update: {set: {lounge: {value: row.lounge}}}
""",
    "experiment": """\
  - split: {experiment: test}
    then: {A: end}
  - webhook: {source: tickets}
""",
    "opened by one of its channels": """\
  - id: a
    message: {template: greet, channels: [sms, email]}
  - wait: {for: {opened: a}, timeout: 1d}
""",
    "waits up to the lifetime": "  - wait: {for_duration: 89d}\n",
    "jump": "  - jump: other\n",
}


@pytest.mark.parametrize("written", GOOD.values(), ids=GOOD.keys())
def test_what_is_right_is_not_complained_of(written: str) -> None:
    """Neither error nor warning."""
    assert said(written) == []


IN = "journey j, "
ERRORS: dict[str, tuple[str, str]] = {
    "unknown target": (
        f"  - {{id: greet, {SMS}, then: {{sent: gret}}}}\n",
        f"j.yaml:6: {IN}step greet, then.sent: there is no step gret; did you mean greet?",
    ),
    "unknown target of a branch": (
        "  - branch: [{when: true, to: nowhere}, {otherwise: end}]\n",
        (
            f"j.yaml:6: {IN}step 1, branch.0.to: there is no step nowhere; "
            "give a step this id, or name another"
        ),
    ),
    "the same id twice": (
        "  - {id: a, stage: a}\n  - {id: a, stage: b}\n",
        f"j.yaml:7: {IN}step a, id: a second step a; give it an id of its own",
    ),
    "target by number": (
        "  - {stage: a}\n  - {to: '1'}\n",
        (
            f"j.yaml:7: {IN}step 2, to: step 1 has no id, and numbers move; "
            "give that step an id, and name it"
        ),
    ),
    "id that is the end": (
        "  - {id: end, stage: a}\n",
        f"j.yaml:6: {IN}step end, id: end is where every journey ends; give the step another id",
    ),
    "id of digits": (
        "  - {id: '7', stage: a}\n",
        (
            f"j.yaml:6: {IN}step 7, id: an id of digits alone is what steps without one get; "
            "begin it with a letter"
        ),
    ),
    "unreachable step": (
        f"  - {{{SMS}}}\n  - to: end\n  - {{id: lost, {SMS}}}\n",
        f"j.yaml:8: {IN}step lost: no run comes to this step; send one here, or take it out",
    ),
    "nothing but an end": (
        "  - to: end\n",
        f"j.yaml:5: {IN}steps: the journey ends before its first step; take the to: out",
    ),
    "to that leads to itself": (
        "  - {id: a, wait: {for_duration: 1h}, then: {}}\n  - {id: b, to: b}\n",
        f"j.yaml:7: {IN}step b, to: it leads back to itself; name another step",
    ),
    "loop without a wait": (
        f"  - {{id: a, {SMS}}}\n  - {{id: b, to: a}}\n",
        (
            f"j.yaml:6: {IN}step a: a loop without a wait: a - a; "
            "add a wait for a time, or for something to happen"
        ),
    ),
    "loop through a date that may be over": (
        "  - {id: a, stage: b}\n  - wait: {until_date: {person: renewal}}\n  - to: a\n",
        (
            f"j.yaml:6: {IN}step a: a loop without a wait: a - 2 - a; "
            "add a wait for a time, or for something to happen"
        ),
    ),
    "loop through a wait that is broken at once": (
        (
            "  - id: a\n    wait: {for_duration: 1d, while: {person: x, is: 1}}\n"
            "    then: {broken: a}\n"
        ),
        (
            f"j.yaml:6: {IN}step a: a loop without a wait: a - a; "
            "add a wait for a time, or for something to happen"
        ),
    ),
    "wait beyond the lifetime": (
        "  - wait: {for_duration: 90d}\n",
        (
            f"j.yaml:6: {IN}step 1, wait.for_duration: this wait is as long as the lifetime, 90d, "
            "or longer; shorten it, or add lifetime: to the journey"
        ),
    ),
    "wait beyond the lifetime that the journey names": (
        "  - wait: {for_duration: 2d}\nlifetime: 1d\n",
        (
            f"j.yaml:6: {IN}step 1, wait.for_duration: this wait is as long as the lifetime, 1d, "
            "or longer; shorten it, or lengthen lifetime:"
        ),
    ),
    "waits that are too long together": (
        (
            f"  - {{id: a, {SMS}}}\n  - wait: {{for: {{clicked: a}}, timeout: 60d}}\n"
            "    then: {clicked: end}\n  - wait: {for: {event: x}, timeout: 30d}\n"
        ),
        (
            f"j.yaml:9: {IN}step 3, wait.timeout: this wait with the waits before it is as long as "
            "the lifetime, 90d, or longer; shorten it, or add lifetime: to the journey"
        ),
    ),
    "reaction to what sends nothing": (
        "  - {id: a, stage: x}\n  - wait: {for: {clicked: a}, timeout: 1d}\n",
        f"j.yaml:7: {IN}step 2, wait.for.clicked: step a sends nothing; name a step with a message",
    ),
    "reaction to what comes later": (
        f"  - wait: {{for: {{clicked: a}}, timeout: 1d}}\n  - {{id: a, {SMS}}}\n",
        (
            f"j.yaml:6: {IN}step 1, wait.for.clicked: step a does not come before, so nobody can "
            "have clicked it yet; name a message that was sent by then"
        ),
    ),
    "reaction that its channels never have": (
        f"  - {{id: a, {SMS}}}\n  - wait: {{for: {{opened: a}}, timeout: 1d}}\n",
        (
            f"j.yaml:7: {IN}step 2, wait.for.opened: a message by sms is never opened; "
            "wait for delivered, failed, clicked, replied, or add a channel"
        ),
    ),
    "template": (
        "  - message: {template: gret, channels: [sms]}\n",
        f"j.yaml:6: {IN}step 1, message.template: there is no template gret; did you mean greet?",
    ),
    "channel": (
        "  - message: {template: greet, channels: [in_app]}\n",
        (
            f"j.yaml:6: {IN}step 1, message.channels.0: template greet has no content for in_app; "
            "add in_app: to the template, or take the channel out"
        ),
    ),
    "only_open without opening hours": (
        "  - message: {template: greet, channels: [sms], only_open: true}\n",
        (
            f"j.yaml:6: {IN}step 1, message.only_open: only_open, and no entry's fence has opening "
            "hours; add active: to a fence, or take it out"
        ),
    ),
    "audience in a branch": (
        "  - branch: [{when: {audience: vip}, to: end}, {otherwise: end}]\n",
        (
            f"j.yaml:6: {IN}step 1, branch.0.when.audience: there is no audience vip; "
            "did you mean vips?"
        ),
    ),
    "fence in a while": (
        "  - wait: {for_duration: 1d, while: {inside: {tag: studo}}}\n",
        f"j.yaml:6: {IN}step 1, wait.while.inside: no fence with tag studo; did you mean studio?",
    ),
    "fence that is awaited": (
        "  - wait: {for: {transition: enter, fence: {tag: studo}}, timeout: 1d}\n",
        f"j.yaml:6: {IN}step 1, wait.for.fence: no fence with tag studo; did you mean studio?",
    ),
    "audience that is awaited": (
        "  - wait: {for: {gone: {audience: vip, on: leave}}, timeout: 1d}\n",
        (
            f"j.yaml:6: {IN}step 1, wait.for.gone.audience: there is no audience vip; "
            "did you mean vips?"
        ),
    ),
    "dwell that no fence has": (
        "  - wait: {for: {transition: dwell, fence: {tag: studio}}, timeout: 1d}\n",
        (
            f"j.yaml:6: {IN}step 1, wait.for: none of these fences has dwell_after; "
            "add dwell_after: 5m to the fence"
        ),
    ),
    "table": (
        "  - look_up: {table: tier, key: {person: tier}, as: row}\n",
        f"j.yaml:6: {IN}step 1, look_up.table: there is no table tier; did you mean tiers?",
    ),
    "source": (
        "  - webhook: {source: ticket}\n",
        f"j.yaml:6: {IN}step 1, webhook.source: there is no source ticket; did you mean tickets?",
    ),
    "source that cannot be told": (
        "  - webhook: {source: weather}\n",
        (
            f"j.yaml:6: {IN}step 1, webhook.source: source weather has nothing to sign a webhook "
            "with; add sign: [NAME OF A SECRET] to the source"
        ),
    ),
    "rule about what nothing looks up": (
        "  - branch: [{when: {all: [{value: left.n, gt: 0}]}, to: end}, {otherwise: end}]\n",
        (
            f"j.yaml:6: {IN}step 1, branch.0.when: nothing is looked up as left; "
            "write the look_up with as:, or name another"
        ),
    ),
    "experiment": (
        "  - split: {experiment: tests}\n",
        f"j.yaml:6: {IN}step 1, split.experiment: there is no experiment tests; did you mean test?",
    ),
    "arm": (
        "  - split: {experiment: test}\n    then: {C: end}\n",
        (
            f"j.yaml:7: {IN}step 1, then.C: experiment test has no arm C; "
            "write the arm there, or name one of: A, B"
        ),
    ),
    "value that nothing is looked up as": (
        "  - update: {set: {a: {value: row.x}}}\n",
        (
            f"j.yaml:6: {IN}step 1, update.set.a.value: nothing is looked up as row; "
            "write the look_up with as:, or name another"
        ),
    ),
    "value that is looked up later": (
        (
            "  - update: {set: {a: {value: row.x}}}\n"
            "  - look_up: {table: tiers, key: {person: tier}, as: row}\n"
        ),
        f"j.yaml:6: {IN}step 1, update.set.a.value: row is looked up only later; look it up before",
    ),
    "jump": (
        "  - jump: othr\n",
        f"j.yaml:6: {IN}step 1, jump: there is no journey or campaign othr; did you mean other?",
    ),
    "jump to itself": (
        "  - jump: j\n",
        (
            f"j.yaml:6: {IN}step 1, jump: journeys jump in a circle without a wait: j - j; "
            "add a wait to one"
        ),
    ),
    "unknown kind of step": (
        "  - mesage: {}\n",
        f"j.yaml:6: {IN}step 1, mesage: unknown member mesage; did you mean message?",
    ),
    "two kinds in a step": (
        f"  - {{{SMS}, goal: true}}\n",
        f"j.yaml:6: {IN}step 1: both message and goal; make two steps of it",
    ),
    "no kind of step": (
        "  - {note: x}\n",
        (
            f"j.yaml:6: {IN}step 1: the step does nothing; write one of: message, wait, branch, "
            "split, limit, update, look_up, webhook, goal, jump, to, stage"
        ),
    ),
    "offer": (
        "  - offer: {placement: x}\n",
        f"j.yaml:6: {IN}step 1, offer: offer comes later; write the offer into a template",
    ),
    "to with something beside it": (
        "  - {id: a, stage: x}\n  - {to: end, stage: y}\n",
        f"j.yaml:7: {IN}step 2: to has nothing beside it; write to: STEP alone",
    ),
    "way of a message": (
        f"  - {{{SMS}, then: {{clicked: end}}}}\n",
        (
            f"j.yaml:6: {IN}step 1, then.clicked: a message has no way clicked; "
            "write one of: sent, withheld, failed, unknown"
        ),
    ),
    "reason of a withheld message": (
        f"  - {{{SMS}, then: {{withheld.no_adress: end}}}}\n",
        (
            f"j.yaml:6: {IN}step 1, then.withheld.no_adress: a message has no way "
            "withheld.no_adress; write withheld.REASON with a reason of the reference, such as "
            "withheld.no_address"
        ),
    ),
    "answer to a failed message": (
        f"  - {{{SMS}, then: {{failed.no_address: end}}}}\n",
        (
            f"j.yaml:6: {IN}step 1, then.failed.no_address: a message has no way "
            "failed.no_address; write failed.ANSWER with one of: gone, opted_out, rejected, "
            "misconfigured, unavailable"
        ),
    ),
    "way of a wait": (
        "  - {wait: {for_duration: 1d}, then: {timeout: end}}\n",
        f"j.yaml:6: {IN}step 1, then.timeout: a wait has no way timeout; take it out",
    ),
    "way of a split": (
        "  - {split: {a: 1, b: 1}, then: {c: end}}\n",
        f"j.yaml:6: {IN}step 1, then.c: a split has no way c; write one of: a, b",
    ),
    "way of a stage": (
        "  - {stage: x, then: {a: end}}\n",
        f"j.yaml:6: {IN}step 1, then.a: a stage has no way a; take it out",
    ),
    "two waits in one": (
        "  - wait: {for_duration: 1d, until: '10:00'}\n",
        (
            f"j.yaml:6: {IN}step 1, wait: both for_duration and until; "
            "write one of: for_duration, until, until_date, for"
        ),
    ),
    "wait for nothing": (
        "  - wait: {for: {}}\n",
        (
            f"j.yaml:6: {IN}step 1, wait.for: nothing to wait for; "
            "write one of: event, transition, audience, external"
        ),
    ),
    "timeout without for": (
        "  - wait: {for_duration: 1d, timeout: 2d}\n",
        f"j.yaml:6: {IN}step 1, wait: timeout belongs to for; write for_duration: to wait so long",
    ),
    "zone without until": (
        "  - wait: {for_duration: 1d, zone: person}\n",
        (
            f"j.yaml:6: {IN}step 1, wait: zone and days belong to until; "
            "take them out; until_date has a zone of its own"
        ),
    ),
    "unknown zone": (
        "  - wait: {until: '10:00', zone: Mars}\n",
        (
            f"j.yaml:6: {IN}step 1, wait.zone: no time zone; "
            "write person, workspace, or a name such as Europe/Monaco"
        ),
    ),
    "no local time": (
        "  - wait: {until: '25:00'}\n",
        f'j.yaml:6: {IN}step 1, wait.until: no local time; write "07:30"',
    ),
    "name that every wait has": (
        "  - wait: {for: {timeout: {event: x}}, timeout: 1d}\n",
        (
            f"j.yaml:6: {IN}step 1, wait: broken, no_date, timeout are ways of every wait; "
            "name it otherwise"
        ),
    ),
    "no date": (
        "  - wait: {until_date: {minus: 7d}}\n",
        (
            f"j.yaml:6: {IN}step 1, wait.until_date: which date?; "
            "write person: ATTRIBUTE or event: PROPERTY"
        ),
    ),
    "date moved both ways": (
        "  - wait: {until_date: {person: a, minus: 7d, plus: 1d}}\n",
        f"j.yaml:6: {IN}step 1, wait.until_date: both plus and minus; keep one of them",
    ),
    "branch of otherwise alone": (
        "  - branch: [{otherwise: end}]\n",
        (
            f"j.yaml:6: {IN}step 1, branch: nothing to branch on; "
            "add {when: RULE, to: STEP} before otherwise"
        ),
    ),
    "otherwise before the last": (
        "  - branch: [{when: true, to: end}, {otherwise: end}, {when: true, to: end}]\n",
        f"j.yaml:6: {IN}step 1, branch.1.otherwise: otherwise is not the last; move it down",
    ),
    "case without a target": (
        "  - branch: [{when: true}]\n",
        (
            f"j.yaml:6: {IN}step 1, branch.0: to goes with when; "
            "write {when: RULE, to: STEP} or {otherwise: STEP}"
        ),
    ),
    "split one way": (
        "  - split: {a: 1}\n",
        f"j.yaml:6: {IN}step 1, split: a split has two ways at least; add another",
    ),
    "split without weight": (
        "  - split: {a: 0, b: 0}\n",
        f"j.yaml:6: {IN}step 1, split: no way has a weight; give one of them more than 0",
    ),
    "split by both": (
        "  - split: {experiment: test, a: 1}\n",
        (
            f"j.yaml:6: {IN}step 1, split: split by what?; "
            "write weights, {a: 50, b: 50}, or experiment: ID"
        ),
    ),
    "random experiment": (
        "  - split: {experiment: test, random: true}\n",
        f"j.yaml:6: {IN}step 1, split: an experiment is drawn once; take random out",
    ),
    "limit of nobody": (
        "  - {limit: {to: 0}, then: {full: end}}\n",
        (
            f"j.yaml:6: {IN}step 1, limit.to: 0 does not fit; "
            "input should be greater than or equal to 1"
        ),
    ),
    "update of nothing": (
        "  - update: {}\n",
        (
            f"j.yaml:6: {IN}step 1, update: nothing to update; "
            "write set: {attribute: value} or unset: [attribute]"
        ),
    ),
    "update of what the app says": (
        "  - update: {set: {zone: x}}\n",
        (
            f"j.yaml:6: {IN}step 1, update.set.zone: zone is not set by a journey; "
            "the app and the person say it"
        ),
    ),
    "update that contradicts itself": (
        "  - update: {set: {a: 1}, unset: [a]}\n",
        f"j.yaml:6: {IN}step 1, update: a is set and unset; keep one of them",
    ),
    "value that is a mapping": (
        "  - update: {set: {a: {evnt: x}}}\n",
        f"j.yaml:6: {IN}step 1, update.set.a.evnt: unknown member evnt; did you mean event?",
    ),
    "value that is null": (
        "  - update: {set: {a: null}}\n",
        (
            f"j.yaml:6: {IN}step 1, update.set.a: no plain value; "
            "write text, a number, true, false, a list of such, or {event: PROPERTY}"
        ),
    ),
    "look-up without a key": (
        "  - look_up: {table: tiers, as: row}\n",
        (
            f"j.yaml:6: {IN}step 1, look_up: key goes with table; "
            "write {table: ID, key: {person: …}, as: NAME}"
        ),
    ),
    "look-up nowhere": (
        "  - look_up: {as: row}\n",
        f"j.yaml:6: {IN}step 1, look_up: looked up where?; write table: ID or source: ID",
    ),
    "goal that is none": (
        "  - goal: false\n",
        f"j.yaml:6: {IN}step 1, goal: False is not possible here; write True",
    ),
}


@pytest.mark.parametrize(("written", "line"), ERRORS.values(), ids=ERRORS.keys())
def test_what_would_hurt_is_an_error_with_line_step_and_remedy(written: str, line: str) -> None:
    """One line for each, and it stops the publication."""
    found = problems(written)

    assert [str(each) for each in found] == [line]
    assert errors_of(found) == found


WARNINGS: dict[str, tuple[str, str]] = {
    "branch without otherwise": (
        "  - branch: [{when: {audience: vips}, to: end}]\n",
        (
            f"j.yaml:6: {IN}step 1, branch: warning: no otherwise: a run ends here if "
            f"nothing holds; "
            "add {otherwise: STEP}, or {otherwise: end}"
        ),
    ),
    "weight 0": (
        "  - split: {a: 1, b: 0}\n",
        (
            f"j.yaml:6: {IN}step 1, split.b: warning: nobody goes the way b: its weight is 0; "
            "give it one, or take it out"
        ),
    ),
    "limit without full": (
        "  - limit: {to: 5}\n",
        (
            f"j.yaml:6: {IN}step 1, limit: warning: no way for those who are too many: "
            "they go on like the others; add then: {full: STEP}"
        ),
    ),
    "look-up without a way for its failure": (
        "  - look_up: {source: tickets, as: left}\n",
        (
            f"j.yaml:6: {IN}step 1, look_up: warning: no way for error: when no answer comes a run "
            "goes on without the value; add then: {error: STEP}"
        ),
    ),
    "wait without a timeout": (
        "  - wait: {for: {event: x}}\n",
        (
            f"j.yaml:6: {IN}step 1, wait: warning: no timeout: whom it never happens to waits "
            "until the lifetime ends; add timeout: and its way, then: {timeout: STEP}"
        ),
    ),
}


@pytest.mark.parametrize(("written", "line"), WARNINGS.values(), ids=WARNINGS.keys())
def test_what_is_hardly_meant_is_a_warning(written: str, line: str) -> None:
    """It is said, and stops nothing."""
    found = problems(written)

    assert [str(each) for each in found] == [line]
    assert errors_of(found) == []


HEADS: dict[str, tuple[str, str]] = {
    "no goal": (
        HEAD.replace("goal: none\n", ""),
        "j.yaml:1: journey j: goal is missing; add goal: {event: …, within: 14d}, or goal: none",
    ),
    "message of a campaign": (
        HEAD + "message: {template: greet, channels: [sms]}\n",
        (
            f"j.yaml:5: {IN}message: unknown member message; "
            "write it as a step: steps: [{message: …}]"
        ),
    ),
    "fence of the entry": (
        HEAD.replace("{event: cart}", "[{event: cart}, {transition: enter, fence: {tag: x}}]"),
        (
            f"j.yaml:3: {IN}entry.1.fence: no fence with tag x; "
            "write the fence, or name one of: clinic, studio"
        ),
    ),
    "rule of the entry": (
        HEAD + "when: {trait: x, gt: 1}\n",
        f"j.yaml:5: {IN}when.trait: there is no trait x; write the trait, or name another",
    ),
    "audience that ends it": (
        HEAD + "exit_on: {audience: vip}\n",
        f"j.yaml:5: {IN}exit_on.audience: there is no audience vip; did you mean vips?",
    ),
    "reaction that ends it": (
        HEAD + "exit_on: [{clicked: a}]\n",
        f"j.yaml:5: {IN}exit_on.0.clicked: step a sends nothing; name a step with a message",
    ),
    "schedule that ends it": (
        HEAD + 'exit_on: [{schedule: "0 10 * * *"}]\n',
        (
            f"j.yaml:5: {IN}exit_on.0: nothing to wait for; "
            "write one of: event, transition, audience, external"
        ),
    ),
    "moment nowhere": (
        HEAD + "run: {from: 2026-06-01}\n",
        (
            f"j.yaml:5: {IN}run.from: a moment without offset, and no workspace zone; "
            "write the offset, or set zone: in a workspace document"
        ),
    ),
    "lifetime of nothing": (
        HEAD + "lifetime: 2000d\n",
        "j.yaml:1: journey j: no run lives that long; write lifetime: 1825d or less",
    ),
}


@pytest.mark.parametrize(("head", "line"), HEADS.values(), ids=HEADS.keys())
def test_the_head_of_a_journey_is_checked_as_a_campaign_s(head: str, line: str) -> None:
    """Entries, condition, exits and dates."""
    assert said("  - {id: a, stage: x}\n", head) == [line]


def test_journeys_and_campaigns_share_their_ids() -> None:
    """Records and caps know both by one name."""
    assert said("  - stage: x\n", HEAD.replace("id: j", "id: other")) == [
        (
            "j.yaml:2: journey other, id: a campaign is called other too, and they share their "
            "ids; give the journey another id, or archive it"
        )
    ]


def test_jumps_in_a_circle_are_errors_without_a_wait_and_doubted_with_one() -> None:
    """A circle is found through any number of journeys."""
    back = "kind: journey\nid: k\nentry: {event: x}\ngoal: none\nsteps: [{jump: j}]\n"

    assert said("  - jump: k\n", more=back) == [
        (
            f"j.yaml:6: {IN}step 1, jump: journeys jump in a circle without a wait: j - k - j; "
            "add a wait to one"
        ),
        (
            "more.yaml:5: journey k, step 1, jump: journeys jump in a circle without a wait: "
            "k - j - k; add a wait to one"
        ),
    ]
    assert [each.is_warning for each in problems("  - wait: {for_duration: 1d}\n  - jump: k\n",
                                                 more=back)] == [True, True]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "spot"),
    [
        ((f"  - {{{SMS}, id: a}}\n  - wait: {{for: {{transition: exit, fence: {{tag: clinic}}}}, "
         "timeout: 1d}\n"), "step 2, wait.for.fence"),
        ((f"  - branch: [{{when: {{inside: {{tag: clinic}}}}, to: end}}, {{otherwise: a}}]\n"
         f"  - {{{SMS}, id: a}}\n"), "step 1, branch.0.when"),
    ],
)  # fmt: skip
def test_marketing_of_a_journey_asks_for_no_sensitive_fence(written: str, spot: str) -> None:
    """As a campaign's; service messages may."""
    (line,) = said(written)
    service = "kind: template\nid: code\npurpose: transactional\nsms: {text: hi}\n"
    quiet = written.replace("template: greet", "template: code")

    assert f"{IN}{spot}: " in line
    assert "sensitive" in line
    assert said(quiet, more=service) == []


@pytest.mark.parametrize(
    ("what", "channels", "tracking", "doubts"),
    [
        ("clicked", "email", "", True),
        ("clicked", "sms", "tracking: {clicks: true}", False),
        ("clicked", "email", "tracking: {opens: true}", True),
        ("opened", "email", "tracking: {opens: true}", False),
        ("opened", "email", "tracking: {clicks: true}", False),
        ("opened", "email", "", True),
        ("clicked", "email, web_push", "", False),
        ("bounced", "email", "", False),
    ],
)
def test_wait_for_what_nobody_tells_is_doubted(
    what: str,
    channels: str,
    tracking: str,
    doubts: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Email and SMS tell of openings and clicks only where their template asks for it."""
    more = f"kind: template\nid: t\npurpose: marketing\n{tracking}\n"
    more += "sms: {text: hi}\nemail: {subject: hi, text: hi}\nweb_push: {title: hi}\n"
    steps = f"  - id: a\n    message: {{template: t, channels: [{channels}]}}\n"
    steps += f"  - wait: {{for: {{{what}: a}}, timeout: 1d}}\n"
    found = [line for line in said(steps, more=more) if "not tracked" in line]

    assert bool(found) == doubts
    assert all("warning" in line for line in found)


PLACES = f"""  - branch: [{{when: {{inside: {{tag: studio}}}}, to: a}}, {{otherwise: end}}]
  - {{{SMS}, id: a}}
"""
ASKS = HEAD + "when: {consent: location_marketing}\n"


def test_marketing_by_where_people_are_asks_for_the_consent_to_it() -> None:
    """A branch or an audience that looks at places is doubted, unless the purpose is asked for."""
    doubt = (
        "warning: marketing by where people are, without the consent for it; "
        "add {consent: location_marketing} to the rule, or to when:"
    )
    near = "kind: audience\nid: near\nwhen: {visited: {tag: studio}, within: 30d}\n"
    joined = HEAD.replace("{event: cart}", "{audience: near}")
    service = "kind: template\nid: code\npurpose: transactional\nsms: {text: hi}\n"

    assert said(PLACES) == [f"j.yaml:6: {IN}step 1, branch.0.when: {doubt}"]
    assert said(f"  - {SMS}\n", joined, more=near) == [f"j.yaml:3: {IN}entry: {doubt}"]
    assert said(PLACES, ASKS) == []
    assert (
        said(PLACES, HEAD.replace("{event: cart}", "{transition: exit, fence: {tag: studio}}"))
        == []
    )
    assert said(PLACES.replace("greet", "code"), more=service) == []


def test_what_refers_to_campaigns_refers_to_journeys_too() -> None:
    """Caps, and rules about messages that were got."""
    caps = """\
kind: caps
id: default
rules: [{limit: 1, per: day, scope: {campaign: j, tag: [own, known], brand: luma}}]
---
kind: campaign
id: third
entry: {event: x}
when: {all: [{got: j}, {got: own}]}
message: {template: greet, channels: [sms]}
"""

    assert said("  - stage: x\n", HEAD + "tags: [own]\nbrand: luma\n", more=caps) == []


def test_a_template_that_a_journey_sends_is_used() -> None:
    """And its event is there if an event brings people in."""
    more = 'kind: template\nid: t\npurpose: marketing\nsms: {text: "{{ event.x }}"}\n'
    sends = "  - message: {template: t, channels: [sms]}\n"
    enters = HEAD.replace("{event: cart}", "{transition: enter, fence: {tag: studio}}")

    assert not [line for line in said(sends, more=more) if "no event wakes" in line]
    assert [line for line in said(sends, enters, more=more) if "no event wakes journey j" in line]
    assert not [line for line in said(sends, more=more) if "sends this template" in line]


def test_too_many_steps_are_refused() -> None:
    """The bound is said."""
    (line,) = said("  - stage: x\n" * (STEPS_MAX + 1))

    assert f"{STEPS_MAX} items" in line


URLS = {
    "http": "http://a.example.com/",
    "password": "https://me:secret@a.example.com/",
    "fragment": "https://a.example.com/#x",
    "loopback": "https://127.0.0.1/",
    "short loopback": "https://127.1/",
    "number": "https://2130706433/",
    "hexadecimal": "https://0x7f000001/",
    "loopback 6": "https://[::1]/",
    "mapped": "https://[::ffff:10.0.0.1]/",
    "private": "https://10.1.2.3/",
    "metadata": "https://169.254.169.254/latest",
    "name without a dot": "https://intranet/",
    "localhost": "https://localhost/",
    "name under localhost": "https://a.localhost./",
    "local": "https://printer.local/",
    "internal": "https://metadata.google.internal/",
    "file": "file:///etc/passwd",
    "no host": "https:///x",
    "bad port": "https://a.example.com:99999/",
    "blank": "https://a.example.com/a b",
    "host by a value": "https://{event.host}.example.com/",
    "place of nothing": "https://a.example.com/{now}",
    "open brace": "https://a.example.com/{event.x",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS.keys())
def test_source_names_a_public_https_host(url: str) -> None:
    """Refused when it is saved; whoever calls looks at the address again."""
    loaded = load([SourceFile("s.yaml", f'kind: source\nid: s\nurl: "{url}"\n')])
    (problem,) = loaded.problems

    assert problem.line == 3
    assert problem.where == "source s, url"


def test_source_and_table_are_bounded() -> None:
    """Times, headers by secret name, rows and cells."""
    text = """\
kind: source
id: s
url: https://8.8.8.8/x?y=1
ttl_s: 90000
timeout_s: 60
headers: {Authorization: Bearer x, Host: other, Webhook-Id: x}
sign: [a, b, c]
---
kind: table
id: t
rows: {a: {b: [1]}}
"""
    spots = [each.where for each in load([SourceFile("s.yaml", text)]).problems]

    assert spots == [
        "source s, ttl_s",
        "source s, timeout_s",
        "source s, headers.Authorization",
        "source s, headers.Host",
        "source s, headers.Webhook-Id",
        "source s, sign",
        "table t, rows.a.b",
    ]
    assert {"journey", "table", "source"} <= set(MODELS)
