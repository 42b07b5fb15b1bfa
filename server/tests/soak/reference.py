"""A reference decider of a few lines, which replays the audit log of a server."""

import bisect
import json

# After a revocation: `max_staleness_seconds` of the servers, and the time until a line is written.
STALENESS, SLACK = 10, 3
# The longest time of an answer. A server that waited for a source would take at least the 2 s of its shortest deadline.
LONGEST = 1.9


def reference(entry, line, broker, stale_allowed):
    """What is wrong with a line of the audit log, or None."""
    outcome, reason = line["outcome"], line["reason"]
    if entry["public"]:
        return None if outcome == "allow" else "the public path was not allowed"
    if outcome == "unavailable":
        is_known = reason == "revocations_stale"
        return None if is_known and stale_allowed(entry) else f"503 {reason} without a fault that explains it"
    known = entry["known"]
    if known["kind"] != "good":
        return None if (outcome, reason) == ("deny", known["kind"]) else f"expected {known['kind']}"
    begun, done = known["begun"].get(broker), known["done"].get(broker)
    may_allow = done is None or entry["begun"] < done + STALENESS + SLACK
    may_deny = begun is not None and entry["ended"] >= begun
    if outcome == "allow":
        return None if may_allow else f"allowed {entry['begun'] - done:.1f} s after its revocation"
    return None if reason == "token_revoked" and may_deny else "denied without a revocation"


class Control:
    """What a server without any source from outside takes for the same requests, so that a busy machine is not taken for a wait."""

    def __init__(self, samples):
        # Begin, end, and the time that was asked for in between (the pause); in the order of their ends.
        self.samples = sorted(samples, key=lambda sample: sample[1])
        self.ends = [end for _, end, _ in self.samples]

    def delay(self, begun, ended):
        """The longest delay that the control saw between two moments."""
        longest = 0.0
        for sample_begun, sample_ended, pause in self.samples[bisect.bisect_left(self.ends, begun):]:
            if sample_begun > ended:
                break
            longest = max(longest, sample_ended - sample_begun - pause)
        return longest

    def excuses(self, entry):
        """Whether the machine was as slow without a source: at least half of the time."""
        return self.delay(entry["begun"], entry["ended"]) >= (entry["ended"] - entry["begun"]) / 2


def is_late(entry, control):
    """Whether an answer took so long that it may have waited for a source."""
    return entry["ended"] - entry["begun"] > LONGEST and not control.excuses(entry)


def replay(load, broker, path, windows, control):
    """What is wrong with the audit log of a server; the outcomes in it; and how many answers were late as the control was."""
    wrong, seen, busy = [], {}, 0
    with path.open() as lines:
        for line in map(json.loads, lines):
            if line.get("request_id") in load.sent and "outcome" in line:
                kept = {name: line.get(name) for name in ("outcome", "reason", "status")}
                seen.setdefault(line["request_id"], []).append(kept)

    def stale_allowed(entry):
        return any(entry["begun"] <= end and entry["ended"] >= begun for begun, end in windows)

    for request_id, entry in load.sent.items():
        lines = seen.get(request_id, [])
        if "error" in entry:
            wrong.append(f"{request_id}: no answer: {entry['error']}")
        elif [line["status"] for line in lines] != [entry["status"]]:
            wrong.append(f"{request_id}: answered {entry['status']}, logged {[line['status'] for line in lines]}")
        else:
            problem = reference(entry, lines[0], broker, stale_allowed)
            if problem:
                wrong.append(f"{request_id} ({entry['known']['kind']}): {lines[0]['outcome']} {lines[0]['reason']}: {problem}")
            if is_late(entry, control):
                wrong.append(f"{request_id}: answered after {entry['ended'] - entry['begun']:.1f} s, as no answer of the control was")
            elif entry["ended"] - entry["begun"] > LONGEST:
                busy += 1
    return wrong, [lines[0]["outcome"] for lines in seen.values()], busy


def check_the_reference():
    """The comparison with the reference decider detects wrong answers, and late ones."""
    def says(outcome, reason, begun=None, done=None, at=1000.0, kind="good", public=False, stale=False):
        known = {"kind": kind, "begun": {} if begun is None else {"b": begun}, "done": {} if done is None else {"b": done}}
        entry = {"public": public, "begun": at, "ended": at + 0.1, "known": known}
        return reference(entry, {"outcome": outcome, "reason": reason}, "b", lambda _: stale)

    right = [
        says("allow", "authorized"), says("allow", "authorized", 999, 999.1), says("deny", "token_revoked", 1000.05),
        says("deny", "token_expired", kind="token_expired"), says("unavailable", "revocations_stale", stale=True),
        says("allow", "public", public=True, kind="key_unknown"),
    ]
    wrong = [
        says("allow", "authorized", 900, 900.1), says("deny", "token_revoked"), says("deny", "token_revoked", 1001),
        says("deny", "key_unknown"), says("allow", "authorized", kind="token_expired"), says("unavailable", "revocations_stale"),
        says("unavailable", "keys_unavailable", stale=True), says("deny", "token_missing", public=True),
    ]
    assert not any(right) and all(wrong), (right, wrong)

    # A control that is never delayed; one that is, at another time; one that is, at the same time, in its answer or in its pause.
    quick = [(second / 20, second / 20 + 0.05, 0.05) for second in range(400)]
    waited = {"begun": 5.0, "ended": 7.0}
    assert is_late(waited, Control(quick)) and is_late(waited, Control([]))
    assert is_late(waited, Control([*quick, (9.0, 11.0, 0.05)])) and is_late(waited, Control([*quick, (5.1, 5.9, 0.05)]))
    assert not is_late(waited, Control([*quick, (5.5, 6.9, 0.05)])) and not is_late({"begun": 5.0, "ended": 6.8}, Control(quick))
