//! The tables.

mod connections;
mod item;
mod messages;
mod strays;

pub use connections::ConnectionsTable;
pub use item::message_from;
pub use messages::MessagesTable;

#[cfg(feature = "fakes")]
pub(crate) use item::{image, pk};

use crate::ports::StoreError;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Codes that do not pass by themselves.
const REFUSALS: [&str; 5] = [
    "AccessDeniedException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
    "ValidationException",
    "ItemCollectionSizeLimitExceededException",
];

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
