//! What a metric is: name, type, help, and where the value is found.

use super::exposition::{Kind, Samples, as_float};
use super::sample::{QueueSample, ServerSample};

/// A row of the table.
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What it means, in one line.
    pub help: &'static str,
    pub(super) values: Values,
}

/// Where the values of a family are found.
pub(super) enum Values {
    /// In each queue, under CloudWatch's names.
    Aws(fn(&QueueSample) -> Option<f64>),
    /// In each queue, under kew's names.
    Queue(fn(&QueueSample, &mut Samples<'_>)),
    /// In the server.
    Server(fn(&ServerSample, &mut Samples<'_>)),
}

impl Family {
    /// Whether it is one of CloudWatch's.
    pub fn is_aws(&self) -> bool {
        matches!(self.values, Values::Aws(_))
    }
}

pub(super) const fn gauge(name: &'static str, help: &'static str, values: Values) -> Family {
    Family { name, kind: Kind::Gauge, help, values }
}

pub(super) const fn counter(name: &'static str, help: &'static str, values: Values) -> Family {
    Family { name, kind: Kind::Counter, help, values }
}

pub(super) const fn histogram(name: &'static str, help: &'static str, values: Values) -> Family {
    Family { name, kind: Kind::Histogram, help, values }
}

/// Milliseconds as Prometheus has times.
pub(super) fn seconds(ms: u64) -> f64 {
    as_float(ms) / 1000.0
}
