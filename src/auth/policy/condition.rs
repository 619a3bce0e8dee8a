//! One line of a `Condition`: an operator, a key and the values to compare with.

use super::context::Context;
use super::operator::{Base, Operand, Operator, Set};

/// One key under one operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The operator as it is written.
    pub operator_name: String,
    /// The operator.
    pub operator: Operator,
    /// The key as it is written.
    pub key: String,
    /// What its value is compared with: it is enough that one fits.
    pub operands: Vec<Operand>,
}

impl Condition {
    /// Whether a request meets it.
    ///
    /// A policy variable without a value lets the condition fail, whatever the operator: "the entire statement might be
    /// invalid".
    pub fn is_met(&self, context: &Context<'_>) -> bool {
        let Operator { base, negated, if_exists, set } = self.operator;
        let values = context.values(&self.key.to_ascii_lowercase());
        if base == Base::Null {
            return self.operands.contains(&Operand::Bool(values.is_empty()));
        }
        let Some(operands) = self.operands.iter().map(|operand| operand.resolve(context)).collect::<Option<Vec<_>>>()
        else {
            return false;
        };
        // A key that is not there is not what is wanted, and so it is what is not wanted.
        if values.is_empty() {
            return if_exists || set.map_or(negated, |set| set == Set::All);
        }
        let fits = |value: &str| operands.iter().any(|operand| operand.accepts(base, value)) != negated;
        match set {
            Some(Set::All) => values.iter().all(|value| fits(value)),
            Some(Set::Any) => values.iter().any(|value| fits(value)),
            // Uncertain: IAM wants a prefix for a key with several values.
            None if negated => values.iter().all(|value| fits(value)),
            None => values.iter().any(|value| fits(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a condition is met by a request whose keys have these values.
    fn met(operator_name: &str, key: &str, operands: &[&str], values: &[(&str, &[&str])]) -> bool {
        let operator = Operator::parse(operator_name).unwrap();
        let operands = operands.iter().map(|text| Operand::parse(operator.base, text, true).unwrap()).collect();
        let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let more = values.iter().map(|(key, values)| ((*key).to_owned(), texts(values))).collect();
        let condition = Condition { operator_name: operator_name.to_owned(), operator, key: key.to_owned(), operands };
        condition.is_met(&Context { more, ..Context::default() })
    }

    #[test]
    fn each_operator_compares_as_its_name_says() {
        let table: &[(&str, &[&str], &str, bool)] = &[
            ("StringEquals", &["a", "b"], "b", true),
            ("StringEquals", &["a*"], "ab", false),
            ("StringEquals", &["A"], "a", false),
            ("StringNotEquals", &["a", "b"], "b", false),
            ("StringNotEquals", &["a", "b"], "c", true),
            ("StringEqualsIgnoreCase", &["ÄA"], "äa", true),
            ("StringNotEqualsIgnoreCase", &["A"], "a", false),
            ("StringLike", &["a*"], "ab", true),
            ("StringNotLike", &["a*", "b*"], "bc", false),
            ("NumericEquals", &["1.0"], "1", true),
            ("NumericNotEquals", &["1"], "2", true),
            ("NumericLessThan", &["1", "3"], "2", true),
            ("NumericLessThanEquals", &["2"], "2", true),
            ("NumericGreaterThan", &["2"], "2", false),
            ("NumericGreaterThanEquals", &["2"], "2", true),
            ("NumericLessThan", &["2"], "x", false),
            ("DateEquals", &["2026"], "2026-01-01T00:00:00Z", true),
            ("DateNotEquals", &["2026"], "1767225600", false),
            ("DateLessThan", &["2026"], "2025-12-31T23:59:59Z", true),
            ("DateGreaterThan", &["2026"], "2026-01-01", false),
            ("Bool", &["true"], "True", true),
            ("Bool", &["true"], "false", false),
            ("BinaryEquals", &["QUI="], "QUI=", true),
            ("IpAddress", &["10.0.0.0/8"], "10.9.9.9", true),
            ("NotIpAddress", &["10.0.0.0/8"], "11.9.9.9", true),
            ("ArnEquals", &["arn:aws:sns:*:1:t"], "arn:aws:sns:eu:1:t", true),
            ("ArnLike", &["arn:aws:sns:*"], "arn:aws:sns:eu:1:t", false),
            ("ArnNotEquals", &["arn:aws:sns:*:1:t"], "arn:aws:sns:eu:1:t", false),
            ("ArnNotLike", &["arn:aws:sns:*:1:t"], "arn:aws:sns:eu:2:t", true),
            ("Null", &["false"], "x", true),
            ("Null", &["true"], "x", false),
        ];
        for (operator, operands, value, expected) in table {
            assert_eq!(
                met(operator, "aws:X", operands, &[("aws:x", &[value])]),
                *expected,
                "{operator} {operands:?} {value}"
            );
        }
    }

    #[test]
    fn a_key_that_is_not_there_fails_what_wants_it() {
        for (operator, expected) in [
            ("StringEquals", false),
            ("StringNotEquals", true),
            ("StringEqualsIfExists", true),
            ("ForAllValues:StringEquals", true),
            ("ForAnyValue:StringEquals", false),
            ("ForAnyValue:StringNotEquals", false),
            ("ForAnyValue:StringEqualsIfExists", true),
        ] {
            assert_eq!(met(operator, "aws:X", &["a"], &[]), expected, "{operator}");
        }
        assert!(!met("NumericLessThan", "aws:X", &["1"], &[]) && met("NotIpAddress", "aws:X", &["10.0.0.1"], &[]));
        assert!(met("Null", "aws:X", &["true"], &[]) && !met("Null", "aws:X", &["false"], &[]));
    }

    #[test]
    fn several_values_are_compared_as_the_prefix_says() {
        for (operator, values, expected) in [
            ("ForAllValues:StringEquals", &["a", "b"][..], true),
            ("ForAllValues:StringEquals", &["a", "c"], false),
            ("ForAnyValue:StringEquals", &["a", "c"], true),
            ("ForAnyValue:StringEquals", &["c"], false),
            ("ForAllValues:StringNotEquals", &["c", "d"], true),
            ("ForAllValues:StringNotEquals", &["a", "d"], false),
            ("ForAnyValue:StringNotEquals", &["a", "d"], true),
            ("ForAnyValue:StringNotEquals", &["a", "b"], false),
            ("StringEquals", &["a", "c"], true),
            ("StringNotEquals", &["a", "c"], false),
        ] {
            assert_eq!(met(operator, "aws:X", &["a", "b"], &[("aws:x", values)]), expected, "{operator} {values:?}");
        }
    }

    #[test]
    fn a_variable_without_a_value_fails_the_condition() {
        let name: (&str, &[&str]) = ("aws:username", &["ann"]);
        assert!(met("StringEquals", "aws:X", &["${aws:username}"], &[("aws:x", &["ann"]), name]));
        for operator in ["StringEquals", "StringNotEquals", "StringNotEqualsIfExists", "ForAllValues:StringEquals"] {
            assert!(!met(operator, "aws:X", &["${aws:username}"], &[("aws:x", &["bob"])]), "{operator}");
            assert!(!met(operator, "aws:X", &["${aws:username}"], &[]), "{operator}");
        }
    }
}
