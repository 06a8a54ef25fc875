//! The environment of the functions. Nothing else reads it, and its names are exactly those in `template.yaml`.

use expedite_domain::Aging;
use std::{env, fmt, str::FromStr, time::Duration};

/// A variable of the environment that the template sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable(&'static str);

/// Name of the table of messages.
pub const MESSAGES_TABLE: Variable = Variable("MESSAGES_TABLE");
/// Name of the table of connections.
pub const CONNECTIONS_TABLE: Variable = Variable("CONNECTIONS_TABLE");
/// How many days a message can be read after it has ended.
pub const RETENTION_DAYS: Variable = Variable("RETENTION_DAYS");
/// The claim of the token that names the tenant.
pub const TENANT_CLAIM: Variable = Variable("TENANT_CLAIM");
/// The broker's AMQP endpoints, separated by commas, `amqp+ssl://host:5671`. One of them is alive.
pub const BROKER_ENDPOINTS: Variable = Variable("BROKER_ENDPOINTS");
/// The secret with the broker user of the senders.
pub const BROKER_SECRET_ARN: Variable = Variable("BROKER_SECRET_ARN");
/// The function that does the work; empty for the demo handler.
pub const HANDLER_FUNCTION_ARN: Variable = Variable("HANDLER_FUNCTION_ARN");
/// How many messages of a batch are handled at once.
pub const HANDLER_CONCURRENCY: Variable = Variable("HANDLER_CONCURRENCY");
/// How long one attempt may take, in seconds.
pub const HANDLER_TIMEOUT_SECONDS: Variable = Variable("HANDLER_TIMEOUT_SECONDS");
/// Origins that may open a WebSocket, separated by commas.
pub const ALLOWED_ORIGINS: Variable = Variable("ALLOWED_ORIGINS");
/// Where connections of the WebSocket API are posted to.
pub const WEBSOCKET_MANAGEMENT_URL: Variable = Variable("WEBSOCKET_MANAGEMENT_URL");

/// After how many minutes of waiting a low and a medium message are raised one class: `15,30`. Zero: never.
pub const AGING_AFTER: Variable = Variable("AGING_AFTER");
/// No message is raised beyond this class.
pub const AGING_CAP: Variable = Variable("AGING_CAP");

/// The scope that a token must grant for high messages; empty where every token may.
pub const HIGH_PRIORITY_SCOPE: Variable = Variable("HIGH_PRIORITY_SCOPE");
/// The scope that a token must grant for commands on messages that somebody else submitted; empty where every token may.
pub const ADMIN_SCOPE: Variable = Variable("ADMIN_SCOPE");
/// Whether high messages have a queue of their own: `on` or `off`.
pub const EXPRESS_LANE: Variable = Variable("EXPRESS_LANE");

/// The broker's id at Amazon MQ, `b-…`.
pub const BROKER_ID: Variable = Variable("BROKER_ID");
/// The stack's event source mappings, `name=id`, separated by commas.
pub const MAPPINGS: Variable = Variable("MAPPINGS");

/// All variables. A test holds them against the template.
pub const VARIABLES: [Variable; 18] = [
    MESSAGES_TABLE,
    CONNECTIONS_TABLE,
    RETENTION_DAYS,
    TENANT_CLAIM,
    BROKER_ENDPOINTS,
    BROKER_SECRET_ARN,
    HANDLER_FUNCTION_ARN,
    HANDLER_CONCURRENCY,
    HANDLER_TIMEOUT_SECONDS,
    ALLOWED_ORIGINS,
    WEBSOCKET_MANAGEMENT_URL,
    AGING_AFTER,
    AGING_CAP,
    HIGH_PRIORITY_SCOPE,
    ADMIN_SCOPE,
    EXPRESS_LANE,
    BROKER_ID,
    MAPPINGS,
];

/// The level of logs, which Lambda sets from the function's `LoggingConfig`; none elsewhere.
pub fn log_level() -> Option<String> {
    env::var("AWS_LAMBDA_LOG_LEVEL").ok()
}

/// A variable is missing or has no usable value. The function can't start; the template must be mended.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {name} {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

impl Variable {
    /// The name in the environment.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// The text, which may be empty.
    ///
    /// # Errors
    /// The variable is not set.
    pub fn text(self) -> Result<String, ConfigError> {
        env::var(self.0).map_err(|error| self.error(error))
    }

    /// The text, read as something.
    ///
    /// # Errors
    /// The variable is not set or can't be read as `T`.
    pub fn parse<T: FromStr<Err: fmt::Display>>(self) -> Result<T, ConfigError> {
        self.text()?.parse().map_err(|error: T::Err| self.error(error))
    }

    /// The pieces between the commas, without the empty ones.
    ///
    /// # Errors
    /// The variable is not set.
    pub fn list(self) -> Result<Vec<String>, ConfigError> {
        let text = self.text()?;
        Ok(text.split(',').map(str::trim).filter(|piece| !piece.is_empty()).map(str::to_owned).collect())
    }

    /// The pieces between the commas, each a name and what it stands for: `name=value`.
    ///
    /// # Errors
    /// The variable is not set, or a piece has no name.
    pub fn pairs(self) -> Result<Vec<(String, String)>, ConfigError> {
        let pair = |piece: &String| {
            let (name, value) =
                piece.split_once('=').ok_or_else(|| self.error("must be pairs: name=value"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        self.list()?.iter().map(pair).collect()
    }

    /// When what waits is raised: two whole numbers of minutes, for low and for medium, and the class that is the `cap`.
    ///
    /// # Errors
    /// One of the two variables is not set, or can't be read.
    pub fn aging(self, cap: Self) -> Result<Aging, ConfigError> {
        let minutes: Result<Vec<u32>, _> = self.list()?.iter().map(|text| text.parse()).collect();
        let Ok([low, medium]) = minutes.as_deref() else {
            return Err(self.error("must be two whole numbers of minutes, for low and for medium: 15,30"));
        };
        let wait = |minutes: u32| (minutes > 0).then(|| Duration::from_secs(u64::from(minutes) * 60));
        Ok(Aging { low: wait(*low), medium: wait(*medium), cap: cap.parse()? })
    }

    fn error(self, problem: impl fmt::Display) -> ConfigError {
        ConfigError { name: self.0, problem: problem.to_string() }
    }
}
