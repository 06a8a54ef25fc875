//! The tables.

mod backlog;
mod connections;
mod item;
mod messages;
mod retry;
mod strays;

pub use connections::ConnectionsTable;
pub use item::message_from;
pub use messages::MessagesTable;

#[cfg(feature = "fakes")]
pub(crate) use item::{image, pk};

use crate::ports::StoreError;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    config::{Builder, retry::RetryConfig},
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};
use retry::CancelledTransactions;
use std::time::Duration;

/// How often a call is made at most. With the waits between, which double and have full jitter, a table may be throttled
/// for a second and a half and nobody hears of it.
const TRIES: u32 = 6;

/// The longest first wait before a call is made again. DynamoDB is throttled for moments, partition by partition; the
/// SDK's own first wait of a second is for slower services.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Codes that do not pass by themselves.
const REFUSALS: [&str; 5] = [
    "AccessDeniedException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
    "ValidationException",
    "ItemCollectionSizeLimitExceededException",
];

/// A client of the tables.
fn client(sdk: &SdkConfig) -> Client {
    let retries = RetryConfig::standard().with_max_attempts(TRIES).with_initial_backoff(FIRST_WAIT);
    Client::from_conf(
        Builder::from(sdk).retry_config(retries).retry_classifier(CancelledTransactions).build(),
    )
}

/// An SDK's error as a sentence: the service's code and message, or what happened on the way.
pub(super) fn describe<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => DisplayErrorContext(error).to_string(),
    }
}

fn store_error<E, R>(error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let text = describe(error);
    if error.code().is_some_and(|code| REFUSALS.contains(&code)) {
        StoreError::Refused(text)
    } else {
        StoreError::Unavailable(text)
    }
}

/// What the SDK's builders refuse: a missing field, which is a fault of this code.
fn incomplete(error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused(error.to_string())
}

/// A time to live, in whole seconds since the epoch as DynamoDB wants it, rounded up.
fn ttl(at: expedite_domain::Timestamp) -> i64 {
    at.millis().saturating_add(999).div_euclid(1000)
}
