//! Any policies: no panic, and of policies that are right the same decision as that of the slow evaluator of the tests.
//!
//! An input that begins with `{` is the text of a policy. Any other chooses policies and a request, byte by byte, out of the words
//! of the tests.

#![no_main]

#[path = "../../tests/policy/naive.rs"]
mod naive;
#[path = "../../tests/policy/words.rs"]
mod words;

use libfuzzer_sys::fuzz_target;
use naive::Ask;
use serde_json::{Map, Value, json};
use words::{ACTIONS, ASKED, KEYS, NAMES, OWNERS, RESOURCES, WHO, operators};

/// What an input chooses; the first of everything when it has ended.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn below(&mut self, end: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn few(&mut self, all: &[&'static str], least: usize, most: usize) -> Vec<&'static str> {
        let count = least + self.below(most - least + 1);
        (0..count).map(|_| self.of(all)).collect()
    }

    /// An element, or rarely its opposite.
    fn name(&mut self, element: &str) -> String {
        let not = if self.below(5) == 4 { "Not" } else { "" };
        format!("{not}{element}")
    }

    fn condition(&mut self) -> (String, Value) {
        let (key, _, wanted) = self.of(KEYS);
        let prefix = self.of(&["", "", "ForAllValues:", "ForAnyValue:"]);
        let if_exists = self.of(&["", "", "IfExists"]);
        match self.below(10) {
            9 => ("Null".to_owned(), json!({ key: self.of(&["true", "false"]) })),
            _ => {
                let operator = self.of(&operators(key));
                (format!("{prefix}{operator}{if_exists}"), json!({ key: self.few(wanted, 1, 2) }))
            }
        }
    }

    fn statement(&mut self, with_principal: bool) -> Value {
        let mut statement = Map::from_iter([("Effect".to_owned(), json!(self.of(&["Allow", "Allow", "Deny"])))]);
        for (element, all) in [("Action", ACTIONS), ("Resource", RESOURCES)] {
            statement.insert(self.name(element), json!(self.few(all, 1, 2)));
        }
        if with_principal {
            let whom = match self.below(3) {
                0 => json!("*"),
                _ => json!({ "AWS": self.few(&WHO[1..], 1, 3) }),
            };
            statement.insert(self.name("Principal"), whom);
        }
        // A repeated operator replaces the one before.
        let conditions: Map<String, Value> = (0..self.below(3)).map(|_| self.condition()).collect();
        if !conditions.is_empty() {
            statement.insert("Condition".to_owned(), conditions.into());
        }
        statement.into()
    }

    fn policy(&mut self, with_principal: bool) -> Value {
        let version = self.of(&["2012-10-17", "2012-10-17", "2008-10-17"]);
        let statements: Vec<Value> = (0..=self.below(3)).map(|_| self.statement(with_principal)).collect();
        json!({"Version": version, "Statement": statements})
    }

    fn ask(&mut self) -> Ask {
        let (who, action) = (self.of(WHO).to_owned(), self.of(ASKED).to_owned());
        let (owner, name) = (self.of(OWNERS).to_owned(), self.of(NAMES));
        let keys = KEYS.iter().map(|(key, values, _)| {
            let most = if *key == "aws:TagKeys" { 3 } else { 1 };
            let values: Vec<String> = self.few(values, 0, most).into_iter().map(str::to_owned).collect();
            (key.to_lowercase(), values)
        });
        let keys = keys.filter(|(_, values)| !values.is_empty()).collect();
        Ask { who, action, resource: format!("arn:aws:sqs:us-east-1:{owner}:{name}"), owner, keys }
    }
}

fuzz_target!(|input: &[u8]| {
    if input.first() == Some(&b'{') {
        words::read_and_ask(&String::from_utf8_lossy(input));
        return;
    }
    let mut choices = Choices(input);
    let ask = choices.ask();
    let own = if ask.who.is_empty() { 0 } else { choices.below(3) };
    let identity: Vec<Value> = (0..own).map(|_| choices.policy(false)).collect();
    let queue = (choices.below(4) > 0).then(|| choices.policy(true));
    let expected = naive::decide(&identity, queue.as_ref(), &ask);
    assert_eq!(words::decide(&identity, queue.as_ref(), &ask), expected, "{ask:?} {identity:?} {queue:?}");
});
