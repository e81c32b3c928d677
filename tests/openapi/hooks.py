"""Rules of Annals for schemathesis: a request that fits the document is never refused for its form.

What a rule of the product refuses (404, 412, 422 with the code of a rule) is no fault of the document.
What is refused because it cannot be read, or has a value that a parameter or field does not take, is.
"""

import schemathesis

# The codes that say that a request is not of the form that the document describes.
FORM = {
    "json.malformed",
    "json.duplicate_key",
    "json.too_deep",
    "header.repeated",
    "header.malformed",
    "idempotency_key.invalid",
    "if_match.invalid",
    "effective_at.invalid",
    "reason.invalid",
    "channel.invalid",
    "command.invalid",
    "command.unknown",
    "list.invalid",
    "query.invalid",
    "query.malformed",
    "parameter.unknown",
    "parameter.repeated",
    "parameter.invalid",
    "at_least.invalid",
    "after.invalid",
    "as_of.invalid",
    "sense.unsupported",
    "by.unknown",
    "sort.unknown",
    "route.unknown",
    "schema.invalid",
}


def combined(case, problem):
    """Parameters that each fit and do not go together: the document's words say so."""
    query = case.query or {}
    if problem.get("code") == "as_of.invalid":
        # A position is no business time.
        return query.get("sense") == "effective" and str(query.get("as_of", "")).isdigit()
    parameter = (problem.get("params") or {}).get("parameter")
    if problem.get("code") == "parameter.invalid":
        # One customer, and a subtree is of an account.
        return parameter in ("contact", "subtree") and "cannot" in problem["detail"] or parameter == "subtree"
    return False


@schemathesis.check
def fits_and_is_taken(ctx, response, case):
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return
    if response.status_code == 415:
        raise AssertionError("a body of the type that the document names was refused")
    if response.status_code not in (400, 404, 422):
        return
    try:
        problem = response.json()
    except Exception as error:
        raise AssertionError("a refusal that is no JSON") from error
    if problem.get("code") in FORM and not combined(case, problem):
        raise AssertionError(f"it fits the document and was refused: {problem['code']}: {problem.get('detail')}")


def lines():
    """One line of text that a name may be: letters and signs that are assigned, seen and in one row."""
    from hypothesis import strategies as st

    letters = st.characters(categories=["L", "N", "P", "S"])
    return st.text(letters, min_size=1, max_size=20)


schemathesis.openapi.format("annals-line", lines())
schemathesis.openapi.format("annals-text", lines())
