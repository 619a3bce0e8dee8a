//! What is refused: wrong input, things that are not there, and what cannot be now.

/// An error of the control API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400 wrong request, 403 not allowed, 404 no such thing, 409 cannot now.
    pub status: u16,
    /// What is wrong.
    pub error: String,
    /// What to do about it.
    pub hint: String,
}

impl Refusal {
    /// An error with a hint, which may be empty.
    pub fn new(status: u16, error: impl Into<String>, hint: impl Into<String>) -> Refusal {
        Refusal { status, error: error.into(), hint: hint.into() }
    }

    /// 400 for what serde says of the input.
    pub fn wrong_input(error: &str) -> Refusal {
        let quoted: Vec<&str> = error.split('`').skip(1).step_by(2).collect();
        let nearest = match quoted.split_first() {
            Some((wrong, right)) if error.starts_with("unknown ") => nearest(wrong, right.iter().copied()),
            _ => None,
        };
        let hint = nearest.map(|name| format!("did you mean `{name}`?")).unwrap_or_default();
        Refusal::new(400, error, hint)
    }
}

/// The name that is most like a wrong one, if any is much like it.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let distances = names.into_iter().map(|name| (distance(&wrong, &name.to_lowercase()), name));
    let (distance, name) = distances.min()?;
    (distance <= 1 + name.chars().count() / 4).then_some(name)
}

/// How many letters have to be put in, taken out or replaced.
fn distance(one: &str, other: &str) -> usize {
    // A name has at most 80 letters or so; what is longer is like nothing.
    let one: Vec<char> = one.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=one.len()).collect();
    for (i, right) in other.chars().take(100).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, left) in one.iter().enumerate() {
            let replaced = diagonal + usize::from(*left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[one.len()]
}

/// Characters of a client's text that are repeated.
const REPEATED_CHARACTERS_MAX: usize = 80;

/// The beginning of a client's text as it may be repeated, and dots if that is not all.
fn beginning(text: &str) -> (&str, &'static str) {
    match text.char_indices().nth(REPEATED_CHARACTERS_MAX) {
        Some((end, _)) => (&text[..end], "..."),
        None => (text, ""),
    }
}

/// A text of a client as it may be repeated in an answer.
pub fn shortened(text: &str) -> String {
    let (short, dots) = beginning(text);
    format!("{short}{dots}")
}

/// A text in quotation marks, cut short, on one line; JSON stays as it reads.
pub fn quoted(text: &str) -> String {
    let (short, dots) = beginning(text);
    let mark = ['"', '\'', '`'].into_iter().find(|mark| !short.contains(*mark)).unwrap_or('"');
    let mut quoted = String::from(mark);
    for c in short.chars() {
        match c {
            '"' | '\'' => quoted.push(c),
            c => quoted.extend(c.escape_debug()),
        }
    }
    quoted.push(mark);
    quoted + dots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_so_that_they_can_be_read() {
        for (text, shown) in
            [("a", "\"a\""), (r#"{"a": "é"}"#, r#"'{"a": "é"}'"#), ("\"it's\"\n", "`\"it's\"\\n`"), ("...", "\"...\"")]
        {
            assert_eq!(quoted(text), shown);
        }
        assert_eq!(quoted(&"a".repeat(81)), format!("\"{}\"...", "a".repeat(80)));
    }

    #[test]
    fn a_name_that_is_much_like_a_wrong_one_is_found() {
        assert_eq!(nearest("visble", ["visible", "inFlight"]), Some("visible"));
        assert_eq!(nearest("xyz", ["visible", "inFlight"]), None);
    }

    #[test]
    fn long_texts_are_not_repeated_whole() {
        assert_eq!(shortened(&"é".repeat(200)).chars().count(), 83);
    }
}
