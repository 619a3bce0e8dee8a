//! Who may: the keys of callers, and what their signatures prove. Pure: texts, bytes and the time go in, an identity or an error
//! comes out.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `identity.rs` | [`Identity`]: who sent a request |
//! | `credentials.rs` `secret.rs` | [`Credentials`]: the keys that are known, each with its secret and what it stands for |
//! | `credentials_file.rs` `credentials_toml.rs` `credentials_profiles.rs` `key_entry.rs` | [`CredentialsFile`]: the two formats of files with keys, errors with their lines |
//! | `signature/` | [`identify`]: Signature Version 4, from a request to an identity |
//! | `policy/` | policies: who may do what with which queue |

mod credentials;
mod credentials_file;
mod credentials_profiles;
#[cfg(feature = "bin")]
mod credentials_toml;
mod identity;
mod key_entry;
pub mod policy;
mod secret;
mod signature;

pub use credentials::{Credentials, Key};
pub use credentials_file::{CredentialsFile, FILE_BYTES_MAX};
pub use identity::{Identity, Principal, not_signed};
pub use key_entry::ReadFile;
pub use secret::Secret;
pub use signature::{Carrier, HttpRequest, Scope, SigningKeys, basic_date, canonical_request, identify};
