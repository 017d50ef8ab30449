//! Trades of several legs, and what they are called.
//!
//! What a trade is follows from its legs alone: what they are on, their strikes and expiries, and
//! which way and in what numbers they are held. Prices do not enter.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::instrument::OptionKind;
use super::position::Position;

/// What a trade is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Vertical,
    Straddle,
    Strangle,
    Calendar,
    Diagonal,
    Butterfly,
    IronButterfly,
    Condor,
    IronCondor,
    Collar,
    CoveredCall,
    ProtectivePut,
    PairsTrade,
}

impl Kind {
    /// As it travels.
    pub fn code(self) -> &'static str {
        match self {
            Self::Vertical => "VERTICAL",
            Self::Straddle => "STRADDLE",
            Self::Strangle => "STRANGLE",
            Self::Calendar => "CALENDAR",
            Self::Diagonal => "DIAGONAL",
            Self::Butterfly => "BUTTERFLY",
            Self::IronButterfly => "IRON_BUTTERFLY",
            Self::Condor => "CONDOR",
            Self::IronCondor => "IRON_CONDOR",
            Self::Collar => "COLLAR",
            Self::CoveredCall => "COVERED_CALL",
            Self::ProtectivePut => "PROTECTIVE_PUT",
            Self::PairsTrade => "PAIRS_TRADE",
        }
    }

    fn words(self) -> String {
        self.code().to_lowercase().replace('_', " ")
    }
}

/// A trade that is recognized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub kind: Kind,
    /// One sentence: which way, on what, at which strikes, until when.
    pub description: String,
}

/// One leg, as far as it matters to the name of a trade. The order is by underlying, shares before
/// options, then by expiry and strike, puts before calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leg {
    /// The symbol whose price moves it.
    pub underlying: String,
    /// None for shares.
    pub option: Option<Terms>,
    /// Units of the underlying in one of it.
    pub multiplier: Decimal,
    /// Shares or contracts, below zero for what is owed.
    pub quantity: Decimal,
}

/// The terms of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Terms {
    pub expiry: NaiveDate,
    pub strike: Decimal,
    pub is_call: bool,
}

impl From<&Position> for Leg {
    fn from(position: &Position) -> Self {
        let instrument = &position.instrument;
        Self {
            underlying: instrument.underlying_symbol().to_owned(),
            option: instrument.contract.as_ref().map(|contract| Terms {
                expiry: contract.expiry,
                strike: contract.strike.normalize(),
                is_call: contract.kind == OptionKind::Call,
            }),
            multiplier: instrument.multiplier.into(),
            quantity: position.signed_quantity(),
        }
    }
}

impl Leg {
    fn is_long(&self) -> bool {
        self.quantity > Decimal::ZERO
    }

    /// Shares that it is about, whichever way.
    fn shares(&self) -> Decimal {
        self.quantity.abs().saturating_mul(self.multiplier)
    }
}

/// What some legs are together; None for what has no name here. Several lots of one instrument are
/// one leg.
pub fn recognize(legs: impl IntoIterator<Item = Leg>) -> Option<Shape> {
    let legs = merged(legs);
    let same = |one: &Leg| one.underlying == legs[0].underlying;
    if let [one, other] = legs.as_slice()
        && !same(other)
    {
        return pair(one, other);
    }
    if legs.is_empty() || !legs.iter().all(same) {
        return None;
    }
    let options: Vec<_> =
        legs.iter().filter_map(|leg| leg.option.map(|terms| (terms, leg))).collect();
    let named = match legs.as_slice() {
        [shares, ..] if shares.option.is_none() => with_shares(shares, &options),
        _ => match options.as_slice() {
            [one, other] => two(*one, *other),
            [low, middle, high] => butterfly(*low, *middle, *high),
            [a, b, c, d] => four([*a, *b, *c, *d]),
            _ => None,
        },
    };
    named.map(|(kind, way)| Shape { kind, description: described(kind, way, &legs, &options) })
}

/// The legs in their order, lots of the same added up, those that cancel out left out.
fn merged(legs: impl IntoIterator<Item = Leg>) -> Vec<Leg> {
    let mut legs: Vec<_> = legs.into_iter().collect();
    legs.sort();
    legs.dedup_by(|next, leg| {
        let is_same = (&next.underlying, next.option, next.multiplier)
            == (&leg.underlying, leg.option, leg.multiplier);
        if is_same {
            leg.quantity = leg.quantity.saturating_add(next.quantity);
        }
        is_same
    });
    legs.retain(|leg| !leg.quantity.is_zero());
    legs
}

/// An option's terms and its leg.
type Optioned<'a> = (Terms, &'a Leg);
/// A kind, and which way it is meant.
type Named = Option<(Kind, &'static str)>;

fn way(is_long: bool) -> &'static str {
    if is_long { "Long " } else { "Short " }
}

/// One stock against another.
fn pair(one: &Leg, other: &Leg) -> Option<Shape> {
    let is_pair =
        one.option.is_none() && other.option.is_none() && one.is_long() != other.is_long();
    let (long, short) = if one.is_long() { (one, other) } else { (other, one) };
    is_pair.then(|| Shape {
        kind: Kind::PairsTrade,
        description: format!(
            "Pairs trade: {} owned against {} owed.",
            long.underlying, short.underlying
        ),
    })
}

/// Shares with options on no more of them.
fn with_shares(shares: &Leg, options: &[Optioned<'_>]) -> Named {
    let fits = |leg: &Leg| leg.shares() <= shares.shares();
    if !shares.is_long() || !options.iter().all(|(_, leg)| fits(leg)) {
        return None;
    }
    match options {
        [(terms, leg)] if terms.is_call && !leg.is_long() => Some((Kind::CoveredCall, "")),
        [(terms, leg)] if !terms.is_call && leg.is_long() => Some((Kind::ProtectivePut, "")),
        [(put, bought), (call, sold)] => {
            let is_collar = !put.is_call
                && call.is_call
                && put.expiry == call.expiry
                && put.strike < call.strike
                && bought.is_long()
                && bought.quantity == -sold.quantity;
            is_collar.then_some((Kind::Collar, ""))
        }
        _ => None,
    }
}

/// Two options on the same, equally many.
fn two((one, first): Optioned<'_>, (other, second): Optioned<'_>) -> Named {
    if first.shares() != second.shares() {
        return None;
    }
    let is_alike = first.is_long() == second.is_long();
    let is_same_kind = one.is_call == other.is_call;
    match (one.expiry == other.expiry, is_same_kind, is_alike) {
        // Of calls and of puts alike, who buys the lower strike gains when the price rises.
        (true, true, false) => {
            Some((Kind::Vertical, if first.is_long() { "Bull " } else { "Bear " }))
        }
        (false, true, false) => {
            let kind = if one.strike == other.strike { Kind::Calendar } else { Kind::Diagonal };
            Some((kind, way(second.is_long())))
        }
        (true, false, true) if one.strike == other.strike => {
            Some((Kind::Straddle, way(first.is_long())))
        }
        // In their order the put comes first when its strike is the lower.
        (true, false, true) if !one.is_call => Some((Kind::Strangle, way(first.is_long()))),
        _ => None,
    }
}

fn butterfly(low: Optioned<'_>, middle: Optioned<'_>, high: Optioned<'_>) -> Named {
    let terms = [low.0, middle.0, high.0];
    let is_one = terms.iter().all(|one| (one.expiry, one.is_call) == (low.0.expiry, low.0.is_call));
    let (wings, body) = (low.1.quantity, middle.1.quantity);
    let is_butterfly = is_one && wings == high.1.quantity && body == -wings.saturating_add(wings);
    is_butterfly.then(|| (Kind::Butterfly, way(low.1.is_long())))
}

/// Four options: bought outside and sold inside, or the other way about.
fn four(options: [Optioned<'_>; 4]) -> Named {
    let [(a, low), (b, inner_low), (c, inner_high), (d, high)] = options;
    let is_one = [b, c, d].iter().all(|one| one.expiry == a.expiry);
    let wings = low.quantity;
    let is_even =
        wings == high.quantity && inner_low.quantity == -wings && inner_high.quantity == -wings;
    if !is_one || !is_even {
        return None;
    }
    match [a.is_call, b.is_call, c.is_call, d.is_call] {
        [true, true, true, true] | [false, false, false, false] => {
            Some((Kind::Condor, way(low.is_long())))
        }
        // Who owns the wings of an iron one has sold the body: that is called short.
        [false, false, true, true] if b.strike == c.strike => {
            Some((Kind::IronButterfly, way(!low.is_long())))
        }
        [false, false, true, true] => Some((Kind::IronCondor, way(!low.is_long()))),
        _ => None,
    }
}

fn described(kind: Kind, way: &str, legs: &[Leg], options: &[Optioned<'_>]) -> String {
    let side = match (kind, options) {
        (
            Kind::Vertical | Kind::Calendar | Kind::Diagonal | Kind::Butterfly | Kind::Condor,
            [(terms, _), ..],
        ) => {
            if terms.is_call {
                "call "
            } else {
                "put "
            }
        }
        _ => "",
    };
    let mut strikes: Vec<_> = options.iter().map(|(terms, _)| terms.strike.to_string()).collect();
    strikes.dedup();
    let mut expiries: Vec<_> = options.iter().map(|(terms, _)| terms.expiry.to_string()).collect();
    expiries.dedup();
    let words = format!("{way}{side}{}", kind.words());
    let (first, rest) = words.split_at(1);
    format!(
        "{}{rest} on {}: strike {}, expiry {}.",
        first.to_uppercase(),
        legs[0].underlying,
        strikes.join("/"),
        expiries.join("/"),
    )
}

#[cfg(test)]
mod tests;
