//! Positions and closes carried through splits, to the shares of the day a book is about.
//!
//! A position is carried while it is held: from after the day of its entry, for what is entered
//! on the day of a split is in new shares, to the day of its exit, on whose scale the exit price
//! is. Closes are stored as traded and carried to the same day. An option goes through a split of
//! its underlying by becoming another contract, or nobody here knows how.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;

use super::Quotes;
use crate::domain::action::{Ratio, Split, between, ratio};
use crate::domain::calendar::Calendar;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::{Instrument, OccSymbol};
use crate::domain::position::Position;
use crate::domain::price::{Horizon, Quote};

/// The splits that matter to some positions, and the option contracts these made.
#[derive(Clone, Debug, Default)]
pub struct Splits {
    /// By date.
    by_instrument: HashMap<InstrumentId, Vec<Split>>,
    /// By symbol.
    contracts: HashMap<String, Arc<Instrument>>,
}

impl Splits {
    /// Splits of instruments, each with its own by date.
    pub fn new(splits: HashMap<InstrumentId, Vec<Split>>) -> Self {
        Self { by_instrument: splits, contracts: HashMap::new() }
    }

    /// The symbols of the contracts that splits have made, or will, of those that are held.
    pub fn successors<'a>(
        &self,
        positions: impl IntoIterator<Item = &'a Arc<Position>>,
    ) -> Vec<String> {
        let mut symbols = HashSet::new();
        for position in positions {
            let held = &position.instrument;
            let Some(contract) = &held.contract else { continue };
            if self.moving(held).is_empty() {
                continue;
            }
            let mut symbol = OccSymbol::parse(&held.symbol).ok();
            for split in between(self.moving(held), position.entry_date, contract.expiry) {
                symbol = symbol.and_then(|symbol| symbol.after_split(split.ratio));
                symbols.extend(symbol.as_ref().map(OccSymbol::compact));
            }
        }
        symbols.into_iter().collect()
    }

    /// The same with those of the contracts that are known.
    #[must_use]
    pub fn with_contracts(self, contracts: impl IntoIterator<Item = Arc<Instrument>>) -> Self {
        let contracts = contracts.into_iter().map(|known| (known.symbol.clone(), known)).collect();
        Self { contracts, ..self }
    }

    /// The same with those of more instruments.
    #[must_use]
    pub fn and(mut self, more: impl IntoIterator<Item = (InstrumentId, Vec<Split>)>) -> Self {
        self.by_instrument.extend(more);
        self
    }

    /// Those of the shares whose price moves an instrument.
    pub fn moving(&self, instrument: &Instrument) -> &[Split] {
        let contract = instrument.contract.as_ref();
        self.of(contract.map_or(instrument.id, |contract| contract.underlying_id))
    }

    fn of(&self, instrument: InstrumentId) -> &[Split] {
        self.by_instrument.get(&instrument).map_or(&[], Vec::as_slice)
    }
}

/// A position as it stands on a day.
#[derive(Clone, Debug)]
pub struct Carried {
    /// In the shares of that day, or of the day of its exit.
    pub position: Arc<Position>,
    /// Of that day's shares to those of its entry.
    pub ratio: Ratio,
    /// The splits it was held through, by date.
    pub splits: Vec<Split>,
    /// Of an option, the split after which its terms are not known: they stay as they were, and
    /// it has no price.
    pub review: Option<Split>,
    pub(super) closes: Series,
    /// Of an option, those of its underlying.
    pub(super) underlying: Option<Series>,
}

impl Carried {
    /// A position carried to the last day whose entries and exits count.
    pub fn new(position: &Arc<Position>, splits: &Splits, held_by: NaiveDate) -> Self {
        let held = &position.instrument;
        let contract = held.contract.as_ref();
        let mut day = position.exit_date.map_or(held_by, |exit| exit.min(held_by));
        if let Some(contract) = contract {
            day = day.min(contract.expiry);
        }
        let moving = splits.moving(held);
        let through: Vec<_> = between(moving, position.entry_date, day).copied().collect();

        let mut instrument = Arc::clone(held);
        let mut earlier = Vec::new();
        let mut review = None;
        for split in through.iter().filter(|_| contract.is_some()) {
            let next = OccSymbol::parse(&instrument.symbol)
                .ok()
                .and_then(|symbol| symbol.after_split(split.ratio))
                .and_then(|symbol| splits.contracts.get(&symbol.compact()));
            let Some(next) = next else {
                review = Some(*split);
                break;
            };
            earlier.push((split.date, instrument.id));
            instrument = Arc::clone(next);
        }

        // Once its terms are not known, what later splits did to it is not either.
        let last = review.and_then(|split| split.date.pred_opt()).unwrap_or(day);
        let carried = ratio(&through, position.entry_date, last);
        let closes = match contract {
            None => Series::of_shares(held.id, moving, day),
            Some(_) => Series::of_contract(instrument.id, &earlier, moving, last),
        };
        let underlying =
            contract.map(|contract| Series::of_shares(contract.underlying_id, moving, held_by));
        let position = if carried.is_one() && instrument.id == held.id {
            Arc::clone(position)
        } else {
            Arc::new(position.through(carried, instrument))
        };
        Self { position, ratio: carried, splits: through, review, closes, underlying }
    }

    /// The same holding with another quantity, or closed.
    #[must_use]
    pub fn with(&self, position: Position) -> Self {
        Self { position: Arc::new(position), ..self.clone() }
    }

    /// The quotes that its figures need; some several times.
    pub fn wanted<'a>(
        &'a self,
        horizon: Horizon,
        calendar: &'a Calendar,
    ) -> impl Iterator<Item = (InstrumentId, Horizon)> + 'a {
        let contract = self.position.instrument.contract.as_ref();
        let underlying = contract.map(|contract| (contract.underlying_id, horizon));
        let at_expiry =
            contract.filter(|contract| contract.expiry < horizon.as_of).map(|contract| {
                let session = calendar.session_on_or_before(contract.expiry);
                (contract.underlying_id, Horizon::of(session, session, calendar))
            });
        let own = self.closes.wanted(horizon, calendar);
        own.into_iter().chain(underlying).chain(at_expiry)
    }
}

/// Under which instrument the closes of something are stored, and in which shares.
#[derive(Clone, Debug)]
pub struct Series {
    /// The newest first; never empty, and the last one has no beginning.
    stretches: Vec<Stretch>,
}

/// The days from one split to the next.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: NaiveDate,
    /// None where nothing is known: the symbol named another contract then.
    instrument: Option<InstrumentId>,
    /// What the splits since make together.
    ratio: Ratio,
}

impl Series {
    /// The closes of an instrument by itself, carried to `day` through the splits of the shares
    /// whose price moves it. An option's begin with the newest of them.
    pub fn of(instrument: &Instrument, splits: &[Split], day: NaiveDate) -> Self {
        match &instrument.contract {
            None => Self::of_shares(instrument.id, splits, day),
            Some(contract) => {
                Self::of_contract(instrument.id, &[], splits, day.min(contract.expiry))
            }
        }
    }

    /// Shares keep their name through their splits.
    fn of_shares(id: InstrumentId, splits: &[Split], day: NaiveDate) -> Self {
        Self::new(id, splits, day, |_| Some(id))
    }

    /// An option becomes another contract with each split of its underlying. `earlier` has what it
    /// was until the day of each split that it was held through.
    fn of_contract(
        id: InstrumentId,
        earlier: &[(NaiveDate, InstrumentId)],
        splits: &[Split],
        day: NaiveDate,
    ) -> Self {
        let before = |split: &Split| earlier.iter().find(|(date, _)| *date == split.date);
        Self::new(id, splits, day, |split| before(split).map(|(_, id)| *id))
    }

    fn new(
        id: InstrumentId,
        splits: &[Split],
        day: NaiveDate,
        before: impl Fn(&Split) -> Option<InstrumentId>,
    ) -> Self {
        let mut stretches = Vec::new();
        let (mut instrument, mut ratio) = (Some(id), Ratio::ONE);
        for split in between(splits, NaiveDate::MIN, day).rev() {
            stretches.push(Stretch { from: split.date, instrument, ratio });
            (instrument, ratio) = (before(split), split.ratio.then(ratio));
        }
        stretches.push(Stretch { from: NaiveDate::MIN, instrument, ratio });
        Self { stretches }
    }

    fn stretch(&self, day: NaiveDate) -> Option<&Stretch> {
        self.stretches.iter().find(|stretch| stretch.from <= day)
    }

    /// Each contract, with the last session that was in it.
    fn contracts<'a>(
        &'a self,
        horizon: Horizon,
        calendar: &'a Calendar,
    ) -> impl Iterator<Item = (InstrumentId, NaiveDate)> + 'a {
        let ends = self.stretches.iter().map(|newer| calendar.previous_session(newer.from));
        let last = std::iter::once(horizon.as_of).chain(ends);
        let named = self.stretches.iter().zip(last).filter_map(move |(stretch, last)| {
            Some((stretch.instrument?, last.min(horizon.as_of)))
        });
        let mut seen = None;
        named.filter(move |(id, _)| seen.replace(*id) != Some(*id))
    }

    fn wanted(&self, horizon: Horizon, calendar: &Calendar) -> Vec<(InstrumentId, Horizon)> {
        self.contracts(horizon, calendar)
            .flat_map(|(id, last)| {
                let alone = (last != horizon.as_of).then(|| Horizon::of(last, last, calendar));
                [Some(horizon), alone].into_iter().flatten().map(move |horizon| (id, horizon))
            })
            .collect()
    }

    /// The newest close at the session, with the closes that periods start from, all in the
    /// shares of one day.
    pub(super) fn quote(
        &self,
        quotes: &Quotes,
        horizon: Horizon,
        calendar: &Calendar,
    ) -> Option<Quote> {
        let newest = self.contracts(horizon, calendar).find_map(|(id, last)| {
            let quote = quotes.get(&(id, last))?;
            self.stretch(quote.date).filter(|stretch| stretch.instrument == Some(id))?;
            Some(quote)
        })?;
        Some(self.carried(newest, horizon, |id| quotes.get(&(id, horizon.as_of))))
    }

    /// The same of a quote of the newest instrument alone; None when it is of a day on which
    /// nothing is known.
    pub fn of_quote(&self, quote: &Quote, horizon: Horizon) -> Option<Quote> {
        self.stretch(quote.date)?.instrument?;
        Some(self.carried(quote, horizon, |_| Some(quote)))
    }

    fn carried<'a>(
        &self,
        newest: &'a Quote,
        horizon: Horizon,
        of: impl Fn(InstrumentId) -> Option<&'a Quote>,
    ) -> Quote {
        let start = |base: NaiveDate, close: fn(&Quote) -> Option<rust_decimal::Decimal>| {
            let stretch = self.stretch(base)?;
            Some(stretch.ratio.price(close(of(stretch.instrument?)?)?))
        };
        let ratio = self.stretch(newest.date).map_or(Ratio::ONE, |stretch| stretch.ratio);
        Quote {
            price: ratio.price(newest.price),
            previous: start(horizon.previous, |quote| quote.previous),
            month_base: start(horizon.month_base, |quote| quote.month_base),
            year_base: start(horizon.year_base, |quote| quote.year_base),
            ..newest.clone()
        }
    }
}
