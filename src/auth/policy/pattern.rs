//! Texts of a policy that stand for others: wildcards `*` and `?`, and policy variables as in `${aws:username}`.

use super::context::Context;
use std::borrow::Cow;

/// A text as it stands in a policy, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    written: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    /// What means the same in every request.
    Glyphs(Vec<Glyph>),
    /// A policy variable, in small letters, and what it stands for if the request does not have it.
    Variable(String, Option<String>),
}

/// What one place of a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Glyph {
    /// This character.
    Char(char),
    /// A colon that was written in the policy: what separates the parts of an ARN. One that came out of a variable does
    /// not.
    Colon,
    /// Any character.
    One,
    /// Any number of any characters.
    Any,
}

/// What is special in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Special {
    /// `*` and `?`.
    pub wildcards: bool,
    /// Policy variables, which there are since version 2012-10-17.
    pub variables: bool,
}

/// A pattern for one request: variables have their values.
#[derive(Debug)]
pub struct Resolved<'a>(Cow<'a, [Glyph]>);

impl Pattern {
    /// Takes a text apart.
    ///
    /// # Errors
    /// A policy variable that is none.
    pub fn parse(text: &str, special: Special) -> Result<Pattern, String> {
        let (mut pieces, mut glyphs) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if special.variables && rest.starts_with("${") {
                let end = rest.find('}').ok_or_else(|| format!("the variable `{rest}` has no end"))?;
                match &rest[2..end] {
                    "*" => glyphs.push(Glyph::Char('*')),
                    "?" => glyphs.push(Glyph::Char('?')),
                    "$" => glyphs.push(Glyph::Char('$')),
                    name => {
                        pieces.push(Piece::Glyphs(std::mem::take(&mut glyphs)));
                        pieces.push(variable(name)?);
                    }
                }
                rest = &rest[end + 1..];
                continue;
            }
            glyphs.push(match c {
                '*' if special.wildcards => Glyph::Any,
                '?' if special.wildcards => Glyph::One,
                ':' => Glyph::Colon,
                c => Glyph::Char(c),
            });
            rest = &rest[c.len_utf8()..];
        }
        pieces.push(Piece::Glyphs(glyphs));
        Ok(Pattern { written: text.to_owned(), pieces })
    }

    /// The text as it stands in the policy.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The pattern for a request; none if a variable has no single value in it and no default.
    pub fn resolve(&self, context: &Context<'_>) -> Option<Resolved<'_>> {
        if let [Piece::Glyphs(glyphs)] = &self.pieces[..] {
            return Some(Resolved(Cow::Borrowed(glyphs)));
        }
        let mut all = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Glyphs(glyphs) => all.extend_from_slice(glyphs),
                Piece::Variable(key, default) => {
                    let value = context.single(key).or_else(|| default.as_deref().map(Into::into))?;
                    // What a variable stands for is a plain text, whatever it looks like.
                    all.extend(value.chars().map(Glyph::Char));
                }
            }
        }
        Some(Resolved(Cow::Owned(all)))
    }
}

/// What stands between `${` and `}`.
fn variable(text: &str) -> Result<Piece, String> {
    let wrong =
        || format!("`${{{text}}}` is no policy variable, as ${{aws:username}} or ${{aws:username, 'nobody'}} is");
    let (key, default) = match text.split_once(',') {
        None => (text, None),
        Some((key, default)) => {
            let default = default.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
            (key, Some(default.ok_or_else(wrong)?.to_owned()))
        }
    };
    let key = key.trim();
    if !is_key(key) {
        return Err(wrong());
    }
    Ok(Piece::Variable(key.to_ascii_lowercase(), default))
}

/// Whether a text may be the name of a condition key: a service, a colon and a name.
pub fn is_key(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, name)| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !service.is_empty() && service.bytes().all(plain) && !name.is_empty()
    })
}

impl Resolved<'_> {
    /// Whether it stands for this text.
    pub fn matches(&self, text: &str) -> bool {
        glob(&self.0, text, |a, b| a == b)
    }

    /// The same without regard to case.
    pub fn matches_any_case(&self, text: &str) -> bool {
        glob(&self.0, text, |a, b| a == b || a.to_lowercase().eq(b.to_lowercase()))
    }

    /// Whether it stands for this ARN. Each of the six parts is matched by itself. `complete`: parts that are missing
    /// at its end stand for anything.
    pub fn matches_arn(&self, arn: &str, complete: bool) -> bool {
        if complete && *self.0 == [Glyph::Any] {
            return true;
        }
        let patterns: Vec<&[Glyph]> = self.0.splitn(6, |glyph| *glyph == Glyph::Colon).collect();
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let enough = parts.len() == 6 && (complete || patterns.len() == 6);
        enough && patterns.iter().zip(&parts).all(|(pattern, part)| glob(pattern, part, |a, b| a == b))
    }
}

/// Whether a pattern matches a text. Takes at most as many steps as the product of their lengths: after a mismatch it
/// is enough to go on from the last `*`.
fn glob(pattern: &[Glyph], text: &str, same: impl Fn(char, char) -> bool) -> bool {
    let (mut at, mut rest) = (0, text.chars());
    // Behind the last `*`, and the text from where it has not been tried yet.
    let mut star: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        let before = rest.clone();
        let matched = match (pattern.get(at), rest.next()) {
            (Some(Glyph::Any), _) => {
                rest = before.clone();
                star = Some((at + 1, before));
                true
            }
            (None, None) => return true,
            (Some(Glyph::One), Some(_)) => true,
            (Some(Glyph::Char(wanted)), Some(c)) => same(*wanted, c),
            (Some(Glyph::Colon), Some(c)) => c == ':',
            (_, None) => return false,
            (None, Some(_)) => false,
        };
        if matched {
            at += 1;
        } else {
            let Some((behind, from)) = &mut star else { return false };
            from.next();
            (at, rest) = (*behind, from.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Special = Special { wildcards: true, variables: true };

    /// What comes of a pattern for a request of a user `a*b` with the id `R:s`.
    fn with<T>(pattern: &str, then: impl FnOnce(Option<Resolved<'_>>) -> T) -> T {
        let more =
            [("aws:username".to_owned(), vec!["a*b".to_owned()]), ("aws:userid".to_owned(), vec!["R:s".to_owned()])];
        let context = Context { more: more.into(), ..Context::default() };
        then(Pattern::parse(pattern, ALL).unwrap().resolve(&context))
    }

    fn matches(pattern: &str, text: &str) -> bool {
        with(pattern, |pattern| pattern.is_some_and(|pattern| pattern.matches(text)))
    }

    fn matches_arn(pattern: &str, arn: &str, complete: bool) -> bool {
        with(pattern, |pattern| pattern.unwrap().matches_arn(arn, complete))
    }

    #[test]
    fn wildcards_stand_for_any_characters() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "abc"),
            ("a*", "a"),
            ("a?c", "abc"),
            ("*b*", "abc"),
            ("a*b*c", "aXbYbZc"),
            ("", ""),
            ("é?", "éö"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("?", ""), ("a", "ab"), ("a?", "a"), ("*b", "abc"), ("a*b*c", "acb"), ("", "a"), ("A", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
        assert!(with("SQS:Send*", |pattern| pattern.unwrap().matches_any_case("sqs:sendmessage")));
        assert!(!matches(&"*a".repeat(2000), &"a".repeat(1999)));
    }

    #[test]
    fn variables_are_plain_texts() {
        assert!(matches("x-${aws:username}", "x-a*b") && !matches("${aws:username}", "aXb"));
        assert!(matches("${AWS:UserName}${*}${?}${$}", "a*b*?$"));
        assert!(matches("${aws:principaltag/team, 'all'}", "all"));
        assert!(with("${aws:PrincipalTag/team}", |pattern| pattern.is_none()));
        let literal = Special { variables: false, ..ALL };
        let pattern = Pattern::parse("${aws:username}", literal).unwrap();
        assert!(pattern.resolve(&Context::default()).unwrap().matches("${aws:username}"));
        for wrong in ["${", "${}", "${username}", "${aws:username", "${aws:username, x}", "${:a}", "${aws:}"] {
            assert!(Pattern::parse(wrong, ALL).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_part_of_an_arn_is_matched_by_itself() {
        let arn = "arn:aws:sqs:us-east-1:123456789012:orders";
        let is = |pattern: &str, complete| matches_arn(pattern, arn, complete);
        for pattern in ["*", "arn:aws:sqs", "arn:aws:sqs:*", "arn:aws:sqs:us-*-1:123456789012:*", "arn:*:*:*:*:orders"]
        {
            assert!(is(pattern, true), "{pattern}");
        }
        for pattern in ["arn:aws:sqs:*:orders", "arn:aws:sns", "arn:aws:sqs:*:123456789012", "arn*orders"] {
            let full = pattern == "arn:aws:sqs:*:123456789012";
            assert_eq!(is(pattern, true), full, "{pattern}");
            assert!(!is(pattern, false), "{pattern}");
        }
        assert!(!is("*", false) && is("arn:*:*:*:*:*", false));
        // A colon that a variable brings separates nothing.
        assert!(matches_arn("arn:aws:sts:::${aws:userid}", "arn:aws:sts:::R:s", false));
        assert!(!matches_arn("arn:aws:sts::${aws:userid}", "arn:aws:sts::R:s", true));
    }
}
