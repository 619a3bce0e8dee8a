//! What a node says to the database beside its commits and its beat, one thing after the other: whose queues are, names, nodes that
//! are gone, messages from other nodes.

use super::directory::Directory;
use super::loading::Arrivals;
use super::node::Cluster;
use super::roll::{Load, NodeId, Suspect};
use super::shares::shares;
use super::work::Name;
use crate::store::StoreError;
use crate::store::postgres::{Claimed, Directory as Told, Orphan, Shared};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Messages from other nodes that are taken in one commit.
const TAKEN_MAX: usize = 64;

/// One thing to be said.
pub(super) enum Task {
    /// The database's count of changes to queues: if it is not the one up to which was read, they are read.
    Rev(u64),
    /// What the database says of all queues.
    Refresh(Option<oneshot::Sender<()>>),
    Claim(Name, oneshot::Sender<bool>),
    Disclaim(Name),
    /// A node is thought dead: its queues are given to these.
    Fence(Suspect, Vec<Load>),
    /// Queues of nodes that are gone are given to these.
    Assign(Vec<Orphan>, Vec<Load>),
    /// Messages have come for these queues; told when they have been taken.
    Take(Vec<u64>, Option<oneshot::Sender<()>>),
    /// This node gives all its queues away.
    Drain(oneshot::Sender<()>),
}

/// Says them.
pub(super) struct Desk {
    pub(super) cluster: Arc<Cluster>,
    pub(super) directory: Rc<RefCell<Directory>>,
    pub(super) arrivals: Arc<Arrivals>,
    pub(super) shared: Shared,
}

impl Desk {
    /// Goes on until nobody is left who could ask.
    pub(super) async fn run(mut self, mut tasks: mpsc::UnboundedReceiver<Task>) {
        while let Some(task) = tasks.recv().await {
            if let Err(error) = self.carry_out(task, &mut tasks).await {
                tracing::debug!("the database was asked in vain: {error}");
            }
        }
    }

    async fn carry_out(&mut self, task: Task, tasks: &mut mpsc::UnboundedReceiver<Task>) -> Result<(), StoreError> {
        match task {
            Task::Rev(rev) => {
                let known = self.directory.borrow().rev;
                // A database that failed over may have gone back.
                if known != Some(rev) { self.refresh().await } else { Ok(()) }
            }
            Task::Refresh(told) => self.refresh_for(told, tasks).await,
            Task::Claim(name, told) => {
                let claimed = self.shared.claim(&name.account, &name.region, &name.name).await?;
                match told.send(claimed == Claimed::Mine) {
                    // Who wanted it has gone meanwhile.
                    Err(true) => self.shared.disclaim(&name.account, &name.region, &name.name).await,
                    _ => Ok(()),
                }
            }
            Task::Disclaim(name) => self.shared.disclaim(&name.account, &name.region, &name.name).await,
            Task::Fence(suspect, heirs) => self.fence(suspect, &heirs).await,
            Task::Assign(orphans, heirs) => {
                let shares = heirs.clone();
                let given = self.shared.assign(&orphans, &move |uids| given(uids, &shares)).await?;
                if given > 0 {
                    tracing::info!("{given} queues of nodes that are gone were given to those that are there");
                    self.tell(&heirs);
                }
                self.refresh().await
            }
            Task::Take(targets, told) => {
                for target in targets {
                    self.take(target).await?;
                }
                if let Some(told) = told {
                    let _ = told.send(());
                }
                Ok(())
            }
            Task::Drain(told) => {
                let drained = self.shared.drain().await;
                let _ = told.send(());
                drained
            }
        }
    }

    /// Reads once for all who wait for it by now.
    async fn refresh_for(
        &mut self,
        first: Option<oneshot::Sender<()>>,
        tasks: &mut mpsc::UnboundedReceiver<Task>,
    ) -> Result<(), StoreError> {
        let mut waiting: Vec<_> = first.into_iter().collect();
        let mut other = None;
        while let Ok(task) = tasks.try_recv() {
            match task {
                Task::Refresh(told) => waiting.extend(told),
                task => {
                    other = Some(task);
                    break;
                }
            }
        }
        // Somebody is told by it that a queue is not there.
        let since = self.directory.borrow().rev;
        let read = self.shared.directory_for_certain(since).await.map(|told| self.learn(told));
        if read.is_ok() {
            // Those who are not told wait until their time is over.
            for told in waiting {
                let _ = told.send(());
            }
        }
        match other {
            Some(task) => Box::pin(self.carry_out(task, tasks)).await,
            None => read,
        }
    }

    /// Learns what has changed.
    pub(super) async fn refresh(&mut self) -> Result<(), StoreError> {
        let since = self.directory.borrow().rev;
        let told = self.shared.directory(since).await?;
        self.learn(told);
        Ok(())
    }

    fn learn(&mut self, told: Told) {
        if !told.whole && told.queues.is_empty() && told.deleted.is_empty() && told.names.is_empty() {
            self.directory.borrow_mut().rev = Some(told.rev);
            return;
        }
        let arriving = self.directory.borrow_mut().take(&self.cluster, told);
        self.arrivals.add(arriving);
        self.cluster.learned();
    }

    /// Declares a node gone.
    async fn fence(&mut self, suspect: Suspect, heirs: &[Load]) -> Result<(), StoreError> {
        let Suspect { id, beat } = suspect;
        if self.cluster.peer(id).is_none() {
            return Ok(());
        }
        let shares = heirs.to_vec();
        let fenced = self.shared.fence(id.0, beat, &move |uids| given(uids, &shares)).await?;
        if fenced {
            self.cluster.counts.fences.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("node {} is gone without a word; the others take its queues", id.0);
            self.cluster.peers.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
            self.cluster.link.gone(id);
            self.tell(heirs);
        }
        self.refresh().await?;
        // What waits for it looks again.
        self.cluster.learned();
        Ok(())
    }

    /// Tells nodes that something has changed, without waiting for them.
    fn tell(&self, nodes: &[Load]) {
        for peer in nodes.iter().filter_map(|node| self.cluster.peer(node.id)) {
            let cluster = self.cluster.clone();
            // One that does not hear it learns it in its next round.
            tokio::task::spawn_local(async move { drop(cluster.link.look(&peer).await) });
        }
    }

    /// Takes messages that came for a queue of this node, as many as there are.
    async fn take(&mut self, target: u64) -> Result<(), StoreError> {
        loop {
            let queues = self.cluster.broker.namespace().all();
            // Until it is loaded they stay where they are.
            let Some(queue) = queues.into_iter().find(|queue| queue.uid == target) else { return Ok(()) };
            let transfers = self.shared.transfers(target, TAKEN_MAX).await?;
            let count = transfers.len();
            if count == 0 {
                return Ok(());
            }
            let Ok(pending) = self.cluster.broker.take(&queue, transfers) else { return Ok(()) };
            // What was read is not read again before it is settled what became of it.
            if pending.settled().await.is_err() {
                return Ok(());
            }
            self.cluster.counts.taken.fetch_add(count as u64, Ordering::Relaxed);
            if count < TAKEN_MAX {
                return Ok(());
            }
        }
    }
}

/// Who is given which queue.
fn given(uids: Vec<u64>, heirs: &[Load]) -> Vec<(u64, i64)> {
    shares(uids, heirs).into_iter().map(|(uid, NodeId(id))| (uid, id)).collect()
}
