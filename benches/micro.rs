//! Micro-benchmarks of the codecs, the engine and the HTTP service: `cargo bench --bench micro`.
//!
//! Times depend on the machine and its mood. What guards against regressions is `instructions.py`.

mod common;

use criterion::Criterion;
use std::time::Duration;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for (name, make) in common::OPERATIONS.iter().chain(common::DEEP) {
        // Set up only if the benchmark is asked for: criterion calls this once it has checked the filter.
        criterion.bench_function(name, |bencher| {
            let mut operation = make();
            bencher.iter(&mut operation);
        });
    }
    criterion.final_summary();
}
