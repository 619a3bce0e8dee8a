//! Which metrics somebody wants: `?family=aws,kew` and `?queue=GLOB`.

use super::families::Family;

/// Which metrics somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    aws: bool,
    kew: bool,
    /// A pattern of names, in which `*` stands for any characters and `?` for one.
    queue: Option<String>,
}

impl Selection {
    /// Reads the query of a URL.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn read(query: &str) -> Result<Selection, String> {
        let mut selection = Selection { aws: true, kew: true, queue: None };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "family" => {
                    let mut families = value.split(',');
                    let wrong = families.clone().find(|family| !["aws", "kew"].contains(family));
                    if let Some(wrong) = wrong {
                        let wrong: String = wrong.chars().take(40).collect();
                        return Err(format!("there is no family `{wrong}`: there are aws and kew"));
                    }
                    selection.aws = families.clone().any(|family| family == "aws");
                    selection.kew = families.any(|family| family == "kew");
                }
                "queue" => selection.queue = Some(value.into_owned()),
                other => {
                    let other: String = other.chars().take(40).collect();
                    return Err(format!("`{other}` is nothing that can be asked for: there are family and queue"));
                }
            }
        }
        Ok(selection)
    }

    /// Whether a family is wanted.
    pub(super) fn takes_family(&self, family: &Family) -> bool {
        if family.is_aws() { self.aws } else { self.kew }
    }

    /// Whether a queue is wanted.
    pub(super) fn takes_queue(&self, name: &str) -> bool {
        self.queue.as_deref().is_none_or(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
    }
}

/// Whether a name is as a pattern says. A `*` takes as little as will do, and more when what follows asks for it; only the last
/// one can have to, so that this takes no longer than one length times the other.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(c) if *c == b'?' || *c == name[read] => (at, read) = (at + 1, read + 1),
            _ => match &mut star {
                Some((star, taken)) => {
                    *taken += 1;
                    (at, read) = (*star + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, fits, does_not) in [
            ("*", "anything", ""),
            ("orders", "orders", "orders2"),
            ("orders*", "orders-dead", "my-orders"),
            ("*.fifo", "a.fifo", "a.fifo2"),
            ("a?c*e*g", "abcdefg", "abdefg"),
            ("a*b*c", "axbxbxc", "axbxbx"),
        ] {
            assert!(matches(pattern.as_bytes(), fits.as_bytes()), "{pattern} {fits}");
            assert!(pattern == "*" || !matches(pattern.as_bytes(), does_not.as_bytes()), "{pattern} {does_not}");
        }
        // What takes ages where each `*` is tried with each length.
        assert!(!matches(format!("{}b", "a*".repeat(40)).as_bytes(), "a".repeat(1000).as_bytes()));
    }

    #[test]
    fn families_and_queues_can_be_asked_for_and_nothing_else() {
        let all = Selection { aws: true, kew: true, queue: None };
        assert_eq!(Selection::read(""), Ok(all.clone()));
        assert_eq!(Selection::read("family=aws,kew"), Ok(all.clone()));
        let some = Selection { aws: false, queue: Some("a*".to_owned()), ..all };
        assert_eq!(Selection::read("family=kew&queue=a%2A"), Ok(some));
        assert!(Selection::read("family=gcp").unwrap_err().contains("there are aws and kew"));
        assert!(Selection::read("quue=a").unwrap_err().contains("family and queue"));
    }
}
