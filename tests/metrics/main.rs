//! Metrics: names, values, formats, and who may read them.

mod bounds;
#[path = "../control/fixture.rs"]
mod fixture;
mod http;
mod names;
mod reading;
mod values;
