//! The rules for names, ids, bodies and attributes: what SQS accepts, and the text with which it refuses the rest.
//!
//! Texts are recorded or reported ones; where none is known the comment says "uncertain".

use super::{Map, MessageAttributeValue, MessageAttributes, Names, digest, limits};
use crate::error::{Error, ErrorKind};
use std::fmt;

/// Why a queue name is refused.
const STANDARD_NAME: &str = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
const FIFO_NAME: &str = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, \
                         must end with .fifo suffix and be 1 to 80 in length";

/// Ends the name of every FIFO queue.
pub const FIFO_SUFFIX: &str = ".fifo";

fn is_name_character(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_'
}

/// Checks the name of a queue that is to be created.
///
/// # Errors
/// `InvalidParameterValue` with the text for its kind.
pub fn check_queue_name(name: Option<&str>, fifo: bool) -> Result<&str, Error> {
    let name = name.ok_or_else(must_specify_queue_name)?;
    if name.is_empty() {
        return Err(Error::invalid("Queue name cannot be empty"));
    }
    let stem = if fifo { name.strip_suffix(FIFO_SUFFIX).unwrap_or_default() } else { name };
    let fits = name.len() <= limits::QUEUE_NAME_LENGTH_MAX && !stem.is_empty() && stem.bytes().all(is_name_character);
    if fits { Ok(name) } else { Err(Error::invalid(if fifo { FIFO_NAME } else { STANDARD_NAME })) }
}

/// The text for an absent queue name.
pub fn must_specify_queue_name() -> Error {
    Error::invalid_parameter("QueueName", "Must specify a queue name.")
}

/// Whether a text can be the id of a batch entry or the label of a permission.
pub fn is_label(text: &str) -> bool {
    (1..=limits::BATCH_ENTRY_ID_LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_name_character)
}

/// Whether a text can be a message group id, deduplication id or receive request attempt id: ASCII letters, digits and
/// punctuation.
pub fn is_token(text: &str) -> bool {
    (1..=limits::TOKEN_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The second half of the text for a malformed token.
pub fn token_rule(name: &str) -> String {
    format!("{name} can only include alphanumeric and punctuation characters. 1 to 128 in length")
}

/// Checks a message group id, deduplication id or receive request attempt id.
///
/// # Errors
/// `InvalidParameterValue`; recorded text, with the value even when it is empty.
pub fn check_token(name: &str, value: &str) -> Result<(), Error> {
    if is_token(value) { Ok(()) } else { Err(Error::invalid_value(value, name, format_args!("{}.", token_rule(name)))) }
}

/// The set of characters that a body or a text attribute may hold: that of XML 1.0.
fn is_message_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// What stands for the half of a surrogate pair, which no text can hold: a character that SQS refuses in just the same way, and one
/// of private use that tells which half it was.
pub fn lone_surrogate(unit: u16) -> [char; 2] {
    [LONE_SURROGATE, char::from_u32(u32::from(unit) - SURROGATES + PRIVATE_USE).unwrap_or(LONE_SURROGATE)]
}

const LONE_SURROGATE: char = '\u{FFFF}';
/// The first surrogate; the last is [`SURROGATE_COUNT`] further.
const SURROGATES: u32 = 0xD800;
const SURROGATE_COUNT: u32 = 0x800;
/// The first character of private use.
const PRIVATE_USE: u32 = 0xE000;

/// The number of the first character that SQS does not allow in a text.
pub fn first_forbidden_character(text: &str) -> Option<u32> {
    // Plain ASCII is the common case. Without a way out in the middle, the compiler looks at a chunk's bytes all at once.
    let is_plain = |b: u8| (0x20..0x80).contains(&b) | (b == b'\t') | (b == b'\n') | (b == b'\r');
    let plain = |bytes: &[u8]| bytes.iter().fold(true, |all, &b| all & is_plain(b));
    let (chunks, rest) = text.as_bytes().as_chunks::<32>();
    if chunks.iter().all(|chunk| plain(chunk)) && plain(rest) {
        return None;
    }
    let mut rest = text.chars();
    let found = rest.find(|c| !is_message_character(*c))?;
    let half = rest.next().map(|c| u32::from(c).wrapping_sub(PRIVATE_USE)).filter(|half| *half < SURROGATE_COUNT);
    Some(match half {
        Some(half) if found == LONE_SURROGATE => SURROGATES + half,
        _ => found.into(),
    })
}

fn forbidden(kind: ErrorKind, code: u32, place: impl fmt::Display) -> Error {
    Error::new(
        kind,
        format!(
            "Invalid binary character '#x{code:X}' was found in the message {place}, the set of allowed characters is \
             #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."
        ),
    )
}

/// Checks the characters of a body.
///
/// # Errors
/// `InvalidMessageContents`; the text is from a real answer.
pub fn check_body(body: &str) -> Result<(), Error> {
    match first_forbidden_character(body) {
        Some(c) => Err(forbidden(ErrorKind::InvalidMessageContents, c, "body")),
        None => Ok(()),
    }
}

/// Checks the user attributes of a message.
///
/// # Errors
/// `InvalidParameterValue`, or `UnsupportedOperation` for list values.
pub fn check_message_attributes(attributes: &MessageAttributes) -> Result<(), Error> {
    if attributes.sent() > limits::MESSAGE_ATTRIBUTES_MAX {
        return Err(Error::invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{}].",
            attributes.sent(),
            limits::MESSAGE_ATTRIBUTES_MAX
        )));
    }
    attributes.iter().try_for_each(|(name, value)| {
        check_attribute_name(name)?;
        check_attribute_value(name, value)
    })
}

fn check_attribute_name(name: &str) -> Result<(), Error> {
    let refuse = |text: &'static str| Err(Error::invalid(text));
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|p| p.eq_ignore_ascii_case(prefix));
    if name.is_empty() {
        return refuse("The request must contain non-empty message (user) attribute names.");
    }
    if name.len() > limits::MESSAGE_ATTRIBUTE_NAME_LENGTH_MAX {
        return refuse("Message (user) attribute name must be shorter than 256 bytes.");
    }
    if begins("AWS.") || begins("Amazon.") {
        return refuse(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon'. \
             These strings are reserved for internal use.",
        );
    }
    if name.starts_with('.') {
        return refuse("Message (user) attribute name must not begin with character '.'.");
    }
    if name.ends_with('.') {
        return refuse("Message (user) attribute name must not end with character '.'.");
    }
    // Two dots in a row are accepted: observed on AWS, against its documentation. So are letters of any script.
    if let Some(c) = name.chars().find(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.')) {
        // Uncertain: the rejection is recorded, its text is not.
        return Err(Error::invalid(format!(
            "Invalid character '{c}' was found in the message (user) attribute name '{name}'. \
             It can only include alphanumeric characters, hyphens, underscores, and periods."
        )));
    }
    Ok(())
}

fn check_attribute_value(name: &str, value: &MessageAttributeValue) -> Result<(), Error> {
    if value.string_list_values + value.binary_list_values > 0 {
        return Err(Error::new(
            ErrorKind::UnsupportedOperation,
            "Message attribute list values in SendMessage operation are not supported.",
        ));
    }
    let attribute = format_args!("message (user) attribute '{name}'");
    let data_type = value.data_type.as_deref().unwrap_or_default();
    if data_type.is_empty() {
        let what = if value.string_value.is_none() && value.binary_value.is_none() { "value" } else { "type" };
        return Err(Error::invalid(format!("The {attribute} must contain a non-empty message attribute {what}.")));
    }
    if data_type.len() > limits::MESSAGE_ATTRIBUTE_TYPE_LENGTH_MAX {
        return Err(Error::invalid("Message (user) attribute type must be shorter than 256 bytes."));
    }
    let base = value.base_type();
    if !matches!(base, "String" | "Number" | "Binary") || first_forbidden_character(data_type).is_some() {
        return Err(Error::invalid(format!(
            "The type of {attribute} is invalid. \
             You must use only the following supported type prefixes: Binary, Number, String."
        )));
    }
    // An empty text counts as no value where the other member has one: old SDKs send both.
    let text = value.string_value.as_deref().filter(|text| !text.is_empty());
    let bytes = value.binary_value.as_deref().filter(|bytes| !bytes.is_empty());
    let binary = value.is_binary();
    let attribute = format_args!("Message (user) attribute '{name}'");
    match (text, bytes) {
        (Some(_), Some(_)) => Err(Error::invalid(format!("{attribute} must have a single value."))),
        (None, Some(_)) if !binary => {
            Err(Error::invalid(format!("{attribute} with type '{base}' must use field 'String'.")))
        }
        (Some(_), None) if binary => {
            Err(Error::invalid(format!("{attribute} with type '{base}' must use field 'Binary'.")))
        }
        (None, None) => Err(Error::invalid(format!("{attribute} must contain a non-empty value of type '{base}'."))),
        (Some(text), None) => match first_forbidden_character(text) {
            // Uncertain: the code is recorded, the text follows that of the body.
            Some(c) => {
                Err(forbidden(ErrorKind::InvalidParameterValue, c, format_args!("(user) attribute '{name}' value")))
            }
            None if base == "Number" && !is_number(text) => {
                Err(Error::invalid(format!("Can't cast the value of message (user) attribute '{name}' to a number.")))
            }
            None => Ok(()),
        },
        (None, Some(_)) => Ok(()),
    }
}

/// Whether a text is a number of at most 38 significant digits between 10^-128 and 10^126.
fn is_number(text: &str) -> bool {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()),
        None => (unsigned, Some(0)),
    };
    let Some(exponent) = exponent else { return false };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let all: Vec<u8> = digits().collect();
    let Some(first) = all.iter().position(|b| *b != b'0') else { return true };
    let last = all.iter().rposition(|b| *b != b'0').unwrap_or(first);
    // The power of ten of the first significant digit.
    let magnitude = whole.len() as i64 - 1 - first as i64;
    last - first < limits::NUMBER_DIGITS_MAX && limits::NUMBER_EXPONENT.contains(&magnitude.saturating_add(exponent))
}

/// Whether the `X-Amzn-Trace-Id` of an HTTP request can be kept as `AWSTraceHeader`.
pub fn is_trace_header(text: &str) -> bool {
    text.len() <= limits::TRACE_HEADER_BYTES_MAX && first_forbidden_character(text).is_none()
}

/// Checks the system attributes of a message: only `AWSTraceHeader` can be sent. Returns its value.
///
/// # Errors
/// `InvalidParameterValue`.
pub fn check_system_attributes(attributes: &Map<MessageAttributeValue>) -> Result<Option<&str>, Error> {
    let mut trace = None;
    for (name, value) in attributes {
        if name != "AWSTraceHeader" {
            return Err(Error::invalid(format!("Message system attribute name '{name}' is invalid.")));
        }
        let text = value.string_value.as_deref().filter(|text| !text.is_empty());
        let attribute = format_args!("Message (system) attribute '{name}'");
        // Uncertain: the texts for a malformed trace header follow those of user attributes.
        if value.binary_value.as_ref().is_some_and(|bytes| !bytes.is_empty()) {
            return Err(Error::invalid(format!("{attribute} must have a single value.")));
        }
        let text = match (value.data_type.as_deref(), text) {
            (Some("String"), Some(text)) => text,
            (Some("String"), None) => {
                return Err(Error::invalid(format!("{attribute} must contain a non-empty value of type 'String'.")));
            }
            _ => {
                return Err(Error::invalid(format!(
                    "The type of message (system) attribute '{name}' is invalid. \
                     You must use only the following supported type prefixes: String."
                )));
            }
        };
        if text.len() > limits::TRACE_HEADER_BYTES_MAX {
            let most = limits::TRACE_HEADER_BYTES_MAX;
            return Err(Error::invalid(format!("{attribute} must be shorter than {most} bytes.")));
        }
        if let Some(c) = first_forbidden_character(text) {
            return Err(forbidden(
                ErrorKind::InvalidParameterValue,
                c,
                format_args!("(system) attribute '{name}' value"),
            ));
        }
        trace = Some(text);
    }
    Ok(trace)
}

/// The size that counts against the limits: body, and name, type and value of each user attribute; system attributes are
/// free (developer guide).
pub fn message_size(body: &str, attributes: Option<&Map<MessageAttributeValue>>) -> usize {
    let attributes = attributes.into_iter().flatten();
    body.len() + attributes.map(|(name, value)| name.len() + digest::value_size(value)).sum::<usize>()
}

/// The names of a list, within the limit.
///
/// # Errors
/// `InvalidParameterValue`.
pub fn all_names(names: Option<Names>, member: &str) -> Result<Vec<String>, Error> {
    names.unwrap_or_default().all().map_err(|sent| {
        let most = limits::NAMES_MAX;
        // Uncertain: that there is a limit; the text follows that of message attributes.
        Error::invalid(format!("Number of {member} [{sent}] exceeds the allowed maximum [{most}]."))
    })
}

/// What of the user attributes that a ReceiveMessage asks for can select any: no name is longer than an attribute's may be.
pub fn selectors(mut wanted: Vec<String>) -> Vec<String> {
    let longest = limits::MESSAGE_ATTRIBUTE_NAME_LENGTH_MAX + ".*".len();
    wanted.retain_mut(|name| {
        name.shrink_to_fit();
        name.len() <= longest
    });
    wanted
}

/// Whether a ReceiveMessage that lists `wanted` gets the user attribute `name`: exact names, `All`, `*`, or `prefix.*`, where
/// the prefix needs no dot after it (recorded: `Hel.*` gives `Hello`), and so `.*` is all.
pub fn selects(wanted: &[String], name: &str) -> bool {
    wanted.iter().any(|w| match w.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => w == name || w == "All" || w == "*",
    })
}

/// Checks the tags of CreateQueue and TagQueue.
///
/// # Errors
/// `InvalidParameterValue`.
pub fn check_tag(key: &str, value: &str) -> Result<(), Error> {
    check_tag_key(key)?;
    if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
        // Uncertain: that the prefix is reserved is documented, the text is not.
        return Err(Error::invalid("Tag keys can't begin with 'aws:'. This prefix is reserved for AWS use."));
    }
    let rule = "may only contain unicode letters, digits, whitespace, or one of these symbols: _ . : / = + - @";
    if !key.chars().all(is_tag_character) {
        return Err(Error::invalid(format!("Tag keys {rule}")));
    }
    if value.chars().count() > limits::TAG_VALUE_LENGTH_MAX {
        // Uncertain: the text follows that of the key.
        return Err(Error::invalid("Tag values must be between 0 and 256 characters in length."));
    }
    // Uncertain: `&` is not in the text's list, yet a value with it is in the scenario of many clients; it is let through.
    if !value.chars().all(|c| is_tag_character(c) || c == '&') {
        return Err(Error::invalid(format!("Tag values {rule}'")));
    }
    Ok(())
}

/// Checks the length of a tag key.
///
/// # Errors
/// `InvalidParameterValue`.
pub fn check_tag_key(key: &str) -> Result<(), Error> {
    if (1..=limits::TAG_KEY_LENGTH_MAX).contains(&key.chars().count()) { Ok(()) } else { Err(tag_key_length()) }
}

/// The text for an empty or too long tag key, and for no tag keys at all.
pub fn tag_key_length() -> Error {
    Error::invalid("Tag keys must be between 1 and 128 characters in length.")
}

fn is_tag_character(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_documented_range() {
        for good in [
            "0",
            "-1.50",
            "+3",
            "1e10",
            "0001",
            "1E-128",
            "9.9e126",
            ".5",
            "5.",
            "12345678901234567890123456789012345678",
        ] {
            assert!(is_number(good), "{good}");
        }
        for bad in
            ["", "x", "1e", "1e127", "1e-129", "--1", "1.2.3", "123456789012345678901234567890123456789", "NaN", "e5"]
        {
            assert!(!is_number(bad), "{bad}");
        }
    }

    #[test]
    fn a_prefix_selects_without_a_dot() {
        let wanted = |w: &str| vec![w.to_owned()];
        assert!(selects(&wanted("Hel.*"), "Hello"));
        assert!(selects(&wanted("Hel.*"), "Help.Me"));
        assert!(selects(&wanted(".*"), "anything"));
        assert!(selects(&wanted("*"), "anything") && selects(&wanted("All"), "anything"));
        assert!(!selects(&wanted("Hel"), "Hello"));
        assert!(!selects(&wanted("..foo"), "foo"));
    }

    #[test]
    fn allowed_characters_are_those_of_xml() {
        for good in ["\t\n\r ~", "\u{7f}\u{85}", "\u{d7ff}\u{e000}\u{fffd}", "\u{10000}\u{10ffff}"] {
            assert_eq!(check_body(good), Ok(()));
        }
        for bad in ['\0', '\u{8}', '\u{b}', '\u{c}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            assert_eq!(first_forbidden_character(&format!("ok{bad}")), Some(bad.into()));
        }
        assert_eq!(
            check_body("\u{7}").unwrap_err().message,
            "Invalid binary character '#x7' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | \
             [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]."
        );
    }
}
