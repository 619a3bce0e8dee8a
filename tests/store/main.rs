//! The store of `--data DIR`: what it brings back, what it does when something is wrong, and what a loss of power can
//! take.

mod contract;
mod damage;
mod equal;
mod faults;
mod flips;
mod growth;
mod migration;
mod move_task;
mod place;
mod power;
mod records;
mod support;
mod varied;
