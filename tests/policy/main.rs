//! Policies: read and evaluated against a slow and obvious evaluator, and any text that claims to be one.

mod any_text;
mod differential;
mod fixture;
mod naive;
mod permit;
