//! The operators of conditions, as in `ForAnyValue:StringNotLikeIfExists`, and the values that a policy compares with.

use super::context::Context;
use super::moment;
use super::pattern::{Pattern, Resolved, Special};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::IpAddr;

/// An operator, taken apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operator {
    /// What is compared, and how.
    pub base: Base,
    /// Whether it is a `Not`.
    pub negated: bool,
    /// Whether it holds for requests that do not have the key.
    pub if_exists: bool,
    /// How it deals with keys that have several values.
    pub set: Option<Set>,
}

/// What is compared, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is the operator of that name")]
pub enum Base {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Order),
    Date(Order),
    Bool,
    BinaryEquals,
    IpAddress,
    /// `ArnEquals` is the same.
    ArnLike,
    Null,
}

/// An order between numbers or dates.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is what follows `Numeric` or `Date` in the operator's name")]
pub enum Order {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

/// The prefix of an operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Set {
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// All operators without prefix and suffix, and whether each is a `Not`.
const OPERATORS: &[(&str, Base, bool)] = &[
    ("StringEquals", Base::StringEquals, false),
    ("StringNotEquals", Base::StringEquals, true),
    ("StringEqualsIgnoreCase", Base::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Base::StringEqualsIgnoreCase, true),
    ("StringLike", Base::StringLike, false),
    ("StringNotLike", Base::StringLike, true),
    ("NumericEquals", Base::Numeric(Order::Equals), false),
    ("NumericNotEquals", Base::Numeric(Order::Equals), true),
    ("NumericLessThan", Base::Numeric(Order::LessThan), false),
    ("NumericLessThanEquals", Base::Numeric(Order::LessThanEquals), false),
    ("NumericGreaterThan", Base::Numeric(Order::GreaterThan), false),
    ("NumericGreaterThanEquals", Base::Numeric(Order::GreaterThanEquals), false),
    ("DateEquals", Base::Date(Order::Equals), false),
    ("DateNotEquals", Base::Date(Order::Equals), true),
    ("DateLessThan", Base::Date(Order::LessThan), false),
    ("DateLessThanEquals", Base::Date(Order::LessThanEquals), false),
    ("DateGreaterThan", Base::Date(Order::GreaterThan), false),
    ("DateGreaterThanEquals", Base::Date(Order::GreaterThanEquals), false),
    ("Bool", Base::Bool, false),
    ("BinaryEquals", Base::BinaryEquals, false),
    ("IpAddress", Base::IpAddress, false),
    ("NotIpAddress", Base::IpAddress, true),
    ("ArnEquals", Base::ArnLike, false),
    ("ArnNotEquals", Base::ArnLike, true),
    ("ArnLike", Base::ArnLike, false),
    ("ArnNotLike", Base::ArnLike, true),
    ("Null", Base::Null, false),
];

impl Operator {
    /// Reads the name of an operator.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(name: &str) -> Result<Operator, String> {
        let (set, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Set::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Set::Any), rest),
            _ => (None, name),
        };
        let (plain, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |plain| (plain, true));
        let Some((_, base, negated)) = OPERATORS.iter().find(|(known, ..)| *known == plain) else {
            let meant = OPERATORS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(plain));
            let hint = meant.map(|(known, ..)| format!("; it is written {known}")).unwrap_or_default();
            return Err(format!("there is no operator `{name}`{hint}"));
        };
        if *base == Base::Null && (if_exists || set.is_some()) {
            return Err("`Null` takes neither a prefix nor `IfExists`".to_owned());
        }
        Ok(Operator { base: *base, negated: *negated, if_exists, set })
    }
}

/// A value that a policy compares with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A text, an ARN, or what may have wildcards.
    Pattern(Pattern),
    /// A number.
    Number(f64),
    /// Milliseconds since 1970.
    Moment(i64),
    /// A boolean, also of `Null`.
    Bool(bool),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A range of addresses.
    Network(Network),
}

impl Operand {
    /// Reads a value for an operator.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(base: Base, text: &str, variables: bool) -> Result<Operand, String> {
        let wrong = |wanted: &str| format!("`{text}` is not {wanted}");
        match base {
            Base::StringEquals | Base::StringEqualsIgnoreCase => {
                Pattern::parse(text, Special { wildcards: false, variables }).map(Operand::Pattern)
            }
            Base::StringLike | Base::ArnLike => {
                Pattern::parse(text, Special { wildcards: true, variables }).map(Operand::Pattern)
            }
            Base::Numeric(_) => number(text).map(Operand::Number).ok_or_else(|| wrong("a number")),
            Base::Date(_) => {
                let wanted = "a date, as 2026-01-31T12:00:00Z and seconds since 1970 are";
                moment::read(text).map(Operand::Moment).ok_or_else(|| wrong(wanted))
            }
            Base::Bool | Base::Null => boolean(text).map(Operand::Bool).ok_or_else(|| wrong("true or false")),
            Base::BinaryEquals => STANDARD.decode(text).map(Operand::Bytes).map_err(|_| wrong("base64")),
            Base::IpAddress => {
                let wanted = "an address or a range of them, as 10.0.0.0/8 and 2001:db8::/32 are";
                Network::parse(text).map(Operand::Network).ok_or_else(|| wrong(wanted))
            }
        }
    }

    /// The value for a request; none if a policy variable has no value in it.
    pub fn resolve(&self, context: &Context<'_>) -> Option<ResolvedOperand<'_>> {
        match self {
            Operand::Pattern(pattern) => pattern.resolve(context).map(ResolvedOperand::Pattern),
            other => Some(ResolvedOperand::Plain(other)),
        }
    }
}

/// A value of a policy for one request.
pub enum ResolvedOperand<'a> {
    /// Its variables have their values.
    Pattern(Resolved<'a>),
    /// It never has any.
    Plain(&'a Operand),
}

impl ResolvedOperand<'_> {
    /// Whether a value of the request is as the operator without its `Not` wants it.
    pub fn accepts(&self, base: Base, value: &str) -> bool {
        match (base, self) {
            (Base::StringEquals | Base::StringLike, ResolvedOperand::Pattern(pattern)) => pattern.matches(value),
            (Base::StringEqualsIgnoreCase, ResolvedOperand::Pattern(pattern)) => pattern.matches_any_case(value),
            (Base::ArnLike, ResolvedOperand::Pattern(pattern)) => pattern.matches_arn(value, false),
            (Base::Numeric(order), ResolvedOperand::Plain(Operand::Number(wanted))) => {
                number(value).is_some_and(|value| order.holds(&value, wanted))
            }
            (Base::Date(order), ResolvedOperand::Plain(Operand::Moment(wanted))) => {
                moment::read(value).is_some_and(|value| order.holds(&value, wanted))
            }
            (Base::Bool, ResolvedOperand::Plain(Operand::Bool(wanted))) => boolean(value) == Some(*wanted),
            (Base::BinaryEquals, ResolvedOperand::Plain(Operand::Bytes(wanted))) => {
                STANDARD.decode(value).is_ok_and(|value| value == *wanted)
            }
            (Base::IpAddress, ResolvedOperand::Plain(Operand::Network(network))) => {
                value.parse().is_ok_and(|address| network.holds(address))
            }
            _ => false,
        }
    }
}

impl Order {
    fn holds<T: PartialOrd>(self, value: &T, wanted: &T) -> bool {
        match self {
            Order::Equals => value == wanted,
            Order::LessThan => value < wanted,
            Order::LessThanEquals => value <= wanted,
            Order::GreaterThan => value > wanted,
            Order::GreaterThanEquals => value >= wanted,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    // Not what Rust reads beside: inf, nan, 1e5.
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+'));
    text.parse().ok().filter(|_| plain)
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads an address, or an address and the number of its bits that count.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => {
                bits.parse().ok().filter(|count| *count <= most && bits.bytes().all(|b| b.is_ascii_digit()))?
            }
        };
        Some(Network { address, bits })
    }

    fn holds(&self, other: IpAddr) -> bool {
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_taken_apart() {
        let operator = Operator::parse("ForAnyValue:StringNotLikeIfExists").unwrap();
        let expected = Operator { base: Base::StringLike, negated: true, if_exists: true, set: Some(Set::Any) };
        assert_eq!(operator, expected);
        for (name, _, negated) in OPERATORS {
            assert_eq!(Operator::parse(name).unwrap().negated, *negated, "{name}");
            let suffixed = Operator::parse(&format!("ForAllValues:{name}IfExists"));
            assert_eq!(suffixed.is_ok(), *name != "Null", "{name}");
        }
        for wrong in ["", "stringequals", "BoolNot", "ForAll:Bool", "IfExists", "BoolIfExistsIfExists", "NullIfExists"]
        {
            assert!(Operator::parse(wrong).is_err(), "{wrong}");
        }
        let error = Operator::parse("StringEqualsIgnorecase").unwrap_err();
        assert_eq!(error, "there is no operator `StringEqualsIgnorecase`; it is written StringEqualsIgnoreCase");
    }

    #[test]
    fn ranges_of_addresses() {
        let holds = |network: &str, address: &str| Network::parse(network).unwrap().holds(address.parse().unwrap());
        for (network, address) in [
            ("10.1.2.0/24", "10.1.2.255"),
            ("10.1.2.77/24", "10.1.2.0"),
            ("10.0.0.1", "10.0.0.1"),
            ("0.0.0.0/0", "255.1.1.1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1"),
            ("2001:db8::/32", "2001:db8:ffff::1"),
            ("::/0", "::1"),
        ] {
            assert!(holds(network, address), "{network} {address}");
        }
        for (network, address) in [
            ("10.1.2.0/25", "10.1.2.128"),
            ("10.0.0.1", "10.0.0.2"),
            ("::/0", "1.1.1.1"),
            ("0.0.0.0/0", "::1"),
            ("::1/128", "::2"),
        ] {
            assert!(!holds(network, address), "{network} {address}");
        }
        for wrong in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/", "::/129", "a/8", "*"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn values_are_of_the_type_of_their_operator() {
        let parse = |name: &str, text: &str| Operand::parse(Operator::parse(name).unwrap().base, text, true);
        for (name, text) in [
            ("NumericEquals", "1e5"),
            ("NumericEquals", "nan"),
            ("DateEquals", "yesterday"),
            ("Bool", "yes"),
            ("Null", "1"),
            ("BinaryEquals", "%"),
            ("IpAddress", "10.0.0.0/99"),
            ("StringEquals", "${x}"),
        ] {
            assert!(parse(name, text).is_err(), "{name} {text}");
        }
        assert_eq!(parse("NumericEquals", "-1.50"), Ok(Operand::Number(-1.5)));
        assert_eq!(parse("Bool", "TRUE"), Ok(Operand::Bool(true)));
    }
}
