//! Reading metrics: an answer, taken apart into samples.

use crate::fixture::Kew;

/// An answer with metrics.
pub struct Metrics(pub String);

impl Metrics {
    /// All metrics of a server.
    pub fn of(kew: &Kew) -> Metrics {
        Metrics::at(kew, "/metrics")
    }

    pub fn at(kew: &Kew, path: &str) -> Metrics {
        let answer = kew.request("GET", path, &[], "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        Metrics(answer.body)
    }

    /// The values of all samples of a name that have these labels.
    pub fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let samples = self.0.lines().filter(|line| !line.starts_with('#'));
        let is_it = |line: &&str| {
            let own = line[..line.rfind(' ').unwrap()].strip_prefix(name);
            let has = |own: &str, (label, value): &(&str, &str)| own.contains(&format!("{label}=\"{value}\""));
            own.is_some_and(|own| {
                (own.is_empty() || own.starts_with('{')) && labels.iter().all(|label| has(own, label))
            })
        };
        samples.filter(is_it).map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
    }

    /// The value of the one sample of a name that has these labels.
    #[track_caller]
    pub fn one(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        match *self.all(name, labels) {
            [value] => value,
            ref values => panic!("{} samples of {name} {labels:?} in\n{}", values.len(), self.0),
        }
    }

    /// The same of the queue `orders`.
    #[track_caller]
    pub fn orders(&self, name: &str) -> f64 {
        self.one(name, &[("queue_name", "orders")])
    }
}
