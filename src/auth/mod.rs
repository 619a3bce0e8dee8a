//! Who may: the keys of callers, and what their signatures prove. Pure: texts, bytes and the time go in, an identity or an error
//! comes out.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `identity.rs` | [`Identity`]: who sent a request |
//! | `credentials.rs` | [`Credentials`]: the keys that are known, each with its secret and what it stands for |

mod credentials;
mod identity;

pub use credentials::{Credentials, Key, Secret};
pub use identity::{Identity, PolicyText, Principal};
