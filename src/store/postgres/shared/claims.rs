//! Names of queues that a node is about to make: two nodes must not make a queue of one name.

use super::control::Shared;
use crate::store::StoreError;

/// Takes the claim of a node that has gone, and one of one's own.
const CLAIM: &str = "INSERT INTO kew.claim AS c (account, region, name, node) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (account, region, name) DO UPDATE SET node = excluded.node WHERE c.node = excluded.node \
    OR NOT EXISTS (SELECT FROM kew.node n WHERE n.id = c.node AND n.state <> 'gone')";

/// Whether a name may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// By this node, and by no other until it is given up.
    Mine,
    /// Another node that lives is about to make a queue of this name.
    Busy,
}

impl Shared {
    /// Claims a name of a queue that is about to be made. The claim of a node that has gone is taken over. What the
    /// directory says after this includes what was made by claims of before.
    ///
    /// # Errors
    /// When the database does not answer; nothing is claimed then, or will not be for long.
    pub async fn claim(&mut self, account: &str, region: &str, name: &str) -> Result<Claimed, StoreError> {
        let session = self.take().await?;
        session.take_warning();
        // Until it is certain that it is not there without anybody knowing of it.
        self.unwanted_claims.push([account, region, name].map(str::to_owned));
        let claiming = async {
            self.begin(&session.client).await?;
            let claimed = session.client.execute(CLAIM, &[&account, &region, &name, &self.node]).await?;
            session.client.batch_execute("COMMIT").await?;
            Ok(claimed)
        };
        let claimed = self.in_time(claiming).await?;
        self.settle_commit(&session).await?;
        self.give_back(session);
        self.unwanted_claims.pop();
        Ok(if claimed == 1 { Claimed::Mine } else { Claimed::Busy })
    }

    /// Gives a claim up: the queue is durable, or will not be made.
    ///
    /// # Errors
    /// When the database does not answer; it is given up together with a later question then.
    pub async fn disclaim(&mut self, account: &str, region: &str, name: &str) -> Result<(), StoreError> {
        let key = [account, region, name].map(str::to_owned);
        self.unwanted_claims.retain(|unwanted| *unwanted != key);
        self.unwanted_claims.push(key);
        // Now, or as soon as there is a connection.
        let session = self.take().await?;
        self.give_back(session);
        Ok(())
    }
}
