use crate::name::{Invalid, MessageId, MessageType};
use std::{fmt, str::FromStr};

/// What a subscriber can ask for, always within its own tenant: the text holds no tenant, so none can be named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Every message of the tenant: `all`.
    All,
    /// One message: `message:<id>`.
    Message(MessageId),
    /// All messages of one type: `type:<type>`.
    Type(MessageType),
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Message(id) => write!(f, "message:{id}"),
            Self::Type(kind) => write!(f, "type:{}", kind.as_str()),
        }
    }
}

impl FromStr for Topic {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parsed = match text.split_once(':') {
            None if text == "all" => Some(Self::All),
            Some(("message", id)) => id.parse().ok().map(Self::Message),
            Some(("type", kind)) => kind.parse().ok().map(Self::Type),
            _ => None,
        };
        parsed.ok_or(Invalid("must be all, message:<id> or type:<type>"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        for text in ["all", "message:01234567-89ab-8def-8123-456789abcdef", "type:email.send"] {
            assert_eq!(text.parse::<Topic>().map(|topic| topic.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "ALL", "all:", "message:", "message:1", "type:", "type:A", "tenant:x", "x#all"] {
            assert!(text.parse::<Topic>().is_err(), "{text:?}");
        }
    }
}
