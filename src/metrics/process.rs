//! What the operating system says of this process, under the names that all clients of Prometheus use. Of Linux only.

use super::exposition::as_float;
use std::fs;

/// Clock ticks of a second in what Linux tells programs, on every processor.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is known of this process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) start_seconds: Option<f64>,
    pub(super) open_fds: Option<u64>,
    pub(super) max_fds: Option<u64>,
    pub(super) virtual_bytes: Option<u64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
}

impl Process {
    /// Asks for it; what is not told stays empty.
    pub(super) fn read() -> Process {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (stat, status, limits) = (read("/proc/self/stat"), read("/proc/self/status"), read("/proc/self/limits"));
        // The name of the program, in parentheses, may hold anything.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        // The first field behind the name is the third of all.
        let field = |number: usize| fields.get(number - 3).and_then(|field| field.parse::<u64>().ok());
        let seconds = |ticks: u64| as_float(ticks) / TICKS_PER_SECOND;
        let booted = read("/proc/stat");
        let booted = booted.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok());
        let of_status = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        let kilobytes = |name: &str| of_status(name).and_then(|value| value.parse::<u64>().ok()).map(|kb| kb * 1024);
        let max_fds = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
        Process {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| seconds(user + system)),
            start_seconds: booted.zip(field(22)).map(|(booted, since)| as_float(booted) + seconds(since)),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64),
            max_fds: max_fds.and_then(|value| value.parse().ok()),
            virtual_bytes: kilobytes("VmSize:"),
            resident_bytes: kilobytes("VmRSS:"),
            threads: of_status("Threads:").and_then(|value| value.parse().ok()),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_everything() {
        let Process { cpu_seconds, start_seconds, open_fds, max_fds, virtual_bytes, resident_bytes, threads } =
            Process::read();
        assert!(cpu_seconds.is_some() && start_seconds.is_some_and(|seconds| seconds > 1e9), "{start_seconds:?}");
        assert!(open_fds.is_some_and(|fds| fds > 2) && max_fds > open_fds, "{max_fds:?}");
        assert!(virtual_bytes > resident_bytes && resident_bytes > Some(1 << 20) && threads > Some(0));
    }
}
