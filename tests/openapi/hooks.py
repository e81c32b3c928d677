"""Rules of Annals for schemathesis: a request that fits the document is never refused for its form.

What a rule of the product refuses (404, 412, 422 with the code of a rule) is no fault of the document.
What is refused because it cannot be read, or has a value that a parameter or field does not take, is.
"""

import json
import os
import zlib

import schemathesis
from hypothesis import strategies as st

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
    "body.invalid",
    "backup.name_invalid",
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
}

# Records that are there, by kind: records.py made them.
KNOWN = dict(pair.split("=") for pair in os.environ["OPENAPI_RECORDS"].split())
# Who asks, and with what: that must go on being in force.
OWN = {KNOWN["own_user"]: KNOWN["user"], KNOWN["own_token"]: KNOWN["token"]}
# What the first word of a path asks about.
FOLDERS = {
    "accounts": "account",
    "connections": "connection",
    "contacts": "contact",
    "connection-roles": "connection_role",
    "notes": "note",
    "opportunities": "opportunity",
    "orders": "order",
    "quotes": "quote",
    "users": "user",
}
# The field with the id that a command gives to what it makes.
NEW = {
    "AddNote": "note_id",
    "AddUser": "user_id",
    "CreateAccount": "account_id",
    "CreateContact": "contact_id",
    "CreateOpportunity": "opportunity_id",
    "DefineConnectionRole": "connection_role_id",
    "IssueToken": "token_id",
    "RelateRecords": "connection_id",
    "StartQuote": "quote_id",
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


def may_be_known(case):
    """Whether it was drawn to fit the document, and is about no record that a link led to."""
    meta = case.meta
    return meta is not None and meta.generation.mode.is_positive and meta.phase.name != "stateful"


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Lets half of what fits the document be about records that are there; nothing is nobody's own."""
    text = json.dumps([case.path_parameters, case.body], sort_keys=True, default=str)
    is_about_known = may_be_known(case) and zlib.crc32(text.encode()) % 2 == 1
    folder, _, name = case.operation.path.lstrip("/").partition("/")
    if is_about_known and folder in FOLDERS and "id" in (case.path_parameters or {}):
        case.path_parameters = {**case.path_parameters, "id": KNOWN[FOLDERS[folder]]}
    if folder == "commands" and isinstance(case.body, (dict, list)):
        case.body = about(case.body, NEW.get(name), is_about_known)


def about(value, new, is_about_known):
    """The same body, about records that are there."""
    if isinstance(value, list):
        return [about(item, new, is_about_known) for item in value]
    if not isinstance(value, dict):
        return OWN.get(value, value) if isinstance(value, str) else value
    changed = {}
    for field, item in value.items():
        kind = value.get("type") if field == "id" else field.removesuffix("_id")
        if is_about_known and isinstance(item, str) and field != new and isinstance(kind, str) and kind in KNOWN:
            changed[field] = KNOWN[kind]
        else:
            changed[field] = about(item, new, is_about_known)
    return changed


def lines():
    """One line of text that a name may be: letters and signs that are assigned, seen and in one row."""
    letters = st.characters(categories=["L", "N", "P", "S"])
    return st.text(letters, min_size=1, max_size=20)


def entity_tags():
    """What `If-Match` takes: any version, or a list of tags, of which some are versions."""
    tag = st.tuples(st.sampled_from(["", "W/"]), st.from_regex("[0-9]|[!#-~]{0,9}", fullmatch=True))
    tags = st.lists(tag.map(lambda parts: f'{parts[0]}"{parts[1]}"'), min_size=1, max_size=3)
    return st.just("*") | tags.map(", ".join)


schemathesis.openapi.format("annals-line", lines())
schemathesis.openapi.format("annals-text", lines())
schemathesis.openapi.format("annals-entity-tags", entity_tags())
