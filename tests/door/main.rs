//! The front door under strain: raw sockets against an embedded server whose clock only the test turns.

mod answers;
mod any_request;
mod captures;
mod garbage;
mod half_close;
mod health;
mod hosts;
mod http1;
mod limits;
mod long_polls;
mod pages;
mod patience;
mod queue_urls;
mod support;
