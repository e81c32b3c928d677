//! One bit of the read models flips. Every answer stays the same, or says that it cannot be given, or a
//! replay tells that the rows were wrong; after the replay every answer is right again.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use events::Instant;
use events_log::{
    keys::{KeyFiles, SqliteKeyReader, Unsealer},
    store::{StreamReader as _, sqlite::SqliteStore},
};
use http_body_util::BodyExt as _;
use hyper::{Request, StatusCode, body::Bytes, header::AUTHORIZATION, service::Service as _};
use hyper_util::service::TowerToHyperService;
use projection_service::{
    follow::{Log, Progress, Status},
    models::{self, ReadModels},
    read_side::{DEFAULT_CACHE_BYTES, Place, ReadSide, Settings},
    replay::ReplayError,
};
use serde_json::json;
use tests::Annals;
use tokio::{sync::watch, time::timeout};

use super::{Flip, Flipped, Lived, Outcome, case, flips, lived, run};

/// How many flips are tried where nothing else is said.
const SAMPLE: usize = 240;
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The installation whose read models are flipped.
struct Case {
    _annals: Mutex<Annals>,
    store: Arc<SqliteStore>,
    unsealer: Unsealer,
    token: String,
    models: Arc<ReadModels>,
    /// The files of the read models by name.
    files: Vec<(String, Vec<u8>)>,
    questions: Vec<String>,
    answers: Vec<Result<Bytes, StatusCode>>,
}

/// More to ask about, beside what has lived.
async fn related(annals: &Annals, lived: &Lived) -> Vec<String> {
    let [contoso, other] = lived.accounts[..] else { panic!("two accounts") };
    let role = json!({ "name": "Supplier", "category": "Business", "applies_to": ["account"] });
    let role = annals.accept("DefineConnectionRole", role).await.id;
    let of = |id| json!({ "type": "account", "id": id });
    let relate = json!({ "a": of(contoso), "b": of(other), "role_b": role, "start": "2026-01-01" });
    let connection = annals.accept("RelateRecords", relate).await.id;
    let note = json!({ "regarding": of(contoso), "text": "Prefers Mondays" });
    let note = annals.accept("AddNote", note).await.id;
    vec![format!("/connections/{connection}"), format!("/notes/{note}")]
}

/// Each kind of question, so that each table and index is asked.
async fn questions(annals: &Annals, lived: &Lived) -> Vec<String> {
    let mut paths = related(annals, lived).await;
    for (kind, sorts) in [
        ("accounts", &["name", "account_number", "id"][..]),
        ("contacts", &["name", "last_name", "id"]),
        ("opportunities", &["name", "id"]),
        ("quotes", &["number", "id"]),
        ("orders", &["number", "ordered_on", "id"]),
        ("connection-roles", &["name", "id"]),
        ("users", &["name", "id"]),
        ("tokens", &["id"]),
    ] {
        paths.extend(sorts.iter().map(|sort| format!("/{kind}?sort={sort}")));
    }
    for by in ["none", "account", "contact", "owner", "month", "stage", "product"] {
        paths.push(format!("/expected-revenue?by={by}"));
    }
    paths.extend(
        ["/organization", "/pipeline", "/expected-revenue?sense=effective"].map(str::to_owned),
    );
    paths.push("/expected-revenue?as_of=12".to_owned());
    paths.push("/accounts?as_of=12".to_owned());
    paths.push("/accounts?name=contoso&state=Active".to_owned());
    for account in &lived.accounts {
        let of = format!("/accounts/{account}");
        paths.extend(
            ["", "/timeline", "/connections", "/sales", "/expected-revenue"]
                .map(|what| format!("{of}{what}")),
        );
        paths.push(format!("/contacts?parent={account}"));
        paths.push(format!("/opportunities?customer={account}"));
        paths.push(format!("/quotes?customer={account}"));
        paths.push(format!("/orders?customer={account}"));
    }
    for contact in &lived.contacts {
        let of = format!("/contacts/{contact}");
        paths.extend(
            ["", "/timeline", "/connections", "/sales", "/expected-revenue"]
                .map(|what| format!("{of}{what}")),
        );
    }
    for deal in &lived.deals {
        paths.push(format!("/opportunities/{deal}"));
        paths.push(format!("/opportunities/{deal}/timeline"));
        paths.push(format!("/quotes?opportunity={deal}"));
    }
    for quote in &lived.quotes {
        paths.push(format!("/quotes/{quote}"));
        paths.push(format!("/orders?quote={quote}"));
    }
    paths
}

impl Case {
    async fn new() -> Self {
        let mut annals = Annals::start().await;
        let records = lived(&annals).await;
        let questions = questions(&annals, &records).await;
        let token = annals.token();
        annals.stop().await;
        let data = annals.data();
        let clock = Arc::new(|| Instant::from_micros(4_000_000_000_000_000));
        let store = Arc::new(SqliteStore::open_existing(data.join("log.db"), clock, 2).unwrap());
        let keys = KeyFiles {
            keys: data.join("keys.db"),
            master_key: data.join("master.key"),
            log: store.log_id(),
            may_create: false,
        };
        let keys = Arc::new(SqliteKeyReader::open(&keys).unwrap());
        let mut files = Vec::new();
        for entry in fs::read_dir(data.join("read")).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            assert!(name.ends_with(".db"), "{name}: it was stopped in order");
            files.push((name, fs::read(entry.path()).unwrap()));
        }
        files.sort_unstable();
        let mut case = Self {
            unsealer: Unsealer::new(keys, store.log_id()),
            _annals: Mutex::new(annals),
            store,
            token,
            models: Arc::new(models::all().unwrap()),
            files,
            questions,
            answers: Vec::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        case.write(folder.path(), None);
        let side = case.open(folder.path()).await.unwrap();
        case.answers = case.ask(&side).await;
        for (question, answer) in case.questions.iter().zip(&case.answers) {
            assert!(answer.is_ok(), "{question}: {answer:?}");
        }
        assert!(replay(&side).await.unwrap(), "what was not flipped is different");
        assert_eq!(case.ask(&side).await, case.answers);
        side.close().await;
        case
    }

    fn write(&self, folder: &Path, flip: Option<Flip>) {
        fs::remove_dir_all(folder).ok();
        fs::create_dir(folder).unwrap();
        for (file, (name, bytes)) in self.files.iter().enumerate() {
            let flip = flip.filter(|flip| flip.file == file);
            let bytes = flip.map_or_else(|| bytes.clone(), |flip| flip.of(bytes));
            fs::write(folder.join(name), bytes).unwrap();
        }
    }

    /// The read side of the product on that folder, once it is in step with the log, or says why not.
    async fn open(&self, folder: &Path) -> Result<ReadSide, String> {
        let settings = Settings {
            place: Place::Folder(folder.to_owned()),
            models: self.models.clone(),
            log: Log {
                feed: self.store.clone(),
                bus: None,
                unsealer: self.unsealer.clone(),
                log_id: self.store.log_id(),
            },
            cache_bytes: DEFAULT_CACHE_BYTES,
            connections: 1,
        };
        let side = ReadSide::open(settings).await.map_err(|error| error.to_string())?;
        let settled = |progress: &Progress| match progress.status {
            Status::Following | Status::Stopped(_) | Status::Waiting { .. } => true,
            Status::Starting | Status::CatchingUp | Status::Holding | Status::Ended => false,
        };
        let mut progress = side.progress();
        let waiting = timeout(PATIENCE, progress.wait_for(settled));
        waiting
            .await
            .map_err(|_| "it does not come to rest")?
            .map_err(|error| error.to_string())?;
        Ok(side)
    }

    async fn ask(&self, side: &ReadSide) -> Vec<Result<Bytes, StatusCode>> {
        let clock = Arc::new(|| Instant::from_micros(1_900_000_000_000_000));
        let (feed, streams) = (self.store.clone(), self.store.clone());
        let app = query_api::App::new(side.view(), feed, streams, self.unsealer.clone(), clock);
        let service = TowerToHyperService::new(query_api::router(app));
        let mut answers = Vec::new();
        for question in &self.questions {
            let request = Request::get(question)
                .header(AUTHORIZATION, format!("Bearer {}", self.token))
                .body(Body::empty())
                .unwrap();
            let answer = service.call(request).await.unwrap();
            let status = answer.status();
            let bytes = answer.into_body().collect().await.unwrap().to_bytes();
            answers.push(if status == StatusCode::OK { Ok(bytes) } else { Err(status) });
        }
        answers
    }

    async fn judge(&self, side: &ReadSide) -> Result<Outcome, String> {
        let found = self.ask(side).await;
        let mut silent = None;
        let mut outcome = Outcome::Harmless;
        for ((question, right), found) in self.questions.iter().zip(&self.answers).zip(&found) {
            match found {
                found if found == right => {}
                Err(StatusCode::SERVICE_UNAVAILABLE) => outcome = Outcome::Loud,
                Err(status) if status.is_server_error() => {
                    return Err(format!("{question}: {status}"));
                }
                Ok(_) | Err(_) => silent = Some(question),
            }
        }
        if outcome == Outcome::Harmless && silent.is_none() {
            return Ok(outcome);
        }
        let equal = timeout(PATIENCE, replay(side)).await.map_err(|_| "a replay does not end")?;
        match equal {
            Err(error) => return Err(format!("a replay comes to nothing: {error}")),
            Ok(true) if let Some(question) = silent => {
                return Err(format!("{question} is another, and a replay finds all equal"));
            }
            Ok(_) => {}
        }
        if self.ask(side).await != self.answers {
            return Err("a replay does not mend it".to_owned());
        }
        Ok(silent.map_or(outcome, |_| Outcome::Told))
    }
}

/// Rebuilds; whether the rows that were live were right.
async fn replay(side: &ReadSide) -> Result<bool, ReplayError> {
    let (_cancel, never) = watch::channel(false);
    Ok(side.replay(&|_| {}, never).await?.is_equal())
}

impl Flipped for Case {
    async fn flip(&self, folder: &Path, flip: Flip) -> Result<Outcome, String> {
        let folder = folder.join("read");
        self.write(&folder, Some(flip));
        // What can be made again stops nothing.
        let side = self.open(&folder).await?;
        let judged = self.judge(&side).await;
        side.close().await;
        judged
    }
}

#[test]
fn no_flipped_bit_of_the_read_models_is_silent() {
    let case = case(Case::new());
    let files: Vec<_> = case.files.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let flips = flips(&files, SAMPLE);
    run("the read models", &case, &flips);
}
