//! Random histories against a ledger that counts every share on every day, in whole numbers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight::domain::action::{Action, ActionKind, Ratio, Split};
use sigmasight::domain::calendar::Calendar;
use sigmasight::domain::id::{PortfolioId, PositionId, UserId};
use sigmasight::domain::instrument::Instrument;
use sigmasight::domain::portfolio::{CashMoves, Latest, Portfolio};
use sigmasight::domain::position::{Position, PositionType};
use sigmasight::domain::price::{Bar, Horizon, PriceSource, Quote};
use sigmasight::services::actions::adjustments;
use sigmasight::services::valuation::{Book, Quotes, Splits, carried};
use sigmasight::store::actions::Known;
use sigmasight_analytics::returns;

use super::day;

/// New shares for old, as they happen.
const RATIOS: [(i128, i128); 7] = [(2, 1), (4, 1), (3, 1), (3, 2), (1, 3), (1, 10), (1, 50)];
/// Over the end of a year and of a month.
const FIRST: &str = "2023-12-26";
const DAYS: u64 = 44;

/// A stretch of time for one stock. Days are counted from the first, prices in cents and
/// quantities in thousandths.
#[derive(Clone, Debug)]
struct History {
    /// Of every day; those without a session do not count, and a session may have none.
    closes: Vec<Option<i64>>,
    splits: BTreeMap<u64, (i128, i128)>,
    lots: Vec<Lot>,
}

#[derive(Clone, Debug)]
struct Lot {
    quantity: i64,
    entered: u64,
    entry: i64,
    /// So many days later, at so much.
    exit: Option<(u64, i64)>,
}

fn history() -> impl Strategy<Value = History> {
    let price = || 100_i64..100_000;
    let close = prop::option::weighted(0.95, price());
    let ratio = prop::sample::select(RATIOS.to_vec());
    let quantity = prop_oneof![1_i64..1_000_000, -1_000_000_i64..-1];
    let exit = prop::option::of((0..DAYS, price()));
    let lot = (quantity, 0..DAYS, price(), exit).prop_map(|(quantity, entered, entry, exit)| Lot {
        quantity,
        entered,
        entry,
        exit,
    });
    (
        prop::collection::vec(close, usize::try_from(DAYS).expect("few")),
        prop::collection::btree_map(0..DAYS, ratio, 0..4),
        prop::collection::vec(lot, 1..6),
    )
        .prop_map(|(closes, splits, lots)| History { closes, splits, lots })
}

fn nth(days: u64) -> NaiveDate {
    day(FIRST) + Days::new(days)
}

impl Lot {
    fn exit_day(&self) -> Option<u64> {
        self.exit.map(|(days, _)| self.entered + days)
    }

    fn is_held_at(&self, close_of: u64) -> bool {
        self.entered <= close_of && self.exit_day().is_none_or(|exit| exit > close_of)
    }
}

impl History {
    /// What a share is cut into, so that no split ever leaves a fraction of a piece.
    fn pieces(&self) -> i128 {
        self.splits.values().map(|(_, from)| from).product()
    }

    /// The pieces of shares of a lot after some day, each night's split one after the other.
    fn pieces_of(&self, lot: &Lot, after: u64) -> i128 {
        let mut pieces = i128::from(lot.quantity) * self.pieces();
        for morning in lot.entered + 1..=after {
            if let Some((to, from)) = self.splits.get(&morning) {
                assert_eq!(pieces * to % from, 0, "no piece is cut");
                pieces = pieces * to / from;
            }
        }
        pieces
    }

    /// What a lot is worth at a close; in cents of thousandths of pieces.
    fn value(&self, lot: &Lot, close_of: u64) -> i128 {
        if !lot.is_held_at(close_of) {
            return 0;
        }
        let close = self.closes[usize::try_from(close_of).expect("few")].expect("a close");
        self.pieces_of(lot, close_of) * i128::from(close)
    }

    fn cost(&self, lot: &Lot) -> i128 {
        i128::from(lot.quantity) * self.pieces() * i128::from(lot.entry)
    }

    /// What was paid, less what came in, from after one day to the end of another.
    fn paid(&self, lot: &Lot, after: Option<u64>, up_to: u64) -> i128 {
        let is_within = |day: u64| after.is_none_or(|after| after < day) && day <= up_to;
        let mut paid = 0;
        if is_within(lot.entered) {
            paid += self.cost(lot);
        }
        if let (Some(exit), Some((_, price))) = (lot.exit_day(), lot.exit)
            && is_within(exit)
        {
            paid -= self.pieces_of(lot, exit) * i128::from(price);
        }
        paid
    }

    /// Profit of all lots from the close of a base, before everything if none, to another close.
    fn profit(&self, base: Option<u64>, close_of: u64) -> Decimal {
        let lots = self.lots.iter();
        self.money(
            lots.map(|lot| {
                let start = base.map_or(0, |base| self.value(lot, base));
                self.value(lot, close_of) - start - self.paid(lot, base, close_of)
            })
            .sum(),
        )
    }

    /// Dollars.
    fn money(&self, cents: i128) -> Decimal {
        Decimal::from_i128_with_scale(cents, 5) / Decimal::from(self.pieces())
    }

    fn positions(&self, stock: &Arc<Instrument>, portfolio: &Portfolio) -> Vec<Arc<Position>> {
        let position = |lot: &Lot| {
            Arc::new(Position {
                id: PositionId::fresh(),
                portfolio_id: portfolio.id,
                instrument: Arc::clone(stock),
                position_type: PositionType::of(None, lot.quantity > 0),
                quantity: Decimal::new(lot.quantity.abs(), 3),
                entry_price: Decimal::new(lot.entry, 2),
                entry_date: nth(lot.entered),
                exit_price: lot.exit.map(|(_, price)| Decimal::new(price, 2)),
                exit_date: lot.exit_day().map(nth),
                notes: None,
                created_at: portfolio.created_at,
                updated_at: portfolio.updated_at,
            })
        };
        self.lots.iter().map(position).collect()
    }

    fn splits(&self) -> Vec<Split> {
        let split = |(day, (to, from)): (&u64, &(i128, i128))| Split {
            date: nth(*day),
            ratio: Ratio::new(Decimal::from(*to), Decimal::from(*from)).expect("a ratio"),
            source: PriceSource::Polygon,
        };
        self.splits.iter().map(split).collect()
    }

    /// What the database answers from raw bars.
    fn quote(&self, horizon: &Horizon, calendar: &Calendar) -> Option<Quote> {
        let bars: BTreeMap<_, _> = (0..)
            .zip(&self.closes)
            .filter_map(|(n, close)| Some((nth(n), Decimal::new((*close)?, 2))))
            .filter(|(date, _)| calendar.is_session(*date))
            .collect();
        let (date, price) = bars.range(..=horizon.as_of).next_back()?;
        Some(Quote {
            price: *price,
            date: *date,
            source: PriceSource::Import,
            volume: None,
            previous: bars.get(&horizon.previous).copied(),
            month_base: bars.get(&horizon.month_base).copied(),
            year_base: bars.get(&horizon.year_base).copied(),
        })
    }
}

fn portfolio() -> Portfolio {
    let now = "2024-02-08T22:00:00Z".parse().expect("an instant");
    Portfolio {
        owner_id: UserId::fresh(),
        id: PortfolioId::fresh(),
        name: "Random".into(),
        description: None,
        currency: "USD".into(),
        cash_balance: Decimal::ZERO,
        cash_moves: CashMoves::default(),
        latest: Latest::default(),
        created_at: now,
        updated_at: now,
    }
}

fn is_close(a: Decimal, b: Decimal) -> bool {
    (a - b).abs() < Decimal::new(1, 12)
}

proptest! {
    #[test]
    fn every_close_of_a_book_is_what_a_ledger_of_shares_says(history in history()) {
        let calendar = Calendar::default();
        let portfolio = Arc::new(portfolio());
        let stock = Arc::new(Instrument::unknown("AAPL".into()));
        let positions = history.positions(&stock, &portfolio);
        let splits = Splits::new(HashMap::from([(stock.id, history.splits())]));
        let has_close = |n: u64| history.closes[usize::try_from(n).expect("few")].is_some();
        let number = |date: NaiveDate| u64::try_from((date - day(FIRST)).num_days()).ok();

        for n in (0..DAYS).filter(|n| calendar.is_session(nth(*n)) && has_close(*n)) {
            let horizon = Horizon::of(nth(n), nth(n), &calendar);
            let quotes: Quotes = history
                .quote(&horizon, &calendar)
                .map(|quote| ((stock.id, horizon.as_of), quote))
                .into_iter()
                .collect();
            let book = Book::assemble(
                Arc::clone(&portfolio),
                carried(&positions, &splits, horizon),
                &HashMap::new(),
                &quotes,
                horizon,
                &calendar,
                portfolio.created_at,
            );
            let told = book.valuation();

            let value = history.lots.iter().map(|lot| history.value(lot, n)).sum();
            prop_assert!(is_close(told.total_value, history.money(value)), "value {}", nth(n));
            let held = history.lots.iter().filter(|lot| lot.is_held_at(n));
            let cost = held.map(|lot| history.cost(lot)).sum();
            prop_assert!(is_close(told.cost_basis, history.money(cost)), "cost {}", nth(n));
            let all = told.unrealized_pnl + told.realized_pnl;
            prop_assert!(is_close(all, history.profit(None, n)), "profit {}", nth(n));

            let bases = [
                ("day", horizon.previous, told.daily_pnl),
                ("month", horizon.month_base, told.mtd_pnl),
                ("year", horizon.year_base, told.ytd_pnl),
            ];
            for (period, base, told) in bases {
                let base = number(base);
                if base.is_some_and(|base| !has_close(base)) {
                    continue;
                }
                let told = told.expect("both closes are known");
                let wanted = history.profit(base, n);
                prop_assert!(is_close(told, wanted), "{period} {}: {told} {wanted}", nth(n));
            }
        }
    }

    #[test]
    fn adjusted_closes_move_as_the_wealth_of_who_puts_dividends_back_in(
        sessions in prop::collection::vec(
            (
                1_000_i64..100_000,
                prop::option::weighted(0.1, prop::sample::select(RATIOS.to_vec())),
                prop::option::weighted(0.2, 1_i64..50),
            ),
            2..40,
        ),
    ) {
        let stock = Instrument::unknown("AAPL".into());
        let mut known = Vec::new();
        let (mut shares, mut wealth) = (1.0, Vec::new());
        for (n, (close, split, percent)) in sessions.iter().enumerate() {
            let before = n.checked_sub(1).map(|n| Decimal::new(sessions[n].0, 2));
            let ratio = split.map_or(Ratio::ONE, |(to, from)| {
                Ratio::new(Decimal::from(to), Decimal::from(from)).expect("a ratio")
            });
            let mut add = |kind| known.push(Known {
                action: Action {
                    instrument_id: stock.id,
                    effective_date: nth(n as u64),
                    kind,
                    source: PriceSource::Polygon,
                },
                last_close: before,
                has_traded_since: true,
            });
            if split.is_some() {
                add(ActionKind::Split(ratio));
            }
            // A share of the last close, as a new share had it.
            let new_share = before.map(|close| ratio.price(close));
            let paid = new_share.zip(*percent).map(|(price, percent)| {
                (price, (price * Decimal::new(percent, 2)).round_dp(10))
            });
            if let Some((_, amount)) = paid {
                add(ActionKind::Dividend { amount, special: Decimal::ZERO });
            }
            let float = |number: Decimal| number.to_f64().expect("a number");
            if n > 0 {
                shares *= float(ratio.to()) / float(ratio.from());
            }
            if let Some((price, amount)) = paid {
                shares *= float(price) / (float(price) - float(amount));
            }
            wealth.push(shares * float(Decimal::new(*close, 2)));
        }

        let adjustments = adjustments(&known);
        let bars: Vec<_> = (0..).zip(&sessions).map(|(n, (close, ..))| Bar {
            instrument_id: stock.id,
            date: nth(n),
            open: None,
            high: None,
            low: None,
            close: Decimal::new(*close, 2),
            volume: None,
            adjustment: None,
            source: PriceSource::Polygon,
        }).collect();
        let adjusted: Vec<_> = bars
            .iter()
            .map(|bar| bar.adjusted_close(Some(&adjustments)).to_f64().expect("a number"))
            .collect();

        let float = |number: Decimal| number.to_f64().expect("a number");
        let plain: Vec<_> = bars
            .iter()
            .map(|bar| returns::Bar { date: bar.date, close: float(bar.close) })
            .collect();
        let actions: Vec<_> = known
            .iter()
            .map(|known| returns::Action {
                ex_date: known.action.effective_date,
                kind: match known.action.kind {
                    ActionKind::Split(ratio) => returns::ActionKind::Split {
                        ratio: float(ratio.to()) / float(ratio.from()),
                    },
                    ActionKind::Dividend { amount, .. } => {
                        returns::ActionKind::Dividend { amount: float(amount) }
                    }
                },
            })
            .collect();
        let twin = returns::adjusted(&plain, &actions).expect("a series");

        let last = sessions.len() - 1;
        for n in 0..=last {
            let by_wealth = adjusted[last] * wealth[n] / wealth[last];
            prop_assert!((adjusted[n] / by_wealth - 1.0).abs() < 1e-5 || adjusted[n] < 1e-4);
            prop_assert!((adjusted[n] - twin[n].close).abs() <= 1e-9 * twin[n].close + 1e-10);
        }
    }
}
