//! Single moves: of the market, of the 10-year yield, and the one that loses so much.

use std::collections::HashMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::Error;
use sigmasight_analytics::scenario::reverse::{Bounds, reverse};

use super::sheet::Sheet;
use super::{Desk, PositionPnl, Standing, Total, by_size, money, sum};
use crate::domain::factor::Factor;
use crate::domain::quality::Quality;
use crate::domain::result::Moved;
use crate::domain::scenario::{Macro, Shock, Variable};
use crate::services::factors::{self, Insufficient};

/// What a single move does to a book.
#[derive(Clone, Debug)]
pub struct Move {
    pub change: f64,
    pub total: Total,
    /// Σ exposure × beta over the total value; None unless that is above zero and something is
    /// known.
    pub beta: Option<f64>,
    /// The largest first; they add up to the total.
    pub positions: Vec<PositionPnl>,
    pub standing: Standing,
}

/// The smallest move of a variable that loses so much.
#[derive(Clone, Debug)]
pub struct Reverse {
    /// None when no move within bounds does.
    pub change: Option<f64>,
    pub pnl: Option<Decimal>,
    pub standing: Standing,
}

impl Desk {
    /// What single moves do, of whichever variable.
    ///
    /// # Errors
    /// What is no number.
    pub fn moves_of(&self, kind: Moved, moves: &[f64]) -> Result<Vec<Move>, Error> {
        match kind {
            Moved::Market => self.market_moves(moves),
            Moved::Rate => self.rate_moves(moves),
        }
    }

    /// Σ exposure × market beta × move for each move: −10 % is `-0.1`.
    ///
    /// # Errors
    /// What is no number.
    pub fn market_moves(&self, moves: &[f64]) -> Result<Vec<Move>, Error> {
        let market = Variable::Factor(Factor::Market);
        let sheet =
            Sheet::new(self, &self.design(&[]), &[Shock { variable: market.clone(), shock: 0.0 }]);
        self.moves(&sheet, &market, moves)
    }

    /// Σ exposure × rate beta × Δy for each absolute change of the 10-year yield: 50 basis points
    /// are `0.005`.
    ///
    /// # Errors
    /// What is no number.
    pub fn rate_moves(&self, moves: &[f64]) -> Result<Vec<Move>, Error> {
        let rate = Variable::Macro(Macro::InterestRate);
        let mut known = HashMap::new();
        let sheet = Sheet::of_one(self, rate.clone(), |held| {
            let found = known.entry(held.instrument).or_insert_with(|| {
                let missing =
                    || Insufficient { reason: "its prices are not known.".into(), observations: 0 };
                let (_, returns) = self.instruments.get(held.instrument).ok_or_else(missing)?;
                let found = factors::rate_beta(returns, &self.levels, self.levels_quality)?;
                Ok((found.beta, found.quality))
            });
            found.clone()
        });
        self.moves(&sheet, &rate, moves)
    }

    fn moves(
        &self,
        sheet: &Sheet<'_>,
        variable: &Variable,
        moves: &[f64],
    ) -> Result<Vec<Move>, Error> {
        let place = sheet.columns.iter().position(|column| column.variable == *variable);
        let dollars = place.and_then(|place| sheet.dollars().get(place).copied());
        let beta = self.book.total_value().to_f64().filter(|value| *value > 0.0);
        let beta = beta.zip(dollars).map(|(value, dollars)| dollars / value);
        let beta = beta.filter(|_| !sheet.included.is_empty() || sheet.excluded.is_empty());
        let standing = sheet.standing(&sheet.alone(place, 1.0));
        let one = |change: &f64| {
            let impact = sheet.impact(&sheet.alone(place, *change))?;
            let pnls = impact.by_position.into_iter().map(money);
            let positions: Vec<_> = sheet
                .included
                .iter()
                .zip(pnls)
                .map(|(held, pnl)| PositionPnl { line: Arc::clone(held.line()), pnl })
                .collect();
            Ok(Move {
                change: *change,
                total: self.result(sum(positions.iter().map(|one| one.pnl))),
                beta,
                positions: by_size(positions.into_iter()),
                standing: standing.clone(),
            })
        };
        moves.iter().map(one).collect()
    }

    /// The smallest move of one variable, up or down, by which the book loses this share of what
    /// [`Total::share`] is a share of; nothing else moves.
    ///
    /// # Errors
    /// What is no number.
    pub fn reverse(&self, variable: &Variable, loss: f64) -> Result<Reverse, Error> {
        let shocks = [Shock { variable: variable.clone(), shock: 0.0 }];
        let design = self.design(&self.macros(&shocks));
        let sheet = Sheet::new(self, &design, &shocks);
        let amount = self.base().to_f64().unwrap_or(0.0) * loss;
        let place = sheet.columns.iter().position(|column| column.variable == *variable);
        let mut standing = sheet.standing(&sheet.alone(place, 1.0));
        let Some(place) = place.filter(|_| amount > 0.0) else {
            return Ok(Reverse { change: None, pnl: None, standing });
        };
        let (lowest, highest) = variable.bounds();
        let mut worst = (0.0, 0.0);
        let pnl = |change: f64| {
            let pnl = sheet.impact(&sheet.alone(Some(place), change))?.pnl;
            if pnl < worst.0 {
                worst = (pnl, change);
            }
            Ok(pnl)
        };
        let found = reverse(pnl, amount, Bounds { lowest, highest })?;
        if found.is_none() && standing.is_known() {
            let (most, change) = (money(worst.0), worst.1);
            let much = if most.is_zero() {
                "anything.".to_owned()
            } else {
                let (percent, most) = (-100.0 * self.share(most), most.abs().round_dp(2));
                format!("as much: the most is {percent:.1} %, {most}, by a move of {change}.")
            };
            let bounds = format!("from {lowest} to {highest}");
            standing.warnings.push(format!("No move of {variable} {bounds} loses {much}"));
        }
        if !sheet.included.is_empty() && !sheet.excluded.is_empty() {
            standing.quality = standing.quality.max(Quality::Limited);
        }
        Ok(Reverse {
            change: found.map(|found| found.change),
            pnl: found.map(|found| money(found.pnl)),
            standing,
        })
    }
}
