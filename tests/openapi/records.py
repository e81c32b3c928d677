"""Makes one record of each kind and prints `kind=id ..`: what schemathesis then asks about is there.

    records.py <address of the commands> <address of the questions> <file with the token>
"""

import sys

import requests

COMMANDS, QUESTIONS, TOKEN = sys.argv[1], sys.argv[2], open(sys.argv[3]).read().strip()
session = requests.Session()
session.headers["Authorization"] = f"Bearer {TOKEN}"
position = "1"


def send(name, /, **body):
    """Sends a command that has to take effect; the id of its record."""
    global position
    answer = session.post(f"{COMMANDS}/commands/{name}", json=body, timeout=60)
    assert answer.status_code == 200, f"{name}: {answer.text}"
    position = answer.json()["position"]
    return answer.json()["record"]["id"]


def quote(opportunity):
    """An active quote with one line."""
    made = send("StartQuote", opportunity=opportunity)
    send("AddQuoteLine", quote_id=made, product="Chair", quantity="10", unit_price="150.00")
    send("ActivateQuote", quote_id=made)
    return made


def opportunity(customer):
    return send(
        "CreateOpportunity",
        topic="Chairs",
        customer=customer,
        estimated_value={"amount": "2000.00", "currency": "USD"},
        probability="40",
        estimated_close_date="2027-01-31",
    )


account = send("CreateAccount", name="Contoso", industry="Furniture")
customer = {"type": "account", "id": account}
contact = send("CreateContact", first_name="Bia", last_name="Quintela", parent=customer)
other = {"type": "contact", "id": contact}
role = send("DefineConnectionRole", name="Buyer", category="Business", applies_to=["contact"], matching=[])
connection = send("RelateRecords", a=customer, b=other, role_b=role)
note = send("AddNote", regarding=customer, text="They like chairs.")
open_one = opportunity(customer)
active = quote(open_one)
send("AcceptQuote", quote_id=quote(opportunity(customer)), close_opportunity="won")
user = send("AddUser", name="Rita", office="South")
token = send("IssueToken", user=user, scopes=["read"], secret_sha256="0" * 64)
orders = session.get(f"{QUESTIONS}/orders", params={"at_least": position}, timeout=60)
assert orders.status_code == 200, orders.text
own = session.get(f"{COMMANDS}/me", timeout=60).json()
known = {
    "account": account,
    "contact": contact,
    "connection_role": role,
    "connection": connection,
    "note": note,
    "opportunity": open_one,
    "quote": active,
    "order": orders.json()["items"][0]["id"],
    "user": user,
    "token": token,
    "own_user": own["user"],
    "own_token": own["token"],
}
print(" ".join(f"{kind}={record}" for kind, record in known.items()))
