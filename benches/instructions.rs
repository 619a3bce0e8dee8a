//! Does one operation so many times, and nothing else: what `instructions.py` runs under valgrind.
//!
//! `instructions` alone lists the operations; `instructions NAME COUNT` does one of them.

#[allow(dead_code, reason = "the deep queues are for the micro-benchmarks")]
mod common;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = arguments.first().and_then(|name| common::OPERATIONS.iter().find(|(known, _)| known == name));
    let count = arguments.get(1).and_then(|count| count.parse::<u64>().ok());
    match (wanted, count) {
        (Some((_, make)), Some(count)) => {
            let mut operation = make();
            (0..count).for_each(|_| operation());
        }
        // Also what `cargo bench` and `cargo test --benches` come to.
        _ => common::OPERATIONS.iter().for_each(|(name, _)| println!("{name}")),
    }
}
