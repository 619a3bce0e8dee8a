//! A report as workflow commands of GitHub Actions: printed by a step, they become annotations of the run.

use super::evaluation::Report;
use super::finding::Severity;
use std::fmt::Write;

impl Report {
    /// One line for each finding.
    pub fn to_github(&self) -> String {
        let mut text = String::new();
        for finding in self.findings() {
            let command = match finding.severity {
                Severity::Info => "notice",
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            let title = escaped(&format!("{} {}", finding.code, finding.queue)).replace(':', "%3A").replace(',', "%2C");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "::{command} title={title}::{}", escaped(finding.to_string().trim_end()));
        }
        text
    }
}

/// As the runner wants the data of a command.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::super::observed::{Observed, ObservedMessage};
    use super::super::rules::testing::{message, queue, receive, when};
    use super::*;

    #[test]
    fn each_finding_is_a_command() {
        let mut orders = queue();
        orders.name = "a,b".to_owned();
        orders.messages = vec![ObservedMessage { receives: vec![receive(1, 50_000)], ..message(1, 0) }];
        let observed = Observed { now: when(60_000), queues: vec![orders], ..Observed::default() };
        let text = Report::new(&observed, &[]).to_github();
        let expected = "::warning title=K12 a%2Cb::warning K12 a,b: 1 message was received and neither deleted nor failed, \
                        in flight for up to 10s%0A  change: delete each message ";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("%0A  e.g. id-1\n") && text.lines().count() == 1, "{text}");
    }
}
