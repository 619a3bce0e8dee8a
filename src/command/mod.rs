//! What the subcommands do, beside serving.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `output.rs` | standard output and standard error: foreign text, colours |
//! | `request.rs` | a request to the control API, made of arguments |
//! | `values.rs` | words of the command line that become JSON |
//! | `conditions.rs` `time.rs` `faults.rs` | the arguments of `kew await`; of `kew clock` and `kew advance`; of `kew fault add` |
//! | `arguments.rs` | the control subcommands, and the request that each makes |
//! | `client.rs` | a request to the control API of a running kew, and its answer |
//! | `tls.rs` | whose certificates it trusts, over TLS |
//! | `control.rs` | a control subcommand from its request to its exit code |
//! | `report.rs` | `kew report`, and the report at the end of `kew run` |
//! | `policy.rs` | `kew policy`: decisions of policies, and the smallest policy for what was used |
//! | `environment.rs` | `kew env`: the variables that point a client at a kew |
//! | `alerts.rs` | `kew alerts` and `kew dashboard`: what Prometheus and Grafana need |
//! | `import.rs` | `kew import`: other people's configuration; the layer of settings that `--import` makes of it |
//! | `copy.rs` | `kew copy`: from one store into another |
//! | `init_scripts.rs` | the scripts that run at the start, as LocalStack runs them |
//! | `settings.rs` | all layers of settings together |
//! | `manual.rs` | `kew manual`: manual pages and completions, for packages |
//! | `start.rs` | a server on a thread of its own, with advice where it does not start |
//! | `signals.rs` | the signals that end kew, and those that `kew run` passes on |
//! | `run.rs` | `kew run`: a kew for as long as another command runs |

pub mod alerts;
pub mod arguments;
pub mod client;
mod conditions;
pub mod control;
pub mod copy;
pub mod environment;
mod faults;
pub mod import;
pub mod init_scripts;
pub mod manual;
pub mod output;
pub mod policy;
pub mod report;
mod request;
pub mod run;
pub mod settings;
pub mod signals;
pub mod start;
mod time;
pub mod tls;
mod values;
