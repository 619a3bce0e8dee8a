//! Test control as a test sees it: over HTTP, against an embedded server.

mod about;
mod any_request;
mod auto;
mod awaits;
mod clock;
#[cfg(feature = "postgres")]
mod cluster;
mod console;
#[path = "../support/control_calls.rs"]
mod control_calls;
mod devapi;
mod faults;
mod faults_drawn;
mod fixture;
mod history;
mod messages;
mod redrive;
mod report;
mod reset;
mod safety;
mod spaces;
