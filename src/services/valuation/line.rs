//! A position in a book: its prices, its figures, and what is to be known about them.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::exposure::Holding;
use sigmasight_analytics::option::Kind;

use super::{Carried, Quotes, settlement};
use crate::domain::action::Split;
use crate::domain::calendar::Calendar;
use crate::domain::instrument::OptionKind;
use crate::domain::position::Position;
use crate::domain::price::{Horizon, MAX_CARRIED_SESSIONS, PriceSource, Quote, Staleness};
use crate::domain::quality::Quality;
use crate::domain::tag::Tag;

/// A position in a book.
#[derive(Clone, Debug)]
pub struct Line {
    /// In the shares of the book's day, or of the day of its exit.
    pub position: Arc<Position>,
    /// The splits it was held through, by date.
    pub splits: Vec<Split>,
    /// Of an option, the split after which nobody here knows its terms.
    review: Option<Split>,
    pub tags: Vec<Arc<Tag>>,
    /// Of what is held; of an expired option, what it settled at.
    pub quote: Option<Quote>,
    pub underlying_quote: Option<Quote>,
    pub horizon: Horizon,
    /// Whether it is an option that has run out before the book's session.
    pub is_expired: bool,
    holding: Holding,
}

/// Which of a quote's closes a period starts from.
pub(super) type Start = fn(&Quote) -> Option<Decimal>;

impl Line {
    pub(super) fn new(
        carried: Carried,
        tags: Vec<Arc<Tag>>,
        quotes: &Quotes,
        horizon: Horizon,
        calendar: &Calendar,
    ) -> Self {
        let Carried { position, splits, review, closes, underlying, .. } = carried;
        let contract = position.instrument.contract.as_ref();
        let mut quote = closes.quote(quotes, horizon, calendar);
        let mut underlying_quote =
            underlying.and_then(|closes| closes.quote(quotes, horizon, calendar));
        let expired = contract.filter(|contract| contract.expiry < horizon.as_of);
        let is_expired = expired.is_some();
        if let Some(contract) = expired {
            let session = calendar.session_on_or_before(contract.expiry);
            underlying_quote = quotes.get(&(contract.underlying_id, session)).cloned();
            let at_expiry = underlying_quote.as_ref();
            quote = settlement::quote(contract, quote.as_ref(), at_expiry, session, &horizon);
        }
        if review.is_some() {
            // Its symbol may name another contract by now.
            quote = None;
        }

        let is_open = position.is_open_at(horizon.held_by);
        let holding = Holding {
            option: contract.map(|contract| match contract.kind {
                OptionKind::Call => Kind::Call,
                OptionKind::Put => Kind::Put,
            }),
            signed_quantity: if is_open { position.signed_quantity() } else { Decimal::ZERO },
            multiplier: position.instrument.multiplier.into(),
            entry_price: position.entry_price,
            price: quote.as_ref().map(|quote| quote.price),
            previous_price: None,
            // What has run out controls no shares any more, at whatever price.
            underlying_price: if is_expired {
                Some(Decimal::ZERO)
            } else {
                underlying_quote.as_ref().map(|quote| quote.price)
            },
            // How one that lives moves with its underlying is for its Greeks to say.
            delta: is_expired.then_some(Decimal::ZERO),
        };
        let mut line = Self {
            position,
            splits,
            review,
            tags,
            quote,
            underlying_quote,
            horizon,
            is_expired,
            holding,
        };
        line.holding.previous_price = line.daily_start();
        line
    }

    pub fn is_open(&self) -> bool {
        self.position.is_open_at(self.horizon.held_by)
    }

    /// Whether it is an option that a split has made something of that nobody here knows.
    pub fn needs_review(&self) -> bool {
        self.review.is_some()
    }

    /// Whose price moves it: the underlying of an option, else its own symbol.
    pub fn underlying(&self) -> &str {
        self.position.instrument.underlying_symbol()
    }

    /// The arithmetic's view of the position; without units once it is closed.
    pub fn holding(&self) -> &Holding {
        &self.holding
    }

    /// Profit or loss of what was sold; zero while all of it is held.
    pub fn realized_pnl(&self) -> Decimal {
        if self.is_open() {
            return Decimal::ZERO;
        }
        self.position.exit_price.map_or(Decimal::ZERO, |exit| {
            let units = self.full_units();
            units.saturating_mul(exit.saturating_sub(self.position.entry_price))
        })
    }

    /// Signed units of the underlying, those already sold too.
    pub fn full_units(&self) -> Decimal {
        self.position.signed_quantity().saturating_mul(self.holding.multiplier)
    }

    /// Whether it was held at some time after the close of `base` and before that of the book's
    /// session, so that the period between has a profit or loss of it.
    pub fn was_held_since(&self, base: NaiveDate) -> bool {
        self.position.entry_date <= self.horizon.as_of
            && self.position.exit_date.is_none_or(|exit| exit > base)
    }

    /// Whether it was closed by the book's session, and not only since.
    pub fn is_out(&self) -> bool {
        self.position.exit_date.is_some_and(|exit| exit <= self.horizon.as_of)
    }

    /// How old its price is.
    pub fn staleness(&self) -> Staleness {
        Staleness::of(self.quote.as_ref(), &self.horizon)
    }

    fn is_stale(&self) -> bool {
        matches!(self.staleness(), Staleness::Carried | Staleness::Stale)
    }

    /// What the position is measured against from `base` on: its own entry price when entered
    /// since, else the close of exactly that session. None when that is missing, or when no
    /// price is known that is newer than the base and no older than the entry: an old price says
    /// nothing of a period after it.
    fn start_price(&self, base: NaiveDate, start: Start) -> Option<Decimal> {
        let entry = self.position.entry_date;
        let quote = self.quote.as_ref();
        if !self.is_out() && quote.is_none_or(|quote| quote.date <= base || quote.date < entry) {
            return None;
        }
        if entry > base { Some(self.position.entry_price) } else { quote.and_then(start) }
    }

    /// What the session's profit is measured against; None also while the newest price is stale.
    pub fn daily_start(&self) -> Option<Decimal> {
        if self.is_stale() && !self.is_out() {
            return None;
        }
        self.start_price(self.horizon.previous, |quote| quote.previous)
    }

    /// Profit or loss from the close of `base` to that of the book's session, or to the exit.
    pub(super) fn pnl_since(&self, base: NaiveDate, start: Start) -> Option<Decimal> {
        self.pnl_from(self.start_price(base, start)?)
    }

    /// Profit or loss of the book's session; zero for what was closed before it.
    pub fn daily_pnl(&self) -> Option<Decimal> {
        if self.position.exit_date.is_some_and(|exit| exit <= self.horizon.previous) {
            return Some(Decimal::ZERO);
        }
        self.pnl_from(self.daily_start()?)
    }

    fn pnl_from(&self, start: Decimal) -> Option<Decimal> {
        let end = if self.is_out() { self.position.exit_price } else { self.holding.price };
        Some(self.full_units().saturating_mul(end?.saturating_sub(start)))
    }

    /// The session's profit as a fraction of the position's size before it.
    fn daily_return(&self) -> Option<Decimal> {
        let size = self.full_units().saturating_mul(self.daily_start()?).abs();
        self.daily_pnl()?.checked_div(size)
    }

    /// How far the position's figures can be trusted.
    pub fn quality(&self) -> Quality {
        match &self.quote {
            None => Quality::Insufficient,
            Some(_) if self.is_stale() => Quality::Stale,
            Some(quote) if quote.source.is_observed() => Quality::Full,
            Some(_) => Quality::Estimated,
        }
    }

    /// Why the position is left out of the figures that need its price; None when it is not.
    pub fn unpriced_reason(&self) -> Option<String> {
        if self.quote.is_some() {
            return None;
        }
        let symbol = &self.position.instrument.symbol;
        if let Some(Split { date, ratio, .. }) = self.review {
            return Some(format!(
                "NEEDS REVIEW: {} split {ratio} on {date}, and what that made of {symbol} is not \
                 known. Close it, and enter the contract it has become.",
                self.underlying()
            ));
        }
        Some(match self.position.instrument.contract.as_ref().filter(|_| self.is_expired) {
            Some(contract) => format!(
                "{symbol} expired on {}, and what it settled at is unknown: no close of {} in \
                 its last session is.",
                contract.expiry, contract.underlying_symbol
            ),
            None => format!("No price of {symbol} is known."),
        })
    }

    pub fn valuation(&self, gross_exposure: Decimal) -> PositionValuation {
        let holding = &self.holding;
        PositionValuation {
            price: holding.price,
            price_source: self.quote.as_ref().map(|quote| quote.source),
            price_date: self.quote.as_ref().map(|quote| quote.date),
            price_staleness: self.staleness(),
            previous_price: self.quote.as_ref().and_then(|quote| quote.previous),
            market_value: holding.market_value(),
            exposure: holding.exposure(),
            notional: holding.notional(),
            cost_basis: holding.cost_basis(),
            unrealized_pnl: holding.unrealized_pnl(),
            unrealized_pnl_percent: holding.unrealized_pnl_percent().and_then(|p| p.to_f64()),
            realized_pnl: self.realized_pnl(),
            daily_pnl: self.daily_pnl(),
            daily_return: self.daily_return().and_then(|share| share.to_f64()),
            weight: holding.weight_of(gross_exposure).and_then(|share| share.to_f64()),
            quality: self.quality(),
            warnings: self.warnings(),
        }
    }

    /// The splits that its quantity and entry price have been carried through, by date.
    pub fn known_splits(&self) -> impl Iterator<Item = &Split> {
        self.splits.iter().take_while(|split| self.review != Some(**split))
    }

    fn told(&self, Split { date, ratio, .. }: &Split) -> String {
        let what = if self.holding.is_option() { "contracts" } else { "shares" };
        format!(
            "{} split {ratio} on {date}: quantity and entry price are in the {what} since.",
            self.underlying()
        )
    }

    fn warnings(&self) -> Vec<String> {
        let instrument = &self.position.instrument;
        let symbol = &instrument.symbol;
        let mut warnings: Vec<_> = self.known_splits().map(|split| self.told(split)).collect();
        let Some(quote) = &self.quote else {
            let reason = self.unpriced_reason().unwrap_or_default();
            warnings.push(format!("{reason} Figures that need a price are null."));
            return warnings;
        };
        if let Some(contract) = instrument.contract.as_ref().filter(|_| self.is_expired) {
            warnings.push(format!(
                "{symbol} expired on {}. It is valued at what it settled at by the close of {}; \
                 close the position.",
                contract.expiry, contract.underlying_symbol
            ));
        }
        let degree = match self.staleness() {
            Staleness::Carried => Some("CARRIED, for at most"),
            Staleness::Stale => Some("STALE, after more than"),
            Staleness::LiveClose | Staleness::Missing => None,
        };
        warnings.extend(degree.map(|degree| {
            format!(
                "The newest price of {symbol} is of {}: {degree} {MAX_CARRIED_SESSIONS} sessions.",
                quote.date
            )
        }));
        if self.position.entry_date > quote.date {
            warnings.push(format!(
                "It was entered after the newest price of {symbol}, so no period has a profit yet."
            ));
        } else if self.is_open() && !self.is_stale() && self.daily_pnl().is_none() {
            warnings.push(format!(
                "No price of {symbol} on {} is known, so there is no dailyPnl.",
                self.horizon.previous
            ));
        }
        if quote.source == PriceSource::Synthetic {
            warnings.push(format!("The price of {symbol} is SYNTHETIC: simulated, not traded."));
        }
        if quote.source == PriceSource::Manual {
            warnings.push(format!(
                "No market's price of {symbol} is known: it is valued at what a trade gives."
            ));
        }
        if instrument.is_adjusted() {
            warnings.push(format!(
                "{symbol} is an adjusted contract, taken as {} shares; check its terms.",
                self.holding.multiplier
            ));
        }
        warnings
    }
}

/// One position's figures; money in the portfolio's currency. None where a price is missing.
#[derive(Clone, Debug)]
pub struct PositionValuation {
    pub price: Option<Decimal>,
    pub price_source: Option<PriceSource>,
    pub price_date: Option<NaiveDate>,
    pub price_staleness: Staleness,
    pub previous_price: Option<Decimal>,
    pub market_value: Option<Decimal>,
    pub exposure: Option<Decimal>,
    pub notional: Option<Decimal>,
    pub cost_basis: Decimal,
    pub unrealized_pnl: Option<Decimal>,
    pub unrealized_pnl_percent: Option<f64>,
    pub realized_pnl: Decimal,
    pub daily_pnl: Option<Decimal>,
    pub daily_return: Option<f64>,
    pub weight: Option<f64>,
    pub quality: Quality,
    pub warnings: Vec<String>,
}

impl PositionValuation {
    /// The answer for a session at which the position was not held yet.
    pub fn before_entry(position: &Position, session: NaiveDate) -> Self {
        Self {
            price: None,
            price_source: None,
            price_date: None,
            price_staleness: Staleness::Missing,
            previous_price: None,
            market_value: None,
            exposure: None,
            notional: None,
            cost_basis: Decimal::ZERO,
            unrealized_pnl: None,
            unrealized_pnl_percent: None,
            realized_pnl: Decimal::ZERO,
            daily_pnl: None,
            daily_return: None,
            weight: None,
            quality: Quality::Insufficient,
            warnings: vec![format!(
                "Not held on {session}: the position was entered on {}.",
                position.entry_date
            )],
        }
    }
}
