//! The lines of the catalogue: what each is, what goes in, and what has to come back.

use std::{future::Future, pin::Pin};

use hyper::Method;

use crate::world::World;

/// One line of the catalogue.
pub(crate) struct Row {
    /// Its number there.
    pub(crate) number: u16,
    /// What it is.
    pub(crate) what: &'static str,
    /// What shows that the product answers as it should. At least one.
    pub(crate) proofs: Vec<Proof>,
}

/// What shows that the product answers a line, or a part of it, as it should.
pub(crate) enum Proof {
    /// Requests.
    Asks(Vec<Ask>),
    /// Bytes on a connection.
    Sends(Vec<Send>),
    /// Several steps that belong together.
    Journey(Journey),
    /// Calls of the binary.
    Calls(Vec<Call>),
    /// Lists that are imported.
    Lists(Vec<List>),
    /// A test that is there already: `folder/file.rs::name`, from the root of the project.
    Test(&'static str),
    /// It does not apply: what there is none of, in one word.
    Not(&'static str),
}

/// Several steps.
pub(crate) type Journey = for<'a> fn(&'a World) -> Steps<'a>;
/// Their end.
pub(crate) type Steps<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// How a request has to be answered.
#[derive(Clone, Debug)]
pub(crate) enum Answered {
    /// With this status and code, and with something that holds this text; nothing is appended.
    Refused(u16, &'static str, &'static str),
    /// As a command that took effect.
    Accepted,
    /// With 200, and nothing is appended.
    Well,
    /// With 200 and something that holds this text, and nothing is appended.
    With(&'static str),
    /// As a list of which some took effect, and some is refused with this code.
    Partly(&'static str),
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The administrator.
    First,
    /// Whoever holds a token that opens `read` and `audit`.
    Auditor,
    /// Nobody who is known: what the request itself presents, or nothing.
    Stranger,
}

/// One request.
pub(crate) struct Ask {
    pub(crate) what: String,
    pub(crate) caller: Caller,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) answered: Answered,
}

/// Bytes on a connection of their own. `{host}` is what `Host` has to say, `{bearer}` a token.
pub(crate) struct Send {
    pub(crate) what: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Whether every role answers so, or only the one that reads the body.
    pub(crate) is_for_all: bool,
    pub(crate) answered: Answered,
}

/// One call of the binary, in an empty folder of its own. `{data}` is the folder of a running
/// installation, `{address}` where it serves.
#[derive(Default)]
pub(crate) struct Call {
    pub(crate) what: &'static str,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// A line of bash in which `"$@"` is the call, where more goes into it.
    pub(crate) line: Option<&'static str>,
    /// Files of that folder: their names, bytes and modes.
    pub(crate) files: Vec<(&'static str, Vec<u8>, u32)>,
    /// The exit code.
    pub(crate) code: i32,
    /// What it says.
    pub(crate) says: &'static str,
}

/// One list that is imported.
pub(crate) struct List {
    pub(crate) what: &'static str,
    /// What the mapping says of the file, and of the zone.
    pub(crate) format: &'static str,
    /// What it says of the step.
    pub(crate) step: &'static str,
    /// Which field of the account the list fills besides its name.
    pub(crate) field: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// The exit code.
    pub(crate) code: i32,
    /// What it says.
    pub(crate) says: &'static str,
    /// How many of its rows are accepted.
    pub(crate) accepted: u64,
}

/// A line of the catalogue.
pub(crate) const fn row(number: u16, what: &'static str) -> Row {
    Row { number, what, proofs: Vec::new() }
}

impl Row {
    fn by(mut self, proof: Proof) -> Self {
        self.proofs.push(proof);
        self
    }

    /// A line that does not apply, with what there is none of.
    pub(crate) fn not(number: u16, what: &'static str, why: &'static str) -> Self {
        row(number, what).without(why)
    }

    /// What of the line does not apply.
    pub(crate) fn without(self, why: &'static str) -> Self {
        self.by(Proof::Not(why))
    }

    /// The test that shows it.
    pub(crate) fn test(self, name: &'static str) -> Self {
        self.by(Proof::Test(name))
    }

    pub(crate) fn asks(self, asks: impl IntoIterator<Item = Ask>) -> Self {
        self.by(Proof::Asks(asks.into_iter().collect()))
    }

    pub(crate) fn sends(self, sends: impl IntoIterator<Item = Send>) -> Self {
        self.by(Proof::Sends(sends.into_iter().collect()))
    }

    pub(crate) fn journey(self, journey: Journey) -> Self {
        self.by(Proof::Journey(journey))
    }

    pub(crate) fn calls(self, calls: impl IntoIterator<Item = Call>) -> Self {
        self.by(Proof::Calls(calls.into_iter().collect()))
    }

    pub(crate) fn lists(self, lists: impl IntoIterator<Item = List>) -> Self {
        self.by(Proof::Lists(lists.into_iter().collect()))
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// A question.
pub(crate) fn get(path: impl Into<String>) -> Ask {
    let path = path.into();
    Ask {
        what: path.chars().take(80).collect(),
        caller: Caller::First,
        method: Method::GET,
        path,
        headers: Vec::new(),
        body: Vec::new(),
        answered: Answered::Well,
    }
}

/// Something that is sent to a path, as JSON.
pub(crate) fn post(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Ask {
    let body = body.into();
    let path = path.into();
    let shown: String = String::from_utf8_lossy(&body).chars().take(80).collect();
    let headers = vec![(JSON.0.to_owned(), JSON.1.to_owned())];
    let what = format!("{path} {shown}");
    Ask { what, method: Method::POST, headers, body, answered: Answered::Accepted, ..get(path) }
}

/// A command.
pub(crate) fn command(name: &str, body: impl Into<Vec<u8>>) -> Ask {
    post(format!("/commands/{name}"), body)
}

/// A new account with that body.
pub(crate) fn create(body: impl Into<Vec<u8>>) -> Ask {
    command("CreateAccount", body)
}

impl Ask {
    /// It is refused so.
    pub(crate) fn refused(self, status: u16, code: &'static str) -> Self {
        self.told(status, code, "")
    }

    /// It is refused so, and something in the answer says that.
    pub(crate) fn told(mut self, status: u16, code: &'static str, says: &'static str) -> Self {
        self.answered = Answered::Refused(status, code, says);
        self
    }

    /// The value of a field is wrong.
    pub(crate) fn invalid(self) -> Self {
        self.refused(422, "command.invalid")
    }

    /// The answer holds that text.
    pub(crate) fn with(mut self, text: &'static str) -> Self {
        self.answered = Answered::With(text);
        self
    }

    /// Some of it takes effect, and some is refused with that code.
    pub(crate) fn partly(mut self, code: &'static str) -> Self {
        self.answered = Answered::Partly(code);
        self
    }

    /// Nothing is appended, and all is well.
    pub(crate) fn quiet(mut self) -> Self {
        self.answered = Answered::Well;
        self
    }

    /// That caller asks.
    pub(crate) const fn by(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// By another method.
    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.what = format!("{method} {}", self.what);
        self
    }

    /// With that header in place of one of that name.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.also(name, value)
    }

    /// With that header beside those of that name.
    pub(crate) fn also(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        let shown: String = value.chars().take(60).collect();
        self.what = format!("{} [{name}: {shown}]", self.what);
        self.headers.push((name.to_owned(), value));
        self
    }

    /// Without a header of that name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.what = format!("{} without {name}", self.what);
        self
    }
}

/// Bytes that are refused so.
pub(crate) fn bytes(
    what: &'static str,
    bytes: impl Into<Vec<u8>>,
    status: u16,
    code: &'static str,
) -> Send {
    let answered = Answered::Refused(status, code, "");
    Send { what, bytes: bytes.into(), is_for_all: true, answered }
}

impl Send {
    /// It is wrong in the body, which only one role reads.
    pub(crate) const fn in_body(mut self) -> Self {
        self.is_for_all = false;
        self
    }
}

/// A call that ends with that code and says that.
pub(crate) fn call(what: &'static str, arguments: &[&str], code: i32, says: &'static str) -> Call {
    let arguments = arguments.iter().map(|it| (*it).to_owned()).collect();
    Call { what, arguments, code, says, ..Call::default() }
}

impl Call {
    /// Within that line of bash.
    pub(crate) const fn within(mut self, line: &'static str) -> Self {
        self.line = Some(line);
        self
    }

    /// With that variable.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Beside that file, which is its owner's alone.
    pub(crate) fn file(self, name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        self.file_of_mode(name, bytes, 0o600)
    }

    /// Beside that file of that mode.
    pub(crate) fn file_of_mode(
        mut self,
        name: &'static str,
        bytes: impl Into<Vec<u8>>,
        mode: u32,
    ) -> Self {
        self.files.push((name, bytes.into(), mode));
        self
    }
}

/// A list that ends an import with that code, says that, and of which so many rows are accepted.
pub(crate) fn list(
    what: &'static str,
    bytes: impl Into<Vec<u8>>,
    code: i32,
    says: &'static str,
    accepted: u64,
) -> List {
    let bytes = bytes.into();
    List { what, format: "", step: "", field: "", bytes, code, says, accepted }
}

impl List {
    /// The mapping says that of the file.
    pub(crate) const fn format(mut self, format: &'static str) -> Self {
        self.format = format;
        self
    }

    /// The mapping says that of the step.
    pub(crate) const fn step(mut self, step: &'static str) -> Self {
        self.step = step;
        self
    }

    /// The list fills that field, too.
    pub(crate) const fn field(mut self, field: &'static str) -> Self {
        self.field = field;
        self
    }
}
