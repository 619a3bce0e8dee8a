//! A control subcommand from its request to its exit code: what comes back is shown as text, or as JSON.

use super::arguments::Control;
use super::client::{Answer, Failure, Target};
use super::output;
use std::process::ExitCode;

/// The exit code when kew refused, or what was waited for did not come about.
pub const REFUSED: u8 = 1;
/// The exit code for wrong arguments, as clap has it.
pub const USAGE: u8 = 2;
/// The exit code when there was no answer.
pub const UNREACHABLE: u8 = 3;

/// What the help of each control subcommand ends with.
pub const EXIT_CODES: &str = "Exit codes: 0 done, or what was waited for is there; 1 refused, not there, or not in time; \
    2 wrong arguments; 3 no kew could be reached.";

/// What asks for JSON, and what asks for text.
pub fn accept(json: bool) -> &'static str {
    if json { "application/json" } else { "text/plain" }
}

/// Sends the request of a subcommand and shows the answer.
pub fn control(target: &Target, what: Control, json: bool) -> Result<ExitCode, String> {
    let heading = what.has_heading() && !json;
    let request = what.request();
    run(async {
        let answer = target.send(&request, accept(json)).await?;
        if answer.status < 300 {
            return show(answer, heading).await.map(|()| ExitCode::SUCCESS);
        }
        let code = refusal_code(answer.status);
        if json {
            show(answer, false).await?;
        } else {
            output::tell(&answer.text().await?);
        }
        Ok(ExitCode::from(code))
    })
}

/// The exit code for an answer that is not a success.
pub fn refusal_code(status: u16) -> u8 {
    if status == 400 { USAGE } else { REFUSED }
}

/// Runs what asks a kew, and tells why there was no answer.
pub fn run(asking: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let (code, error) = match runtime.block_on(asking) {
        Ok(code) => return Ok(code),
        Err(Failure::Usage(error)) => (USAGE, error),
        Err(Failure::Unreachable(error)) => (UNREACHABLE, error),
    };
    output::complain(&error);
    Ok(ExitCode::from(code))
}

/// Shows an answer on standard output as it comes.
async fn show(mut answer: Answer, heading: bool) -> Result<(), Failure> {
    let mut out = if heading { output::out().with_heading() } else { output::out() };
    let mut events = answer.is_event_stream.then(EventLines::default);
    while let Some(piece) = answer.piece().await? {
        let pushed = match &mut events {
            Some(events) => out.push(events.lines_of(&piece).as_bytes()),
            None => out.push(&piece),
        };
        // As with `| head`: nobody wants the rest.
        if pushed.is_err() {
            return Ok(());
        }
    }
    let _ = out.end();
    Ok(())
}

/// Server-sent events as lines of JSON: the data of an event, or `{"NAME": data}` if it is not one of the history.
#[derive(Default)]
struct EventLines {
    begun: Vec<u8>,
    name: Option<String>,
}

impl EventLines {
    fn lines_of(&mut self, piece: &[u8]) -> String {
        self.begun.extend_from_slice(piece);
        let end = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let whole: Vec<u8> = self.begun.drain(..end).collect();
        let mut lines = String::new();
        for line in String::from_utf8_lossy(&whole).lines() {
            match line.split_once(": ") {
                Some(("event", name)) => self.name = Some(name.to_owned()),
                Some(("data", data)) => match self.name.take() {
                    Some(name) => lines += &format!("{{\"{name}\":{data}}}\n"),
                    None => lines += &format!("{data}\n"),
                },
                _ => {}
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_sent_events_become_lines() {
        let mut events = EventLines::default();
        assert_eq!(events.lines_of(b": kew\n\nid: 1\ndata: {\"position\":1}\n\nevent: cou"), "{\"position\":1}\n");
        assert_eq!(events.lines_of(b"nts\ndata: {\"queue\":\"q\"}\n\n"), "{\"counts\":{\"queue\":\"q\"}}\n");
    }
}
