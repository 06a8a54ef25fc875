use super::{FakeStore, locked};
use crate::ports::{StoreError, Stray, Strays};

impl FakeStore {
    /// The strays that are kept, by their names.
    pub fn strays(&self) -> Vec<Stray> {
        locked(&self.strays).values().cloned().collect()
    }
}

impl Strays for &FakeStore {
    async fn keep(&self, stray: &Stray) -> Result<(), StoreError> {
        self.faults.around(|| {
            locked(&self.strays).entry(stray.name()).or_insert_with(|| stray.clone());
            Ok(())
        })
    }
}
