//! Names of queues that a node is about to make: two nodes must not make a queue of one name.

use super::control::Shared;
use crate::store::StoreError;

/// Takes the claim of a node that has gone, and one of one's own.
const CLAIM: &str = "INSERT INTO kew.claim AS c (account, region, name, node) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (account, region, name) DO UPDATE SET node = excluded.node WHERE c.node = excluded.node \
    OR NOT EXISTS (SELECT FROM kew.node n WHERE n.id = c.node AND n.state <> 'gone')";

const DISCLAIM: &str = "DELETE FROM kew.claim WHERE account = $1 AND region = $2 AND name = $3 AND node = $4";

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
        let key = [account, region, name].map(str::to_owned);
        // Until it is certain that it is not there without anybody knowing of it.
        self.unwanted_claims.retain(|unwanted| *unwanted != key);
        self.unwanted_claims.push(key);
        let session = self.take().await?;
        let claiming = async {
            self.begin(&session.client).await?;
            let claimed = session.client.execute(CLAIM, &[&account, &region, &name, &self.node]).await?;
            session.client.batch_execute("COMMIT").await?;
            Ok(claimed)
        };
        let claimed = self.in_time(claiming).await?;
        self.give_back(session);
        self.unwanted_claims.pop();
        Ok(if claimed == 1 { Claimed::Mine } else { Claimed::Busy })
    }

    /// Gives a claim up: the queue is durable, or will not be made.
    ///
    /// # Errors
    /// When the database does not answer; it is given up by a later round then.
    pub async fn disclaim(&mut self, account: &str, region: &str, name: &str) -> Result<(), StoreError> {
        let key = [account, region, name].map(str::to_owned);
        self.unwanted_claims.retain(|unwanted| *unwanted != key);
        self.unwanted_claims.push(key);
        let session = self.take().await?;
        self.drop_claims(&session.client).await?;
        self.give_back(session);
        Ok(())
    }

    /// Removes claims that are not wanted any more.
    pub(super) async fn drop_claims(&mut self, client: &tokio_postgres::Client) -> Result<(), StoreError> {
        while let Some([account, region, name]) = self.unwanted_claims.last() {
            self.in_time(client.execute(DISCLAIM, &[account, region, name, &self.node])).await?;
            self.unwanted_claims.pop();
        }
        Ok(())
    }
}
