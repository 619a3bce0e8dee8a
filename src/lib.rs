//! kew
#![warn(missing_docs)]
pub mod api;
pub mod broker;
#[cfg(feature = "bin")]
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod error;
pub mod http;
mod server;
pub mod wire;
pub use clock::Clock;
pub use config::{Config, Mode, QueueConfig};
pub use server::{Builder, Server, StartError};
