//! Metrics: what is measured, and how it gets out. This is the one place that names them.
//!
//! A function gives its values to a [`Meter`], which lets them out at the end of each call: deployed, that is
//! [`Emf`](crate::adapters::emf::Emf). What a function that dies has measured in the call is lost with it; what it has
//! done is in the table.
//!
//! Each metric has one set of dimensions, the function alone or the function and the priority, so that one name never
//! stands for two different sums. CloudWatch adds nothing up over a dimension: a sum over priorities or functions is an
//! expression of whoever reads it.

use expedite_domain::{Message, Priority, Refused, State, Timestamp};
use std::{fmt, time::Duration};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Expedite";

/// The dimension that every metric has: the [`Function`] that measured.
pub const FUNCTION: &str = "function";

/// The dimension that some metrics have besides: `high`, `medium` or `low`.
pub const PRIORITY: &str = "priority";

/// What measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Reads and commands.
    Control,
    /// What the broker gave up on.
    DeadLetter,
    /// Pushes to sockets.
    Fanout,
    /// Takes messages.
    Ingest,
    /// Looks at what nobody else sees.
    Monitor,
    /// Works through batches.
    Process,
    /// Hands over what is owed.
    Relay,
    /// Opens sockets.
    WsConnect,
}

impl Function {
    /// Its value in the dimension [`FUNCTION`], and the name of its package.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::DeadLetter => "dead-letter",
            Self::Fanout => "fanout",
            Self::Ingest => "ingest",
            Self::Monitor => "monitor",
            Self::Process => "process",
            Self::Relay => "relay",
            Self::WsConnect => "ws-connect",
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a value is counted in, in CloudWatch's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many of them. The sum is what counts.
    Count,
    /// A time between two steps.
    Milliseconds,
    /// An age.
    Seconds,
    /// A state, 0 or 1.
    None,
}

impl Unit {
    /// Its name in CloudWatch.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::None => "None",
        }
    }

    /// A duration in it, as a whole number.
    const fn of(self, duration: Duration) -> u64 {
        match self {
            Self::Seconds => duration.as_secs(),
            // A time of more than 500 million years would not fit.
            Self::Milliseconds | Self::Count | Self::None => duration.as_millis() as u64,
        }
    }
}

/// Makes [`Metric`] of a table: help text, name, unit, `by priority` where it has that dimension, and who measures it.
macro_rules! metrics {
    ($( $(#[doc = $help:literal])+ $name:ident: $unit:ident $(by $priority:ident)?, from $($function:ident)+; )+) => {
        /// What is measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric {
            $( $(#[doc = $help])+ $name, )+
        }

        impl Metric {
            /// All metrics.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in CloudWatch.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// What it tells, as in its documentation here.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$name => concat!($($help),+).trim_ascii()),+ }
            }

            /// What it is counted in.
            pub const fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit),+ }
            }

            /// Whether it has the dimension [`PRIORITY`] besides [`FUNCTION`].
            pub const fn has_priority(self) -> bool {
                match self { $(Self::$name => metrics!(@has $($priority)?)),+ }
            }

            /// The functions that measure it: the values of its dimension [`FUNCTION`].
            pub const fn functions(self) -> &'static [Function] {
                match self { $(Self::$name => &[$(Function::$function),+]),+ }
            }
        }
    };
    (@has priority) => { true };
    (@has) => { false };
}

metrics! {
    /// Messages that were stored and answered with 202.
    MessagesAccepted: Count by priority, from Ingest;
    /// Requests that were carried out before, known again by their key.
    MessagesReplayed: Count by priority, from Ingest;
    /// Messages refused because something is wrong with the request: a field, its size, its JSON.
    RejectedInvalid: Count, from Ingest;
    /// Messages refused because the token does not grant it.
    RejectedForbidden: Count, from Ingest;
    /// Messages refused because their key belongs to another request.
    RejectedKeyReused: Count, from Ingest;
    /// Messages that could not be stored, or not in time. The caller got 503.
    RejectedUnavailable: Count, from Ingest;

    /// From the start of a hand-over to the broker's confirmation. Of several that set out together each has the time of all.
    HandoverTime: Milliseconds by priority, from Ingest Relay;
    /// Hand-overs that the broker did not confirm. The messages are safe, and it will be tried again.
    HandoversFailed: Count by priority, from Ingest Relay;
    /// How long the relay's hand-overs had been owed when the broker confirmed them.
    OutboxAge: Seconds by priority, from Relay;
    /// Messages that were still owed to the broker when the sweep came: their sender failed, or died.
    HandoversOverdue: Count, from Relay;
    /// Messages that the broker held and did not deliver in time.
    DeliveriesOverdue: Count, from Relay;
    /// Attempts that ended without an outcome.
    LeasesLapsed: Count, from Relay;
    /// What the relay owes and could not do. It stays due.
    RelayFailures: Count, from Relay;
    /// Messages that were raised after a long wait, by the class that they left.
    MessagesAged: Count by priority, from Relay;

    /// From when a message was due in the queue to the start of its attempt.
    QueueWait: Milliseconds by priority, from Process;
    /// How long the handler took, however it ended.
    HandlerTime: Milliseconds by priority, from Process;
    /// From acceptance to `completed` or `failed`, with every delay and every attempt between them.
    EndToEndTime: Milliseconds by priority, from Process Relay DeadLetter;
    /// Messages whose work is done.
    MessagesCompleted: Count by priority, from Process;
    /// Attempts that failed and will be followed by another one.
    MessagesRetried: Count by priority, from Process Relay DeadLetter;
    /// Attempts that the handler put off, and that do not count.
    MessagesSnoozed: Count by priority, from Process;
    /// Messages that failed for good.
    MessagesFailed: Count by priority, from Process Relay DeadLetter;
    /// Messages that were not started by the end that their caller had set.
    MessagesExpired: Count by priority, from Process Relay DeadLetter;
    /// Messages that their callers took back.
    MessagesCancelled: Count by priority, from Control;
    /// Failed messages that are tried again by order of a caller.
    MessagesRedriven: Count by priority, from Control;

    /// Deliveries dropped because their message has ended or is not to be run now: doubled ones.
    DuplicatesDropped: Count by priority, from Process DeadLetter;
    /// Deliveries dropped because a later hand-over, or a command, had made them void.
    StaleEpochsDropped: Count by priority, from Process DeadLetter;
    /// Deliveries dropped because another attempt holds their message.
    LeaseConflicts: Count by priority, from Process DeadLetter;
    /// Outcomes that came when their attempt had lost its message: the lease was too short for it.
    ResultsLost: Count by priority, from Process;
    /// Deliveries given back because no time was left to start them. They count no attempt.
    DeliveriesGivenBack: Count by priority, from Process;
    /// Deliveries that can't be read, or name no message of the table.
    DeliveriesUnreadable: Count, from Process;
    /// Changes of messages that could not be written. Their lease or their due time brings the messages back.
    ChangesUnrecorded: Count, from Process;
    /// Messages that waited in a queue while this sandbox started a less urgent one from the same queue. Some are normal:
    /// what was delivered before a more urgent message came is not called back.
    PriorityInversions: Count by priority, from Process;

    /// Deliveries that the broker gave up on, and that were counted as attempts.
    DeadLetters: Count, from DeadLetter;
    /// Dead letters that belong to no message.
    Strays: Count, from DeadLetter;

    /// Frames that arrived at a socket.
    PushesSent: Count, from Fanout;
    /// Frames for connections that turned out to be closed.
    PushesGone: Count, from Fanout;
    /// Frames dropped because a connection reads too slowly.
    PushesSlow: Count, from Fanout;
    /// Frames that did not arrive for another reason.
    PushesFailed: Count, from Fanout;
    /// From the write of a change to its arrival from the table's stream: of the oldest one of a batch.
    StreamLag: Milliseconds, from Fanout Relay;
    /// Sockets that were opened.
    SocketsOpened: Count, from WsConnect;
    /// Sockets that were refused: no good ticket, a foreign origin, a table that fails.
    SocketsRefused: Count, from WsConnect;

    /// Whether the broker takes and gives messages, as far as Amazon MQ knows.
    BrokerRunning: None, from Monitor;
    /// Instances that Amazon MQ has for the broker. It does not tell how each of them stands.
    BrokerInstances: Count, from Monitor;
    /// Whether something has been changed at the broker and waits for a reboot.
    BrokerRebootPending: None, from Monitor;
    /// What Amazon MQ asks to be done to the broker.
    BrokerActionsRequired: Count, from Monitor;
    /// Whether the mapping on the queue `standard` delivers.
    StandardMappingWorks: None, from Monitor;
    /// Whether the mapping on the queue `express` delivers.
    ExpressMappingWorks: None, from Monitor;
    /// Whether the mapping on the queue `DLQ.standard` delivers.
    DeadLetterMappingWorks: None, from Monitor;
    /// Whether the mapping on the queue `DLQ.express` delivers.
    ExpressDeadLetterMappingWorks: None, from Monitor;
    /// Whether the mapping from the table's stream to the relay delivers.
    RelayMappingWorks: None, from Monitor;
    /// Whether the mapping from the table's stream to the fan-out delivers.
    FanoutMappingWorks: None, from Monitor;
    /// Messages whose time has come and which are not finished.
    UnfinishedMessages: Count by priority, from Monitor;
    /// How long ago the time of the oldest of these came; 0 where there is none.
    OldestUnfinishedAge: Seconds by priority, from Monitor;
    /// Messages that nobody has looked at for two minutes longer than somebody should have.
    MessagesOverdue: Count, from Monitor;
    /// Of these, those that are owed to the broker.
    HandoversOutstanding: Count, from Monitor;
    /// By how long the hand-over that is late by the longest is late; 0 where none is.
    OldestHandoverAge: Seconds, from Monitor;
    /// Whether more is unfinished than one look can read: then the five before this one are lower bounds.
    BacklogCutShort: None, from Monitor;
    /// What could not be looked at: the broker, a mapping, what is unfinished. Its metrics are missing then.
    LooksFailed: Count, from Monitor;
}

/// One value of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Of what.
    pub metric: Metric,
    /// Of messages of which priority; none where the metric has no such dimension.
    pub priority: Option<Priority>,
    /// How much, in the metric's unit.
    pub value: u64,
}

impl Sample {
    /// Whether the table lets that function take it.
    pub fn is_of(&self, function: Function) -> bool {
        self.metric.has_priority() == self.priority.is_some() && self.metric.functions().contains(&function)
    }
}

/// Takes what a function measures.
pub trait Meter: Send + Sync {
    /// Takes one value. It goes out with the next [`Meter::flush`].
    fn take(&self, sample: Sample);

    /// The call is over: lets out what was taken.
    fn flush(&self);

    /// So many more.
    fn count(&self, metric: Metric, number: usize) {
        if number > 0 {
            self.gauge(metric, u64::try_from(number).unwrap_or(u64::MAX));
        }
    }

    /// So many as there are now, also where there are none.
    fn gauge(&self, metric: Metric, value: u64) {
        self.take(Sample { metric, priority: None, value });
    }

    /// One more message of that priority.
    fn count_one(&self, metric: Metric, priority: Priority) {
        self.take(Sample { metric, priority: Some(priority), value: 1 });
    }

    /// How long something took, for a message of that priority.
    fn time(&self, metric: Metric, priority: Priority, took: Duration) {
        self.take(Sample { metric, priority: Some(priority), value: metric.unit().of(took) });
    }
}

/// Counts where a change has led a message to, where that is worth counting. For whoever made the change.
pub fn count_change(meter: &impl Meter, message: &Message) {
    let metric = match message.state {
        State::Completed => Metric::MessagesCompleted,
        State::Retrying => Metric::MessagesRetried,
        State::Failed => Metric::MessagesFailed,
        State::Expired => Metric::MessagesExpired,
        State::Cancelled => Metric::MessagesCancelled,
        State::Accepted | State::Queued | State::Processing => return,
    };
    meter.count_one(metric, message.priority);
    if matches!(message.state, State::Completed | State::Failed) {
        meter.time(Metric::EndToEndTime, message.priority, message.age());
    }
}

/// Measures how long the oldest of these changes, which have just come from the stream, was under way.
///
/// By the moments that the writers of the changes put down: the stream's own `ApproximateCreationDateTime` has whole
/// seconds, and a change is under way for about 200 ms.
pub fn stream_lag<'a>(meter: &impl Meter, changed: impl IntoIterator<Item = &'a Message>, now: Timestamp) {
    if let Some(oldest) = changed.into_iter().map(Message::changed_at).min() {
        let metric = Metric::StreamLag;
        meter.gauge(metric, metric.unit().of(oldest.until(now)));
    }
}

/// Counts a delivery that does not count any more.
pub fn count_dropped(meter: &impl Meter, refused: Refused, message: &Message) {
    let metric = match refused {
        Refused::StaleEpoch => Metric::StaleEpochsDropped,
        Refused::Leased { .. } => Metric::LeaseConflicts,
        _ => Metric::DuplicatesDropped,
    };
    meter.count_one(metric, message.priority);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_it_holds() {
        let metric = Metric::QueueWait;
        assert_eq!(metric.name(), "QueueWait");
        assert_eq!(metric.help(), "From when a message was due in the queue to the start of its attempt.");
        assert_eq!(metric.unit(), Unit::Milliseconds);
        assert!(metric.has_priority());
        assert_eq!(metric.functions(), [Function::Process]);
        assert!(!Metric::BrokerRunning.has_priority());
    }

    #[test]
    fn names_are_their_own_and_help_is_a_sentence() {
        let mut names: Vec<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            assert!(
                metric.help().ends_with('.') && !metric.help().contains("  "),
                "{metric:?}: {}",
                metric.help()
            );
        }
    }
}
