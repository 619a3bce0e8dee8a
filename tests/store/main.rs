//! The store of `--data DIR`: what it brings back, what it does when something is wrong, and what a loss of power can
//! take.

mod equal;
mod faults;
mod growth;
mod kit;
mod move_task;
mod power;
mod records;
