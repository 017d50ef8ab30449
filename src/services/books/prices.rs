//! What values books and their options, read once however many books hold it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::id::InstrumentId;
use crate::domain::price::{Horizon, Quote};
use crate::domain::rate::Tenor;
use crate::error::Error;
use crate::postgres::Work;
use crate::services::dividends::{self, Trailing};
use crate::services::greeks::Inputs;
use crate::services::history::Series;
use crate::services::known::Known;
use crate::services::rates::{self, Curve, MAX_AGE_DAYS};
use crate::services::valuation::{Book, Quotes};
use crate::services::{Services, actions};
use crate::store;
use crate::store::prices::Range;

/// As they were when they were first looked up.
#[derive(Debug, Default)]
pub struct Prices {
    quotes: Known<(InstrumentId, NaiveDate), Option<Quote>>,
    underlyings: Known<Range, Underlying>,
    curves: Known<NaiveDate, Curve>,
    /// How often the past of each instrument had changed before any of it was looked up.
    revisions: Known<InstrumentId, i64>,
}

/// What the Greeks of options on something want of it.
#[derive(Clone, Debug, Default)]
struct Underlying {
    series: Option<Arc<Series>>,
    /// None when no action of its is known.
    dividends: Option<Trailing>,
}

impl Prices {
    /// Quotes by instrument and session; of those that have any.
    pub(super) async fn quotes(
        &self,
        tx: &mut Work,
        wanted: &HashMap<(InstrumentId, NaiveDate), Horizon>,
    ) -> Result<Quotes, Error> {
        let missing = self.quotes.missing(wanted.keys().copied());
        if !missing.is_empty() {
            let asked: Vec<_> =
                missing.iter().filter_map(|key| Some((key.0, *wanted.get(key)?))).collect();
            let found = store::prices::quotes(tx.statement(), &asked).await?;
            self.quotes.add(missing.into_iter().map(|key| (key, None)));
            self.quotes.add(found.into_iter().map(|(id, as_of, quote)| ((id, as_of), Some(quote))));
        }
        let known = self.quotes.of(wanted.keys().copied());
        Ok(known.into_iter().filter_map(|(key, quote)| Some((key, quote?))).collect())
    }

    /// Notes how often the past of instruments has changed; to be called before any of it is read,
    /// so that what changes between the two is taken for unseen.
    pub async fn note(&self, tx: &mut Work, instruments: &[InstrumentId]) -> Result<(), Error> {
        let missing = self.revisions.missing(instruments.iter().copied());
        if !missing.is_empty() {
            let found = store::revisions::of_instruments(tx.statement(), &missing).await?;
            let found: HashMap<_, _> = found.into_iter().collect();
            let of = |id| (id, found.get(&id).copied().unwrap_or(0));
            self.revisions.add_least(missing.into_iter().map(of));
        }
        Ok(())
    }

    /// How often the past of instruments had changed, all together; None unless each was noted.
    pub fn revisions(&self, instruments: &BTreeSet<InstrumentId>) -> Option<i64> {
        let known = self.revisions.of(instruments.iter().copied());
        (known.len() == instruments.len()).then(|| known.into_values().sum())
    }

    /// Looks up what Greeks want and nobody has looked up yet.
    pub(super) async fn look_up(
        &self,
        services: &Services,
        tx: &mut Work,
        wanted: impl IntoIterator<Item = Range>,
    ) -> Result<(), Error> {
        let ranges = self.underlyings.missing(wanted);
        if ranges.is_empty() {
            return Ok(());
        }
        let ids: HashSet<_> = ranges.iter().map(|range| range.instrument).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        self.note(tx, &ids).await?;
        let stored = store::prices::series(tx.statement(), &ranges).await?;
        let known = store::actions::of_instruments(tx.statement(), &ids).await?;
        let adjustments = actions::by_instrument(&known);
        let by_instrument: HashMap<_, _> = known
            .chunk_by(|one, other| one.action.instrument_id == other.action.instrument_id)
            .map(|of| (of[0].action.instrument_id, of))
            .collect();
        let mut found: HashMap<_, _> = ranges
            .iter()
            .map(|range| {
                let own = by_instrument.get(&range.instrument);
                let dividends = own.map(|own| dividends::trailing(own, range.to));
                (*range, Underlying { series: None, dividends })
            })
            .collect();
        for stored in stored {
            let adjustments = adjustments.get(&stored.range.instrument).map(Vec::as_slice);
            let range = stored.range;
            if let Some(one) = found.get_mut(&range) {
                one.series = Some(Arc::new(Series::new(&stored, adjustments)));
            }
        }

        let sessions = self.curves.missing(ranges.iter().map(|range| range.to));
        if !sessions.is_empty() {
            let terms: Vec<_> = Tenor::terms().collect();
            let age = MAX_AGE_DAYS.into();
            let yields = store::yields::as_of(tx.statement(), &sessions, &terms, age).await?;
            let configured = services.assumptions.risk_free_rate;
            self.curves.add(rates::curves(sessions, yields, configured));
        }
        self.underlyings.add(found);
        Ok(())
    }

    /// What the Greeks of a book are made of, of what was looked up.
    pub(super) fn inputs(&self, services: &Services, book: &Book, wanted: &[Range]) -> Inputs {
        let known = self.underlyings.of(wanted.iter().copied());
        let each = || known.iter().map(|(range, one)| (range.instrument, one));
        let configured = || Curve::configured(services.assumptions.risk_free_rate);
        Inputs {
            histories: each().filter_map(|(id, one)| Some((id, one.series.clone()?))).collect(),
            dividends: each().filter_map(|(id, one)| Some((id, one.dividends?))).collect(),
            curve: self.curves.get(&book.horizon.as_of).unwrap_or_else(configured),
            assumptions: services.assumptions,
            valued: HashMap::new(),
        }
    }
}
