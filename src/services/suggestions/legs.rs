//! Trades of options on one underlying, and of its shares.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{found, place};
use crate::domain::id::PositionId;
use crate::domain::instrument::OptionKind::{self, Call, Put};
use crate::domain::position::Position;
use crate::domain::strategy::Shape;
use crate::services::valuation::Line;

/// Lines that are a trade together.
pub struct Found<'a> {
    pub shape: Shape,
    pub lines: Vec<&'a Arc<Line>>,
}

/// Options of one expiry that are held in one number, by strike.
#[derive(Default)]
struct Series<'a> {
    lines: Vec<&'a Arc<Line>>,
}

/// The trades on one underlying; shares that are in none join `stocks`.
pub fn of_underlying<'a>(
    lines: Vec<&'a Arc<Line>>,
    stocks: &mut Vec<&'a Arc<Line>>,
) -> Vec<Found<'a>> {
    let (options, mut shares): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.position.position_type.is_option());
    let mut by_series = BTreeMap::<(NaiveDate, Decimal), Series<'a>>::new();
    for line in options {
        let Some(contract) = &line.position.instrument.contract else { continue };
        let key = (contract.expiry, line.position.quantity);
        by_series.entry(key).or_default().lines.push(line);
    }
    // The largest last, where it is taken from.
    shares.sort_by(|one, other| {
        let size = |line: &Line| line.position.signed_quantity();
        size(one).cmp(&size(other)).then_with(|| place(other).cmp(&place(one)))
    });
    let mut trades = Vec::new();
    for series in by_series.values_mut() {
        series.lines.sort_by_key(|line| (strike(line), line.position.id));
        trades.extend(series.spreads());
        trades.extend(series.collar(&mut shares));
        trades.extend(series.straddles());
        trades.extend(series.covered_calls(&mut shares));
    }
    stocks.append(&mut shares);
    trades
}

impl<'a> Series<'a> {
    /// Verticals, each leg with the nearest that it fits, and condors of two of these.
    fn spreads(&mut self) -> Vec<Found<'a>> {
        let [puts, calls] = [Put, Call].map(|kind| {
            let (of_kind, rest) = std::mem::take(&mut self.lines)
                .into_iter()
                .partition::<Vec<_>, _>(|line| self::kind(&line.position) == Some(kind));
            self.lines = rest;
            let (verticals, single) = nearest(of_kind);
            self.lines.extend(single);
            verticals
        });
        self.lines.sort_by_key(|line| (strike(line), line.position.id));

        // The highest puts with the lowest calls: the inside of an iron condor.
        let (mut puts, mut calls) = (puts, calls);
        let both = puts.len().min(calls.len());
        let (high, low) = (puts.split_off(puts.len() - both), calls.drain(..both));
        let inside: Vec<_> = high.into_iter().rev().zip(low).collect();
        let mut trades = Vec::new();
        for (put, call) in inside {
            if let Some(condor) = found([put.clone(), call.clone()].concat()) {
                trades.push(condor);
            } else {
                puts.push(put);
                calls.push(call);
            }
        }
        for mut verticals in [puts, calls] {
            verticals.sort_by_key(|vertical| lowest(vertical));
            trades.extend(condors(verticals));
        }
        trades
    }

    /// A collar around the largest shares, if they are enough.
    fn collar(&mut self, shares: &mut Vec<&'a Arc<Line>>) -> Option<Found<'a>> {
        let put = self.lines.iter().position(|line| is(line, Put, true))?;
        let call = self.lines.iter().rposition(|line| is(line, Call, false))?;
        let legs = vec![*shares.last()?, self.lines[put], self.lines[call]];
        let collar = found(legs)?;
        shares.pop();
        self.take(std::slice::from_ref(&collar));
        Some(collar)
    }

    /// A call and a put on the same side: at one strike, then at two.
    fn straddles(&mut self) -> Vec<Found<'a>> {
        let mut trades = Vec::new();
        for is_long in [true, false] {
            let of = |kind| {
                let lines = self.lines.iter().copied();
                lines.filter(move |line| is(line, kind, is_long)).collect::<Vec<_>>()
            };
            let (mut puts, mut calls) = (of(Put), of(Call));
            let mut rest = (Vec::new(), Vec::new());
            while let (Some(put), Some(call)) = (puts.last(), calls.last()) {
                match strike(put).cmp(&strike(call)) {
                    Ordering::Equal => {
                        trades.extend(found(vec![put, call]));
                        puts.pop();
                        calls.pop();
                    }
                    Ordering::Greater => rest.0.extend(puts.pop()),
                    Ordering::Less => rest.1.extend(calls.pop()),
                }
            }
            rest.0.extend(puts.into_iter().rev());
            rest.1.extend(calls.into_iter().rev());
            // The highest put below with the lowest call above.
            let (puts, calls) = (rest.0.into_iter(), rest.1.into_iter().rev());
            trades.extend(puts.zip(calls).filter_map(|(put, call)| found(vec![put, call])));
        }
        self.take(&trades);
        trades
    }

    /// Calls that are owed on shares that are owned, each with shares of its own.
    fn covered_calls(&mut self, shares: &mut Vec<&'a Arc<Line>>) -> Vec<Found<'a>> {
        let mut trades = Vec::new();
        for call in self.lines.iter().copied().filter(|line| is(line, Call, false)) {
            let Some(owned) = shares.last() else { break };
            let Some(trade) = found(vec![*owned, call]) else { break };
            shares.pop();
            trades.push(trade);
        }
        self.take(&trades);
        trades
    }

    fn take(&mut self, trades: &[Found<'a>]) {
        let legs = trades.iter().flat_map(|trade| &trade.lines);
        let taken: HashSet<_> = legs.map(|line| line.position.id).collect();
        self.lines.retain(|line| !taken.contains(&line.position.id));
    }
}

/// Options of one kind, by strike, in pairs of one bought and one sold, each with the nearest that
/// is left, like brackets; and those that are in none.
fn nearest(lines: Vec<&Arc<Line>>) -> (Vec<Vec<&Arc<Line>>>, Vec<&Arc<Line>>) {
    let (mut pairs, mut open) = (Vec::new(), Vec::<&Arc<Line>>::new());
    for line in lines {
        if let Some(vertical) = open.last().and_then(|last| found(vec![*last, line])) {
            open.pop();
            pairs.push(vertical.lines);
        } else {
            open.push(line);
        }
    }
    pairs.sort_by_key(|vertical| lowest(vertical));
    (pairs, open)
}

/// Where a vertical stands among others: its lower strike.
fn lowest(vertical: &[&Arc<Line>]) -> Option<(Option<Decimal>, PositionId)> {
    vertical.first().map(|line| (strike(line), line.position.id))
}

/// Verticals of one kind by strike: two that follow each other are a condor, if they are one.
fn condors(verticals: Vec<Vec<&Arc<Line>>>) -> Vec<Found<'_>> {
    let mut trades = Vec::new();
    let mut verticals = verticals.into_iter().peekable();
    while let Some(low) = verticals.next() {
        let condor = verticals.peek().and_then(|high| found([low.clone(), high.clone()].concat()));
        if condor.is_some() {
            verticals.next();
        }
        trades.extend(condor.or_else(|| found(low)));
    }
    trades
}

fn kind(position: &Position) -> Option<OptionKind> {
    position.instrument.contract.as_ref().map(|contract| contract.kind)
}

fn strike(line: &Line) -> Option<Decimal> {
    line.position.instrument.contract.as_ref().map(|contract| contract.strike)
}

fn is(line: &Line, kind: OptionKind, is_long: bool) -> bool {
    self::kind(&line.position) == Some(kind) && line.position.position_type.is_long() == is_long
}
