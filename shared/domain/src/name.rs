use std::{fmt, num::NonZeroU128, str::FromStr};
use uuid::Uuid;

/// Why a text is not the value that it should be; a sentence that can follow the name of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid(pub &'static str);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Invalid {}

/// The owner of a message, as the caller's token names it: 1 to 128 printable ASCII characters without `#`.
///
/// `#` parts the pieces of table keys and topics: with it inside, one tenant could spell another one's topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(String);

impl Tenant {
    /// The text of the claim.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tenant {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid("must be 1 to 128 printable ASCII characters without spaces and #"))
        }
    }
}

/// Who submitted a message: the subject of the token, 1 to 255 characters (OpenID Connect Core 1.0, section 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// The text of the claim.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if (1..=255).contains(&text.chars().count()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid("must be 1 to 255 characters"))
        }
    }
}

/// What kind of work a message asks for: `[a-z0-9._-]{1,64}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(String);

impl MessageType {
    /// The text, as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MessageType {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(Invalid("must match [a-z0-9._-]{1,64}")) }
    }
}

/// The name of a message, a UUID: random, or derived from tenant and idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

impl MessageId {
    /// Marks 128 bits, random or hashed, as a UUID of version 8.
    pub fn from_bits(bits: u128) -> Self {
        Self(Uuid::new_v8(bits.to_be_bytes()))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for MessageId {
    type Err = Invalid;

    /// Takes the one spelling that [`fmt::Display`] writes, so that an id has one key in the table.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Uuid::try_parse(text)
            .map(Self)
            .ok()
            .filter(|id| id.to_string() == text)
            .ok_or(Invalid("must be a UUID in lower case"))
    }
}

/// What a request and all that follows from it have in common: the 128 bits of a W3C trace id, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trace(NonZeroU128);

impl Trace {
    /// The trace of a message that came with none: the digits of its own id.
    pub const fn of(id: MessageId) -> Self {
        match NonZeroU128::new(id.0.as_u128()) {
            Some(bits) => Self(bits),
            // No UUID of a version has no bits.
            None => Self(NonZeroU128::MIN),
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Trace {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let bits = u128::from_str_radix(text, 16).ok().filter(|_| digits).and_then(NonZeroU128::new);
        bits.map(Self).ok_or(Invalid("must be 32 hexadecimal digits in lower case, not all zero"))
    }
}

/// Who holds a lease: drawn anew for each claim, so that a claimer whose answer got lost knows its own again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(Uuid);

impl Owner {
    /// Takes 128 random bits.
    pub fn from_bits(bits: u128) -> Self {
        Self(Uuid::new_v8(bits.to_be_bytes()))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for Owner {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Uuid::try_parse(text).map(Self).map_err(|_| Invalid("must be a UUID"))
    }
}

/// How often a handler may run for one message: 1 to 20, 5 where the caller names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxAttempts(u32);

impl MaxAttempts {
    /// Takes 1 to 20.
    ///
    /// # Errors
    /// Any other number.
    pub fn new(count: u64) -> Result<Self, Invalid> {
        match u32::try_from(count) {
            Ok(count @ 1..=20) => Ok(Self(count)),
            _ => Err(Invalid("must be a whole number from 1 to 20")),
        }
    }

    /// The number of attempts.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for MaxAttempts {
    fn default() -> Self {
        Self(5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_cannot_hold_the_separator() {
        for (text, fits) in [
            ("acme", true),
            ("auth0|5f1", true),
            ("a@b.example", true),
            ("", false),
            ("a#all", false),
            ("a b", false),
            ("ä", false),
            ("a\n", false),
        ] {
            assert_eq!(text.parse::<Tenant>().is_ok(), fits, "{text:?}");
        }
        assert!("x".repeat(128).parse::<Tenant>().is_ok());
        assert!("x".repeat(129).parse::<Tenant>().is_err());
    }

    #[test]
    fn a_type_is_lower_case_and_short() {
        for (text, fits) in
            [("email.send_v2-x", true), ("", false), ("Email", false), ("a b", false), ("a#b", false)]
        {
            assert_eq!(text.parse::<MessageType>().is_ok(), fits, "{text:?}");
        }
        assert!("x".repeat(64).parse::<MessageType>().is_ok());
        assert!("x".repeat(65).parse::<MessageType>().is_err());
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = MessageId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let text = id.to_string();
        assert_eq!(text, "01234567-89ab-8def-8123-456789abcdef");
        assert_eq!(text.parse(), Ok(id));
        for other in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}"), format!("{text} ")] {
            assert!(other.parse::<MessageId>().is_err(), "{other}");
        }
    }

    #[test]
    fn a_trace_has_one_spelling_too() {
        let id = MessageId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let text = "0123456789ab8def8123456789abcdef";
        assert_eq!(Trace::of(id).to_string(), text);
        assert_eq!(text.parse(), Ok(Trace::of(id)));
        let low = "0000000000000000000000000000000f";
        assert_eq!(low.parse::<Trace>().map(|trace| trace.to_string()).as_deref(), Ok(low));
        for other in
            [&text.to_uppercase(), &text[1..], &format!("{text}0"), "", &"0".repeat(32), &"g".repeat(32)]
        {
            assert!(other.parse::<Trace>().is_err(), "{other}");
        }
        assert!("+123456789ab8def8123456789abcdef".parse::<Trace>().is_err());
    }

    /// What is written into keys, rows and answers is what was read.
    #[test]
    fn texts_come_out_as_they_went_in() {
        assert_eq!("acme".parse::<Tenant>().unwrap().as_str(), "acme");
        assert_eq!("auth0|5f1".parse::<Subject>().unwrap().as_str(), "auth0|5f1");
        assert_eq!("email.send".parse::<MessageType>().unwrap().as_str(), "email.send");
        let owner = Owner::from_bits(7);
        assert_eq!(owner.to_string().parse(), Ok(owner));
        assert_eq!(Invalid("must be a number").to_string(), "must be a number");
    }

    #[test]
    fn attempts_have_bounds() {
        assert_eq!(MaxAttempts::default().get(), 5);
        for (count, fits) in [(0, false), (1, true), (20, true), (21, false), (u64::MAX, false)] {
            assert_eq!(MaxAttempts::new(count).is_ok(), fits, "{count}");
        }
    }
}
