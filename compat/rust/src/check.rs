//! A small test frame: named steps, hard assertions, one line for each step.

use std::fmt::{Debug, Display};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

/// What went wrong in a step.
pub struct Failure(pub String);

impl<E: Display + Debug> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self(format!("{error} {error:?} (at {})", std::panic::Location::caller()))
    }
}

pub type Outcome<T = ()> = Result<T, Failure>;

/// Counts the steps that failed.
#[derive(Default)]
pub struct Report {
    failed: usize,
}

impl Report {
    /// Runs one part of a scenario; one that fails does not stop those after it.
    pub async fn step(&mut self, name: &str, body: impl Future<Output = Outcome>) {
        let start = Instant::now();
        match body.await {
            Ok(()) => println!("ok: {name} ({:.1} s)", start.elapsed().as_secs_f64()),
            Err(Failure(text)) => {
                self.failed += 1;
                println!("FAILED: {name}: {text}");
            }
        }
    }

    /// Ends the program with exit code 0 when every step passed.
    pub fn finish(self) -> ! {
        if self.failed > 0 {
            println!("{} step(s) failed", self.failed);
        }
        std::process::exit(i32::from(self.failed > 0))
    }
}

#[track_caller]
pub fn that(condition: bool, text: impl Display) -> Outcome {
    if condition {
        return Ok(());
    }
    Err(Failure(format!("{text} (at {})", std::panic::Location::caller())))
}

#[track_caller]
pub fn equal<G: PartialEq<W> + Debug, W: Debug>(what: &str, got: G, want: W) -> Outcome {
    that(got == want, format!("{what}: got {got:?}, want {want:?}"))
}

#[track_caller]
pub fn took(start: Instant, least: Duration, most: Duration) -> Outcome {
    let took = start.elapsed();
    that(took >= least && took <= most, format!("took {took:?}, want {least:?} to {most:?}"))
}

/// The digest of a message body as SQS writes it.
pub fn md5(bytes: impl AsRef<[u8]>) -> String {
    Md5::digest(bytes.as_ref()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of message attributes as the SQS developer guide defines it, from (name, type, value).
pub fn md5_of_attributes(attributes: &[(&str, &str, &[u8])]) -> String {
    let mut sorted = attributes.to_vec();
    sorted.sort();
    let mut buffer = Vec::new();
    let put = |buffer: &mut Vec<u8>, bytes: &[u8]| {
        buffer.extend((bytes.len() as u32).to_be_bytes());
        buffer.extend(bytes);
    };
    for (name, data_type, value) in sorted {
        put(&mut buffer, name.as_bytes());
        put(&mut buffer, data_type.as_bytes());
        buffer.push(if data_type.starts_with("Binary") { 2 } else { 1 });
        put(&mut buffer, value);
    }
    md5(buffer)
}
