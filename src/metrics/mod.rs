//! Metrics for Prometheus: counts that are kept anyway, under CloudWatch's names and under kew's own, put together when somebody
//! reads them.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `exposition.rs` | the two text formats: families, samples, labels |
//! | `requests.rs` | requests to SQS, counted by action and outcome |
//! | `process.rs` | what the operating system says of this process |
//! | `sample.rs` | what is read of a queue and of the server |
//! | `families.rs` `aws.rs` `own.rs` | what a metric is; the tables of all: under CloudWatch's names, and under kew's |
//! | `selection.rs` | which of them somebody wants: `?family=`, `?queue=` |
//! | `read.rs` | [`Metrics`]: an answer, in pieces |

mod aws;
mod exposition;
mod families;
mod own;
mod process;
mod read;
mod requests;
mod sample;
mod selection;

pub use exposition::{Format, Kind};
pub use families::Family;
pub use read::{Metrics, MetricsOptions, Pieces, QUEUES_SHOWN_MAX, family};
pub use selection::Selection;
