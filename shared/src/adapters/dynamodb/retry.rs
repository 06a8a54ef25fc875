//! Which cancelled transactions are tried again.

use aws_sdk_dynamodb::{
    config::{
        interceptors::InterceptorContext,
        retry::{ClassifyRetry, RetryAction},
    },
    operation::transact_write_items::TransactWriteItemsError,
    types::CancellationReason,
};

/// Reasons that pass ("TransactWriteItems", cancellation reasons); `None` is what an item says that was not the cause.
const PASSING: [&str; 4] =
    ["ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict", "None"];

/// Tries a transaction again that was cancelled for nothing but reasons that pass.
///
/// To the SDK each cancellation is final, since a condition that has failed fails again. The retry brings the same
/// `ClientRequestToken`, so that DynamoDB does at most one of them.
#[derive(Debug)]
pub(super) struct CancelledTransactions;

impl ClassifyRetry for CancelledTransactions {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let error = error.as_operation_error().and_then(|error| error.downcast_ref());
        match error {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
                if passes(cancelled.cancellation_reasons()) =>
            {
                RetryAction::throttling_error()
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "cancelled transactions"
    }
}

fn passes(reasons: &[CancellationReason]) -> bool {
    !reasons.is_empty()
        && reasons.iter().all(|reason| reason.code().is_some_and(|code| PASSING.contains(&code)))
}
