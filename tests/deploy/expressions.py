"""Expressions of PromQL: what they name. Enough for the ones we write."""

import itertools
import re

LABELS = {"job", "instance", "operation", "outcome", "kind", "le", "alertname", "alertstate", "severity"}


def metrics(text):
    return set(re.findall(r"\btelpher_[a-z0-9_]+", text))


def recorded(text):
    return set(re.findall(r"\btelpher:[a-z0-9_]+:[a-z0-9_]+", text))


def labels(expr):
    within = re.findall(r"\{([^}]*)\}", expr)
    names = {name for text in within for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', text))}
    for grouping in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expr):
        names |= {name.strip() for name in grouping.split(",") if name.strip()}
    return names


def matchers(expr, label):
    """Patterns that a label is matched with, their alternatives one by one; excluding ones, too."""
    patterns = re.findall(r'\b%s\s*(?:=~|!~|=)\s*"([^"]*)"' % label, expr)
    return {one for pattern in patterns for one in alternatives(pattern)}


def alternatives(pattern):
    """ "a|x(b|c)" → a, xb, xc. No nesting."""
    depth, start, branches = 0, 0, []
    for i, c in enumerate(pattern):
        depth += {"(": 1, ")": -1}.get(c, 0)
        if c == "|" and depth == 0:
            branches.append(pattern[start:i])
            start = i + 1
    branches.append(pattern[start:])
    for branch in branches:
        pieces = [piece.split("|") for piece in re.split(r"[()]", branch)]
        yield from ("".join(chosen) for chosen in itertools.product(*pieces))
