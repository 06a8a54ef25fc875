use super::{
    MessagesTable,
    messages::{Item, due_page, due_position},
};
use crate::ports::{Backlog, DuePosition, StoreError, Unfinished, UnfinishedPage};
use expedite_domain::Timestamp;

impl Backlog for MessagesTable {
    async fn unfinished(
        &self,
        shard: u8,
        before: Timestamp,
        after: Option<DuePosition>,
    ) -> Result<UnfinishedPage, StoreError> {
        // Without a limit: DynamoDB ends a page at 1 MB.
        let answer = due_page(self, shard, before, after, None).await?;
        let messages: Vec<_> = answer.items().iter().filter_map(unfinished).collect();
        let unreadable = answer.items().len() - messages.len();
        Ok(UnfinishedPage { messages, next: due_position(&answer), unreadable })
    }
}

/// An entry of the index `due`: its keys, and the attributes that it includes.
fn unfinished(item: &Item) -> Option<Unfinished> {
    let text = |name: &str| item.get(name)?.as_s().ok();
    let time = |name: &str| Some(Timestamp::from_millis(item.get(name)?.as_n().ok()?.parse().ok()?));
    Some(Unfinished {
        priority: text("priority")?.parse().ok()?,
        state: text("state")?.parse().ok()?,
        deliver_at: time("deliver_at")?,
        due_at: time("due_at")?,
    })
}
