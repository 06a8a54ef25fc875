//! Logs: one JSON object a line, with a sentence and fields side by side. `docs/logging.md` has the rules.
//!
//! Never a payload, a token, a ticket, a key or a password; and nothing that may quote one, such as what a handler says
//! of its failure, or a parser of the text that it could not read.

use crate::config;
use expedite_domain::{Message, MessageId, Tenant, Trace};
use lambda_runtime::tracing::subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};
use std::{io, panic};
use tracing::Subscriber;

/// The crates whose lines may be finer than INFO. The SDKs and the runtime print whole requests and events there.
pub const OURS: [&str; 12] = [
    "expedite",
    "expedite_domain",
    "control",
    "dead_letter",
    "fanout",
    "ingest",
    "monitor",
    "process",
    "relay",
    "ws_connect",
    "ws_disconnect",
    "ws_message",
];

/// Starts logging to standard output, at the level of the function's `LoggingConfig`. Call once, first thing.
///
/// A panic is logged by its place alone: its words may quote a payload. Those of a handler go to its message's timeline.
pub fn init() {
    let level = config::log_level().and_then(|text| text.parse().ok()).unwrap_or(LevelFilter::INFO);
    // It fails only where something logs already.
    let _ = tracing::subscriber::set_global_default(subscriber(level, io::stdout));
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic");
    }));
}

/// What makes lines of JSON: `timestamp` and `level`, by which Lambda filters, `message`, the fields, and in `span` the id
/// of the invocation.
pub fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_writer(writer);
    let ours = OURS.map(|name| (name, level));
    let levels = Targets::new().with_default(level.min(LevelFilter::INFO)).with_targets(ours);
    Registry::default().with(lines.with_filter(levels))
}

/// What a line about a message says of it, kept while the message itself goes its way.
#[derive(Clone, Debug)]
pub struct About {
    /// The message's name.
    pub id: MessageId,
    /// Its owner.
    pub tenant: Tenant,
    /// What it is part of.
    pub trace: Trace,
}

impl About {
    /// Of that message.
    pub fn of(message: &Message) -> Self {
        Self { id: message.id, tenant: message.tenant.clone(), trace: message.trace }
    }
}

/// Logs a line about one message: `about!(warn, message, %error, "it could not be stored")`.
///
/// The message is anything with `id`, `tenant` and `trace`: all three are in every such line, so that one query finds all
/// that happened to it.
#[macro_export]
macro_rules! about {
    ($level:ident, $of:expr, $($rest:tt)+) => {{
        let of = &$of;
        tracing::$level!(id = %of.id, tenant = of.tenant.as_str(), trace = %of.trace, $($rest)+)
    }};
}
