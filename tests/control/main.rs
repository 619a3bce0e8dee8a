//! Test control as a test sees it: over HTTP, against an embedded server.

mod about;
mod fixture;
