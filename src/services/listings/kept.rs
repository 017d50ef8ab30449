//! What was told of listings lately, in a bounded place of this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::{Listing, Told};
use crate::domain::id::InstrumentId;
use crate::error::{Code, Refusal};
use crate::market::provider::Span;

/// For how long what was told may stand in for what nobody tells.
const SHOWN: Duration = Duration::from_hours(1);
/// Underlyings that are kept, and ranges of expiries of each: at some two megabytes for the
/// largest chains, a hundred at most.
const UNDERLYINGS: usize = 24;
const RANGES: usize = 2;

/// By underlying. Whoever holds the lock of a place asks for it, and the others wait.
#[derive(Default)]
pub struct Kept(Lock<HashMap<InstrumentId, Looked>>);

/// A place, and when somebody last looked at it.
struct Looked {
    at: Instant,
    place: Arc<Mutex<Place>>,
}

/// What was told of one underlying.
#[derive(Default)]
pub struct Place {
    /// The newest last.
    told: Vec<(Instant, Span, Listing)>,
    refused: Option<(Instant, Span, Refusal)>,
}

impl Kept {
    /// The place of an underlying; the one that was longest not looked at makes room for it.
    pub fn place(&self, underlying: InstrumentId) -> Arc<Mutex<Place>> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= UNDERLYINGS && !places.contains_key(&underlying) {
            let oldest = places.iter().min_by_key(|(_, looked)| looked.at);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                places.remove(&oldest);
            }
        }
        let now = Instant::now();
        let new = || Looked { at: now, place: Arc::default() };
        let looked = places.entry(underlying).or_insert_with(new);
        looked.at = now;
        Arc::clone(&looked.place)
    }
}

impl Place {
    /// What was told, or refused, so lately that nobody is asked again.
    pub fn fresh(&self, age: Duration, wanted: Span) -> Option<Told> {
        if let Some(listing) = self.within(age, wanted) {
            return Some(Ok(listing.clone()));
        }
        let (at, asked, refusal) = self.refused.as_ref()?;
        if at.elapsed() >= age || !covers(*asked, wanted) {
            return None;
        }
        Some(self.newest(wanted).ok_or_else(|| refusal.clone()))
    }

    /// The newest that was told within the hour, marked as old.
    pub fn newest(&self, wanted: Span) -> Option<Listing> {
        let listing = self.within(SHOWN, wanted)?;
        Some(Listing { is_old: true, ..listing.clone() })
    }

    pub fn keep(&mut self, asked: Span, told: &Told) {
        let now = Instant::now();
        match told {
            Ok(listing) => {
                self.refused = None;
                self.told.retain(|(_, span, _)| !covers(asked, *span));
                if self.told.len() >= RANGES {
                    self.told.remove(0);
                }
                self.told.push((now, asked, listing.clone()));
            }
            Err(refusal) if refusal.code == Code::UpstreamUnavailable => {
                self.refused = Some((now, asked, refusal.clone()));
            }
            Err(_) => {}
        }
    }

    fn within(&self, age: Duration, wanted: Span) -> Option<&Listing> {
        let mut newest = self.told.iter().rev();
        let found = newest.find(|(at, span, _)| at.elapsed() < age && covers(*span, wanted));
        found.map(|(.., listing)| listing)
    }
}

fn covers(outer: Span, inner: Span) -> bool {
    outer.from <= inner.from && inner.to <= outer.to
}
