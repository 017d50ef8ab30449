//! What was looked up or computed before, so that it happens once however many want it.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared by those who work at the same time. Two who miss the same both look it up; what may have
/// changed between them is for whoever adds it to think of.
#[derive(Debug)]
pub struct Known<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Known<K, V> {
    fn held(&self) -> MutexGuard<'_, HashMap<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that nobody has added yet, each once; no order.
    pub fn missing(&self, keys: impl IntoIterator<Item = K>) -> Vec<K> {
        let held = self.held();
        let missing: HashSet<_> = keys.into_iter().filter(|key| !held.contains_key(key)).collect();
        missing.into_iter().collect()
    }

    pub fn add(&self, found: impl IntoIterator<Item = (K, V)>) {
        self.held().extend(found);
    }

    /// Adds what was found; of two that were found for the same the lesser stays.
    pub fn add_least(&self, found: impl IntoIterator<Item = (K, V)>)
    where
        V: Ord,
    {
        let mut held = self.held();
        for (key, value) in found {
            let known = held.entry(key).or_insert_with(|| value.clone());
            if value < *known {
                *known = value;
            }
        }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        self.held().get(key).cloned()
    }

    /// What is known of some.
    pub fn of(&self, keys: impl IntoIterator<Item = K>) -> HashMap<K, V> {
        let held = self.held();
        keys.into_iter().filter_map(|key| Some((key, held.get(&key)?.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_asked_for_once_and_then_known() {
        let known = Known::default();
        known.add([(1, "one")]);
        assert_eq!(known.missing([1, 2, 2]), [2]);
        known.add([(2, "two")]);
        assert_eq!(known.missing([1, 2]), [0; 0]);
        assert_eq!(known.of([2, 3]), HashMap::from([(2, "two")]));
    }

    #[test]
    fn the_lesser_of_two_stays() {
        let known = Known::default();
        known.add_least([(1, 5), (2, 1)]);
        known.add_least([(1, 4), (2, 3)]);
        assert_eq!(known.of([1, 2]), HashMap::from([(1, 4), (2, 1)]));
    }
}
