//! Greeks added up over positions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::Days;
use rust_decimal::Decimal;
use sigmasight_analytics::exposure::Sensitivities;

use super::{BookGreeks, LineGreeks, Pricing};
use crate::domain::id::InstrumentId;
use crate::domain::quality::{Coverage, Quality};
use crate::services::valuation::{Line, Summary};

/// The Greeks of some positions together: of those that have them and whose underlying has a
/// price, so that a sum in shares and one in dollars speak of the same.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    pub total: Sensitivities,
    /// In the portfolio's currency.
    pub delta_dollars: Decimal,
    /// Change of the former by a rise of every underlying of 1 %.
    pub gamma_dollars: Decimal,
    pub coverage: Coverage,
    /// Open options, those without Greeks too.
    pub options: usize,
    worst: Option<Quality>,
}

/// The same of what moves with one underlying: its shares and the options on it.
#[derive(Clone, Debug)]
pub struct ByUnderlying {
    pub underlying: InstrumentId,
    pub symbol: String,
    pub sums: Sums,
}

impl Sums {
    fn add(&mut self, line: &Line, greeks: &LineGreeks) {
        self.options += usize::from(line.holding().is_option());
        let size = line.holding().market_value();
        let size = size.unwrap_or_else(|| line.holding().cost_basis().abs());
        let Coverage {
            included_positions,
            excluded_positions,
            included_exposure,
            excluded_exposure,
        } = &mut self.coverage;
        let counted = greeks.position.filter(|_| greeks.counted().is_some());
        let (Some(position), Some(dollars)) = (counted, greeks.delta_dollars()) else {
            *excluded_positions += 1;
            *excluded_exposure = excluded_exposure.saturating_add(size);
            return;
        };
        *included_positions += 1;
        *included_exposure = included_exposure.saturating_add(size);
        self.total = [self.total, position].into_iter().sum();
        self.delta_dollars = self.delta_dollars.saturating_add(dollars);
        let gamma = greeks.gamma_dollars().unwrap_or_default();
        self.gamma_dollars = self.gamma_dollars.saturating_add(gamma);
        self.worst = self.worst.max(Some(greeks.quality(line)));
    }

    /// Those of one position.
    pub fn of_one(line: &Line, greeks: &LineGreeks) -> Self {
        let mut sums = Self::default();
        if line.is_open() {
            sums.add(line, greeks);
        }
        sums
    }

    /// How many there are, in the sums or not.
    pub fn positions(&self) -> usize {
        self.coverage.included_positions + self.coverage.excluded_positions
    }

    /// How far the sums can be trusted: as the worst of what is in them, and less when something
    /// is not.
    pub fn quality(&self) -> Quality {
        match (self.coverage.excluded_positions, self.coverage.included_positions) {
            (0, _) => self.worst.unwrap_or(Quality::Full),
            (_, 0) => Quality::Insufficient,
            _ => Quality::Limited,
        }
    }
}

impl BookGreeks {
    /// The sums over the open ones of some lines.
    pub fn sums<'a>(&self, lines: impl IntoIterator<Item = &'a Arc<Line>>) -> Sums {
        let mut sums = Sums::default();
        for (line, greeks) in self.open(lines) {
            sums.add(line, greeks);
        }
        sums
    }

    /// The sums of each underlying, by its symbol.
    pub fn by_underlying<'a>(
        &self,
        lines: impl IntoIterator<Item = &'a Arc<Line>>,
    ) -> Vec<ByUnderlying> {
        let mut groups = BTreeMap::<&str, (InstrumentId, Sums)>::new();
        for (line, greeks) in self.open(lines) {
            let instrument = &line.position.instrument;
            let contract = instrument.contract.as_ref();
            let id = contract.map_or(instrument.id, |contract| contract.underlying_id);
            groups
                .entry(line.underlying())
                .or_insert_with(|| (id, Sums::default()))
                .1
                .add(line, greeks);
        }
        groups
            .into_iter()
            .map(|(symbol, (underlying, sums))| ByUnderlying {
                underlying,
                symbol: symbol.to_owned(),
                sums,
            })
            .collect()
    }

    /// The Greeks once every option that expires within so many calendar days of the session is
    /// gone, its shares not counted.
    pub fn after_expiry<'a>(
        &self,
        lines: impl IntoIterator<Item = &'a Arc<Line>>,
        within_days: u32,
    ) -> Sensitivities {
        let stays = |line: &&'a Arc<Line>| {
            let last = line.horizon.as_of.checked_add_days(Days::new(within_days.into()));
            let contract = line.position.instrument.contract.as_ref();
            contract.is_none_or(|contract| last.is_some_and(|last| contract.expiry > last))
        };
        self.sums(lines.into_iter().filter(stays)).total
    }

    /// What to know about the sums over some lines, in sentences.
    pub fn warnings<'a>(&self, lines: impl IntoIterator<Item = &'a Arc<Line>>) -> Vec<String> {
        const NAMED: usize = 5;
        let (mut without, mut stocks) = (Vec::new(), Vec::new());
        let mut shared = BTreeSet::new();
        for (line, greeks) in self.open(lines) {
            if !line.holding().is_option() && line.quote.is_some() {
                stocks.push(line);
            }
            if greeks.counted().is_none() || greeks.delta_dollars().is_none() {
                without.push(line.position.instrument.symbol.as_str());
            }
            shared.extend(greeks.pricing.iter().flat_map(Pricing::shared_warnings));
        }
        let mut warnings = Vec::new();
        if !without.is_empty() {
            let named = without.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let rest = if without.len() > NAMED { ", …" } else { "" };
            let count = without.len();
            warnings.push(format!(
                "{count} positions have no Greeks or no price and are left out: {named}{rest}."
            ));
        }
        warnings.extend(shared.into_iter().map(str::to_owned));
        warnings.extend(Summary::of(stocks).warnings());
        warnings
    }

    fn open<'s, 'a: 's>(
        &'s self,
        lines: impl IntoIterator<Item = &'a Arc<Line>> + 's,
    ) -> impl Iterator<Item = (&'a Arc<Line>, &'s LineGreeks)> + 's {
        let open = lines.into_iter().filter(|line| line.is_open());
        open.filter_map(|line| Some((line, self.line(line)?.as_ref())))
    }
}
