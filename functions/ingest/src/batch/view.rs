use super::Settled;
use expedite::{domain::Timestamp, problem::FieldError, view::MessageView};
use serde::Serialize;

/// A batch's answer.
#[derive(Serialize)]
pub struct BatchView<'a> {
    /// How many are stored now.
    pub accepted: usize,
    /// How many an earlier request had stored.
    pub replayed: usize,
    /// How many were refused.
    pub rejected: usize,
    /// One for each message, in the order of the request.
    results: Vec<ResultView<'a>>,
}

/// What a message would have been answered by itself: the status, and the body's members.
#[derive(Serialize)]
struct ResultView<'a> {
    index: usize,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl<'a> BatchView<'a> {
    /// The answer, as it looks at `now`.
    pub fn of(settled: &'a [Settled], now: Timestamp) -> Self {
        let results: Vec<_> =
            settled.iter().enumerate().map(|(index, one)| ResultView::of(index, one, now)).collect();
        let count = |status| results.iter().filter(|result| result.status == status).count();
        let (accepted, replayed) = (count(202), count(200));
        Self { accepted, replayed, rejected: results.len() - accepted - replayed, results }
    }
}

impl<'a> ResultView<'a> {
    fn of(index: usize, settled: &'a Settled, now: Timestamp) -> Self {
        match settled {
            Ok((status, message)) => Self {
                index,
                status: *status,
                message: Some(MessageView::of(message, now)),
                title: None,
                detail: None,
                errors: &[],
            },
            Err(problem) => Self {
                index,
                status: problem.status(),
                message: None,
                title: Some(problem.title()),
                detail: Some(problem.detail()),
                errors: problem.errors(),
            },
        }
    }
}
