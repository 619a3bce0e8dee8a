//! A report as JUnit XML, which every CI shows: a test suite for each queue, a test case for each code.
//!
//! It is valid by both schemas in use: that of Ant and that of Jenkins and Surefire. The former wants `properties`, `system-out` and
//! `system-err` in each suite, also when there is nothing in them, a host, and a time without a zone.

use super::evaluation::Report;
use super::finding::{Finding, Severity};
use super::rules::{RULES, Rule};
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::writer::Writer;
use std::io;

type Xml = Writer<Vec<u8>>;

impl Report {
    /// The document. Warnings and errors are failures.
    pub fn to_junit(&self) -> String {
        let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
        // Writing to a Vec cannot fail.
        let _ = self.write_junit(&mut xml);
        String::from_utf8(xml.into_inner()).unwrap_or_default() + "\n"
    }

    fn write_junit(&self, xml: &mut Xml) -> io::Result<()> {
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.write_event(Event::Start(BytesStart::new("testsuites")))?;
        for (id, queue) in self.queues.iter().enumerate() {
            self.write_suite(xml, id, queue)?;
        }
        xml.write_event(Event::End(BytesEnd::new("testsuites")))
    }

    fn write_suite(&self, xml: &mut Xml, id: usize, queue: &str) -> io::Result<()> {
        let own: Vec<&Finding> = self.findings().iter().filter(|finding| finding.queue == queue).collect();
        let failures = own.iter().filter(|finding| finding.severity > Severity::Info).count();
        let skipped = RULES.iter().filter(|rule| self.is_skipped(rule)).count();
        let (id, tests, failures) = (id.to_string(), RULES.len().to_string(), failures.to_string());
        let (skipped, time) = (skipped.to_string(), self.now.at.to_string());
        let suite = BytesStart::new("testsuite").with_attributes([
            ("name", queue),
            ("package", "kew"),
            ("id", &id),
            ("tests", &tests),
            ("failures", &failures),
            ("errors", "0"),
            ("skipped", &skipped),
            ("time", "0"),
            ("timestamp", time.trim_end_matches('Z')),
            ("hostname", "localhost"),
        ]);
        xml.write_event(Event::Start(suite))?;
        xml.write_event(Event::Start(BytesStart::new("properties")))?;
        let seed = self.seed.to_string();
        let seed = BytesStart::new("property").with_attributes([("name", "seed"), ("value", &seed)]);
        xml.write_event(Event::Empty(seed))?;
        xml.write_event(Event::End(BytesEnd::new("properties")))?;
        for rule in RULES {
            self.write_case(xml, queue, rule, own.iter().find(|finding| finding.code == rule.code).copied())?;
        }
        // What is no failure is told all the same.
        let hints = own.iter().filter(|finding| finding.severity == Severity::Info);
        let hints: Vec<String> = hints.map(|finding| finding.to_string()).collect();
        write_text(xml, "system-out", &hints.concat())?;
        let cut = self.dropped_before.map(|position| format!("the history was cut before event {position}\n"));
        write_text(xml, "system-err", &cut.unwrap_or_default())?;
        xml.write_event(Event::End(BytesEnd::new("testsuite")))
    }

    /// What nobody told cannot be checked.
    fn is_skipped(&self, rule: &Rule) -> bool {
        rule.code == "K10" && !self.knows_lambda_timeout
    }

    fn write_case(&self, xml: &mut Xml, queue: &str, rule: &Rule, found: Option<&Finding>) -> io::Result<()> {
        let (name, class) = (format!("{} {}", rule.code, rule.title), format!("kew.{queue}"));
        let case = BytesStart::new("testcase").with_attributes([
            ("name", name.as_str()),
            ("classname", &class),
            ("time", "0"),
        ]);
        let inner = match found.filter(|finding| finding.severity > Severity::Info) {
            Some(finding) => {
                let kind = finding.severity.name();
                let start = [("message", finding.summary.as_str()), ("type", kind)];
                Some((BytesStart::new("failure").with_attributes(start), finding.to_string()))
            }
            None if self.is_skipped(rule) => Some((BytesStart::new("skipped"), String::new())),
            None => None,
        };
        let Some((start, text)) = inner else { return xml.write_event(Event::Empty(case)) };
        xml.write_event(Event::Start(case))?;
        if text.is_empty() {
            xml.write_event(Event::Empty(start))?;
        } else {
            let end = start.to_end().into_owned();
            xml.write_event(Event::Start(start.borrow()))?;
            xml.write_event(Event::Text(BytesText::new(&text)))?;
            xml.write_event(Event::End(end))?;
        }
        xml.write_event(Event::End(BytesEnd::new("testcase")))
    }
}

fn write_text(xml: &mut Xml, name: &str, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return xml.write_event(Event::Empty(BytesStart::new(name)));
    }
    xml.write_event(Event::Start(BytesStart::new(name)))?;
    xml.write_event(Event::Text(BytesText::new(text)))?;
    xml.write_event(Event::End(BytesEnd::new(name)))
}

#[cfg(test)]
mod tests {
    use super::super::observed::{Observed, ObservedMessage, ObservedQueue};
    use super::super::rules::testing::{message, queue, receive, when};
    use super::*;

    #[test]
    fn each_code_is_a_test_case_and_texts_are_escaped() {
        let mut orders = ObservedQueue { fifo: true, ..queue() };
        let in_group = |id| ObservedMessage { group: Some("<&\"]]>".into()), ..message(id, 0) };
        orders.messages = (1..=10).map(in_group).collect();
        orders.messages[9].receives.push(receive(1, 50_000));
        let observed = Observed { now: when(60_000), queues: vec![orders], ..Observed::default() };
        let xml = Report::new(&observed, &[]).to_junit();
        let head = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
  <testsuite name=\"orders\" package=\"kew\" id=\"0\" tests=\"12\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"0\" \
timestamp=\"1970-01-01T00:17:40\" hostname=\"localhost\">
    <properties>
      <property name=\"seed\" value=\"0\"/>
    </properties>
    <testcase name=\"K1 visibility timeout below processing time\" classname=\"kew.orders\" time=\"0\"/>
";
        assert!(xml.starts_with(head), "{xml}");
        let leaked = "\
    <testcase name=\"K12 received and neither deleted nor failed\" classname=\"kew.orders\" time=\"0\">
      <failure message=\"1 message was received and neither deleted nor failed, in flight for up to 10s\" \
type=\"warning\">warning K12 orders: 1 message was received";
        assert!(xml.contains(leaked), "{xml}");
        assert!(xml.contains("are in message group &lt;&amp;&quot;]]&gt;: they"), "{xml}");
        assert_eq!(xml.matches("<testcase ").count(), 12);
        assert_eq!((xml.matches("<skipped/>").count(), xml.matches("<failure ").count()), (1, 1));
        assert!(xml.ends_with("    <system-err/>\n  </testsuite>\n</testsuites>\n"), "{xml}");
    }
}
