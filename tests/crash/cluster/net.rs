//! A network of their own for each node, so that what passes between two of them can be stopped, and what passes to one can get
//! lost. Needs root, Linux, and `nft` of nftables.
//!
//! ```text
//! this test, the database      10.213.N.1  bridge; N is the first that no run beside this one has
//!   node 0, in its namespace   10.213.N.10
//!   node 1                     10.213.N.11
//! ```

use std::net::IpAddr;
use std::process::Command;

/// The first two numbers of all addresses. Of no machine that is known to run this test.
const NET: [u8; 2] = [10, 213];
const HOST: u8 = 1;
const FIRST: u8 = 10;

/// See the module. The networks end with the value.
pub struct Net {
    /// The third number of all addresses, and in all names.
    third: u8,
    nodes: usize,
}

fn run(words: &str) -> Result<(), String> {
    let mut words = words.split(' ');
    let output =
        Command::new(words.next().unwrap_or_default()).args(words).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// A command, carried out in a namespace by the process that it starts.
pub fn in_namespace(name: &str, command: &Command) -> Command {
    let mut inside = Command::new("ip");
    inside.args(["netns", "exec", name]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => inside.env(name, value),
            None => inside.env_remove(name),
        };
    }
    inside
}

fn bridge(third: u8) -> String {
    format!("kew{third}b")
}

/// A number that no run beside this one has: who has made the bridge of that name has it.
fn claimed() -> Result<u8, String> {
    for third in 1..=u8::MAX {
        match run(&format!("ip link add {} type bridge", bridge(third))) {
            Ok(()) => return Ok(third),
            Err(error) if error.contains("File exists") => {}
            Err(error) => return Err(error),
        }
    }
    Err("all networks are taken; what a run that was killed has left goes with `ip link del`".to_owned())
}

impl Net {
    /// # Errors
    /// It cannot be made here.
    pub fn new(nodes: usize) -> Result<Net, String> {
        let net = Net { third: claimed()?, nodes };
        let bridge = bridge(net.third);
        run(&format!("ip addr add {}/24 dev {bridge}", net.host()))?;
        run(&format!("ip link set {bridge} up"))?;
        for number in 0..nodes {
            let (name, outside) = (net.name(number), net.outside(number));
            // What a run that was killed has left.
            let _ = run(&format!("ip netns del {name}"));
            let _ = run(&format!("ip link del {outside}"));
            run(&format!("ip netns add {name}"))?;
            run(&format!("ip link add {outside} type veth peer name eth0 netns {name}"))?;
            run(&format!("ip link set {outside} master {bridge} up"))?;
            run(&format!("ip -n {name} addr add {}/24 dev eth0", net.address(number)))?;
            run(&format!("ip -n {name} link set eth0 up"))?;
            run(&format!("ip -n {name} link set lo up"))?;
            run(&format!("{} add table inet loss", net.nft(number)))?;
            run(&format!("{} add chain inet loss input {{ type filter hook input priority 0 ; }}", net.nft(number)))?;
        }
        Ok(net)
    }

    fn outside(&self, number: usize) -> String {
        format!("kew{}v{number}", self.third)
    }

    /// The namespace of a node.
    pub fn name(&self, number: usize) -> String {
        format!("kew{}n{number}", self.third)
    }

    pub fn host(&self) -> IpAddr {
        IpAddr::from([NET[0], NET[1], self.third, HOST])
    }

    pub fn address(&self, number: usize) -> IpAddr {
        IpAddr::from([NET[0], NET[1], self.third, FIRST + u8::try_from(number).unwrap_or_default()])
    }

    /// What one node sends to another gets lost from now on, and so do the answers of what the other sends to it.
    pub fn part(&self, node: usize, other: usize) {
        run(&format!("ip -n {} route add blackhole {}/32", self.name(node), self.address(other))).unwrap();
    }

    pub fn join(&self, node: usize, other: usize) {
        run(&format!("ip -n {} route del blackhole {}/32", self.name(node), self.address(other))).unwrap();
    }

    fn nft(&self, node: usize) -> String {
        format!("ip netns exec {} nft", self.name(node))
    }

    /// Of a hundred packets for a node so many get lost from now on, whoever sends them.
    pub fn lose(&self, node: usize, percent: u32) {
        run(&format!("{} add rule inet loss input numgen random mod 100 < {percent} drop", self.nft(node))).unwrap();
    }

    pub fn lose_nothing(&self, node: usize) {
        run(&format!("{} flush chain inet loss input", self.nft(node))).unwrap();
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for number in 0..self.nodes {
            let _ = run(&format!("ip netns del {}", self.name(number)));
        }
        let _ = run(&format!("ip link del {}", bridge(self.third)));
    }
}
