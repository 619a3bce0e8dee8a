//! What nodes say to each other, each end by itself: no database is needed.

mod link;
mod node;
