"""`explain`: the decision of `decide`, with every check, in the form that the npm package has."""

from __future__ import annotations

import json

import pytest
from conftest import Mint

from artos_auth import Engine, Explanation

DOCUMENT = "/api/v1/documents/doc-a"


def test_an_allow_passes_every_check(engine: Engine, mint: Mint) -> None:
    explanation = engine.explain("GET", DOCUMENT, [f"Bearer {mint()}"], resource_org="org-a")
    assert explanation.decision.allowed
    assert [step.result for step in explanation.steps[:-1]] == ["passed"] * (len(explanation.steps) - 1)
    assert (explanation.steps[-1].check, explanation.steps[-1].result) == ("permissions", "decided")


def test_a_denial_names_the_check_that_decided(engine: Engine, mint: Mint) -> None:
    explanation = engine.explain("GET", DOCUMENT, [f"Bearer {mint(exp=1)}"], resource_org="org-a")
    decided = [step for step in explanation.steps if step.result == "decided"]
    assert [(step.check, step.clauses) for step in decided] == [("expiry", ("TOK-3",))]
    assert explanation.steps[-1].result == "not reached"
    assert explanation.decision.reason == "token_expired"


def test_its_dictionary_is_json(engine: Engine, mint: Mint) -> None:
    token = [f"Bearer {mint()}"]
    shown = json.loads(json.dumps(engine.explain("GET", DOCUMENT, token, resource_org="org-a").as_dict()))
    assert set(shown) == {"decision", "steps"}
    assert shown["decision"]["principal"]["permissions"] == ["read"]
    assert set(shown["decision"]) == {
        "allowed", "status", "detail", "www_authenticate", "reason", "clause", "principal",
    }  # fmt: skip
    assert set(shown["steps"][0]) == {"check", "clauses", "result", "note"}
    assert shown["steps"][0]["clauses"] == ["PUB-1", "PUB-2"]
    refused = engine.explain("GET", DOCUMENT, [], resource_org="org-a").as_dict()
    assert (refused["decision"]["reason"], refused["decision"]["principal"]) == ("header_missing", None)


def test_it_has_no_truth_value_and_takes_what_decide_takes(engine: Engine) -> None:
    explanation = engine.explain("GET", DOCUMENT, [], resource_org=None, realm=["org-a"], account="active", now=1)
    assert isinstance(explanation, Explanation)
    with pytest.raises(TypeError, match="no truth value"):
        bool(explanation)
    with pytest.raises(TypeError):
        engine.explain("GET", DOCUMENT, [])  # type: ignore[call-arg]
