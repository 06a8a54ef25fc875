//! Logs: one JSON object a line, with a sentence and fields. Never a payload, a token, a ticket or a password.

/// Starts logging, as the function's `LoggingConfig` says. Call once, first thing.
pub fn init() {
    lambda_runtime::tracing::init_default_subscriber();
}
