//! Log lines: what is in them, and what never is.

use crate::{
    fanout, ingest, process, repository,
    stream::{batch, of, record},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use expedite::{
    conformance::tenant,
    fakes::stream_record,
    handler::Verdict,
    telemetry::{self, OURS},
};
use lambda_http::tracing::subscriber::{filter::LevelFilter, fmt::MakeWriter, util::SubscriberInitExt};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What is logged, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines with that message.
    fn with(&self, message: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["message"] == message).collect()
    }
}

/// A batch with the envelopes that `ingest` handed over.
fn handed_over(from: &ingest::Rig) -> Value {
    let message = |parcel: &expedite::ports::Parcel| json!({"data": STANDARD.encode(parcel.envelope.to_json().unwrap())});
    json!({"messages": from.broker.sent().iter().map(message).collect::<Vec<_>>()})
}

fn with_parent(payload: &Value) -> lambda_http::Request {
    crate::http::changed("http/submit", |event| {
        event["headers"]["traceparent"] = json!(format!("00-{TRACE}-00f067aa0ba902b7-01"));
        event["body"] = json!({"type": "demo", "payload": payload}).to_string().into();
    })
}

/// From the request to the push, each function's lines have what is needed to find them.
#[tokio::test(start_paused = true)]
async fn one_trace_goes_from_the_request_to_the_push() {
    let log = Log::default();
    let _logging = telemetry::subscriber(LevelFilter::INFO, log.clone()).set_default();
    let intake = ingest::Rig::new();
    let answer = intake.submit(with_parent(&json!(1))).await;
    assert_eq!(answer.body["trace"], TRACE);

    let rig = process::Rig::done();
    let stored = intake.store.only();
    rig.store.put(stored, expedite::conformance::payload("1"));
    rig.run(handed_over(&intake)).await.unwrap();
    assert_eq!(rig.jobs()[0].trace.to_string(), TRACE);

    let sockets = fanout::Rig::default();
    let socket = sockets.subscribe("a", "acme", &["all"]).await;
    let change = stream_record(1, &rig.store.only());
    sockets.run(json!({"Records": [change]})).await.unwrap();
    let pushed: Value = serde_json::from_str(&sockets.push.frames(&socket)[0]).unwrap();
    assert_eq!(pushed["updates"][0]["trace"], TRACE);

    let id = &answer.body["id"];
    for message in ["accepted", "attempt started", "attempt ended", "to be pushed"] {
        let lines = log.with(message);
        assert_eq!(lines.len(), 1, "{message}: {}", log.text());
        let line = &lines[0];
        assert_eq!(
            (&line["id"], &line["tenant"], &line["trace"]),
            (id, &json!("acme"), &json!(TRACE)),
            "{line}"
        );
        assert!(
            line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')) && line["level"] == "INFO",
            "{line}"
        );
    }
}

/// A secret in every place from which one could get into a line.
#[tokio::test(start_paused = true)]
async fn nothing_of_a_payload_is_logged() {
    const SECRET: &str = "s3cr3t-marker";
    let log = Log::default();
    let _logging = telemetry::subscriber(LevelFilter::TRACE, log.clone()).set_default();
    let intake = ingest::Rig::new();
    intake.submit(with_parent(&json!({"card": SECRET}))).await;
    intake.submit(ingest::with_members(json!({"priority": SECRET, (SECRET): 1}))).await;
    let keyed =
        crate::http::changed("http/submit", |event| event["headers"]["idempotency-key"] = json!(SECRET));
    intake.submit(keyed).await;

    let verdicts: [fn(&expedite::handler::Job) -> Verdict; 4] = [
        |job| Verdict::Retry { after: None, reason: job.payload.get().to_owned() },
        |job| Verdict::Discard { reason: job.payload.get().to_owned() },
        |job| Verdict::Snooze { after: std::time::Duration::ZERO, reason: job.payload.get().to_owned() },
        |job| panic!("{}", job.payload.get()),
    ];
    for verdict in verdicts {
        let rig = process::Rig::new(verdict);
        let batch = handed_over(&intake);
        rig.seed(&batch);
        rig.run(batch).await.unwrap();
    }
    // Texts that a parser quotes when it complains.
    let texts = [
        format!(r#"{{"v":"{SECRET}"}}"#),
        format!(r#"{{"v":1,"epoch":"{SECRET}"}}"#),
        format!("\"{SECRET}\""),
        SECRET.to_owned(),
    ];
    let garbage: Vec<_> = texts.iter().map(|text| json!({"data": STANDARD.encode(text)})).collect();
    let rig = process::Rig::done();
    rig.run(json!({"messages": garbage})).await.unwrap();
    assert_eq!(log.with("attempt ended").len(), 4 * intake.broker.sent().len());
    assert_eq!(log.with("a message on the queue can't be read").len(), texts.len());
    assert!(!log.text().contains(SECRET), "{}", log.text());
}

/// Whatever the level, nobody else's lines go below INFO: there whole requests are printed.
#[test]
fn only_our_crates_log_in_detail() {
    let log = Log::default();
    let _logging = telemetry::subscriber(LevelFilter::TRACE, log.clone()).set_default();
    lambda_http::tracing::debug!(target: "aws_sdk_dynamodb", "a request");
    lambda_http::tracing::info!(target: "aws_sdk_dynamodb", "loaded");
    lambda_http::tracing::debug!(target: "process::attempt", "a detail");
    let messages: Vec<_> = log.lines().iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, ["loaded", "a detail"]);

    let packages = repository::files("functions")
        .into_iter()
        .filter_map(|path| Some(path.split('/').nth(1)?.replace('-', "_")));
    let ours: BTreeSet<_> = packages.chain(["expedite".to_owned(), "expedite_domain".to_owned()]).collect();
    assert_eq!(OURS.map(str::to_owned).into_iter().collect::<BTreeSet<_>>(), ours);
}

/// A macro that logs, in the source.
struct Call {
    path: String,
    about: bool,
    arguments: Vec<String>,
}

/// Every call of `tracing::…!` and of `about!` in the functions and in what they share.
fn calls() -> Vec<Call> {
    let mut calls = Vec::new();
    for path in ["functions", "shared/src"].into_iter().flat_map(repository::files) {
        if !path.ends_with(".rs") || path == "shared/src/telemetry.rs" {
            continue;
        }
        let text = repository::read(&path);
        let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        for (opening, about) in [("about!(", true), ("tracing::", false)] {
            for (at, _) in code.match_indices(opening) {
                let rest = &code[at..];
                let head = &rest[..rest.find('(').unwrap_or_default()];
                if head.ends_with('!') {
                    calls.push(Call { path: path.clone(), about, arguments: arguments(&rest[head.len()..]) });
                }
            }
        }
    }
    calls
}

/// The arguments in the parentheses that the text starts with.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    let mut found = vec![String::new()];
    for letter in text.chars() {
        let outside = !quoted;
        match letter {
            '"' if !escaped => quoted = !quoted,
            '(' | '[' | '{' if outside => depth += 1,
            ')' | ']' | '}' if outside => depth -= 1,
            _ => (),
        }
        escaped = letter == '\\' && !escaped;
        if depth == 0 {
            break;
        }
        if letter == ',' && outside && depth == 1 {
            found.push(String::new());
        } else {
            found.last_mut().unwrap().push(letter);
        }
    }
    let parts = found.iter().map(|part| part.trim_start_matches('(').trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

impl Call {
    /// The names of its fields.
    fn fields(&self) -> Vec<String> {
        let own = if self.about { &self.arguments[2..] } else { &self.arguments[..] };
        let behind_the_sentence = own.iter().position(|part| part.starts_with('"')).unwrap_or(own.len());
        let name =
            |part: &String| part.split(" = ").next().unwrap().trim_start_matches(['%', '?']).to_owned();
        own[..behind_the_sentence].iter().map(name).collect()
    }
}

#[test]
fn the_fields_are_those_of_the_rules() {
    let rules = repository::read("docs/logging.md");
    let table = rules.split("## Fields").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let documented: BTreeSet<_> =
        rows.flat_map(|names| names.split('`')).filter(|name| !name.is_empty() && *name != ", ").collect();

    let calls = calls();
    let mut used: BTreeSet<_> = calls.iter().flat_map(Call::fields).collect();
    // Those that `about!` and the format itself add.
    used.extend(
        ["id", "tenant", "trace", "timestamp", "level", "message", "span.requestId", "place"]
            .map(str::to_owned),
    );
    assert_eq!(used.iter().map(String::as_str).collect::<BTreeSet<_>>(), documented);
}

#[test]
fn whatever_names_a_message_says_all_of_it() {
    let calls = calls();
    assert!(calls.iter().filter(|call| call.about).count() > 15, "the search finds nothing any more");
    for call in calls.iter().filter(|call| !call.about) {
        let whole =
            ["id", "tenant", "trace"].iter().any(|name| call.fields().iter().any(|field| field == name));
        assert!(!whole, "{} logs {:?} without about!", call.path, call.arguments);
    }
}

#[test]
fn a_message_without_a_trace_has_its_own() {
    let old = record("dynamodb/insert", &of(7, "acme", "mail"));
    let old = serde_json::from_value(batch(vec![old])).unwrap();
    let message = expedite::adapters::stream::changes(old).remove(0).message.unwrap();
    assert_eq!(message.trace.to_string(), message.id.to_string().replace('-', ""));
    assert_eq!(message.tenant, tenant("acme"));
}
