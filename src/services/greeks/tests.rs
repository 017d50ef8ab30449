use chrono::{DateTime, Utc};
use proptest::prelude::*;
use rust_decimal::Decimal;
use sigmasight_analytics::exposure::Sensitivities;

use super::*;
use crate::config::assumptions::Assumptions;
use crate::domain::id::{PortfolioId, UserId};
use crate::domain::instrument::{Instrument, OccSymbol};
use crate::domain::portfolio::{CashMoves, Latest, Portfolio};
use crate::domain::position::{Position, PositionType};
use crate::domain::price::{Horizon, PriceSource, Quote};
use crate::domain::quality::Quality;
use crate::services::dividends::DividendSource;
use crate::services::valuation::{Quotes, Splits, carried};
use crate::store::prices::StoredSeries;

const SESSION: &str = "2024-06-28";

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// What a share at 100 has paid for this continuous yield.
fn yielding(rate: f64) -> Trailing {
    let per_share = Decimal::from_f64_retain(100.0 * rate.exp_m1()).expect("a number");
    Trailing { per_share, source: DividendSource::Trailing }
}

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a number")
}

/// A market and who holds what in it.
struct Desk {
    session: NaiveDate,
    stock: Arc<Instrument>,
    quotes: Quotes,
    positions: Vec<Arc<Position>>,
    inputs: Inputs,
}

impl Desk {
    fn new() -> Self {
        Self {
            session: day(SESSION),
            stock: Arc::new(Instrument::unknown("AAPL".into())),
            quotes: Quotes::new(),
            positions: Vec::new(),
            inputs: Inputs {
                curve: Curve::configured(0.05),
                dividends: HashMap::new(),
                histories: HashMap::new(),
                assumptions: Assumptions::default(),
                valued: HashMap::new(),
            },
        }
    }

    fn horizon(&self) -> Horizon {
        Horizon::of(self.session, self.session, &Calendar::default())
    }

    fn quotes(&mut self, instrument: InstrumentId, price: Decimal, date: NaiveDate) {
        let quote = Quote {
            price,
            date,
            source: PriceSource::Import,
            volume: None,
            previous: None,
            month_base: None,
            year_base: None,
        };
        self.quotes.insert((instrument, self.session), quote);
    }

    fn with_stock_at(mut self, price: &str) -> Self {
        self.quotes(self.stock.id, decimal(price), self.session);
        self
    }

    /// A position in the stock, or in an option on it by its symbol without the root.
    fn holds(mut self, what: &str, quantity: &str, price: Option<&str>) -> Self {
        let instrument = if what == "AAPL" {
            Arc::clone(&self.stock)
        } else {
            let symbol = OccSymbol::parse(&format!("AAPL{what}")).expect("an option");
            Arc::new(Instrument::option(&symbol, self.stock.id))
        };
        if let Some(price) = price {
            self.quotes(instrument.id, decimal(price), self.session);
        }
        let quantity = decimal(quantity);
        let kind = instrument.contract.as_ref().map(|contract| contract.kind);
        let now = DateTime::<Utc>::UNIX_EPOCH;
        self.positions.push(Arc::new(Position {
            id: PositionId::fresh(),
            portfolio_id: PortfolioId::fresh(),
            position_type: PositionType::of(kind, quantity.is_sign_positive()),
            instrument,
            quantity: quantity.abs(),
            entry_price: Decimal::ONE,
            entry_date: day("2024-01-02"),
            exit_price: None,
            exit_date: None,
            notes: None,
            created_at: now,
            updated_at: now,
        }));
        self
    }

    /// Closes that go up and down by the same log return, one each session.
    fn with_history(mut self, swing: f64, sessions: u32) -> Self {
        let calendar = Calendar::default();
        let first = calendar.sessions_before(self.session, sessions - 1);
        let dates: Vec<_> = calendar.sessions(first, self.session).collect();
        let closes = (0..dates.len()).map(|n| if n % 2 == 0 { 100.0 } else { 100.0 * swing.exp() });
        let stored = StoredSeries {
            range: Range { instrument: self.stock.id, from: first, to: self.session },
            closes: closes.collect(),
            adjustments: vec![None; dates.len()],
            dates,
            is_simulated: false,
        };
        self.inputs.histories.insert(self.stock.id, Arc::new(Series::new(&stored, None)));
        self
    }

    fn book(&self) -> Book {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let portfolio = Portfolio {
            id: PortfolioId::fresh(),
            owner_id: UserId::fresh(),
            name: "Desk".into(),
            description: None,
            currency: "USD".into(),
            cash_balance: Decimal::ZERO,
            cash_moves: CashMoves::default(),
            latest: Latest::default(),
            created_at: now,
            updated_at: now,
        };
        let positions = carried(&self.positions, &Splits::default(), self.horizon());
        let calendar = Calendar::default();
        let (tags, horizon) = (HashMap::new(), self.horizon());
        Book::assemble(portfolio.into(), positions, &tags, &self.quotes, horizon, &calendar, now)
    }

    fn greeks(&self) -> (Book, BookGreeks) {
        self.greeks_by(Model::BlackScholesMerton)
    }

    fn greeks_by(&self, model: Model) -> (Book, BookGreeks) {
        let book = self.book();
        let greeks = BookGreeks::of(&book, &self.inputs, &Calendar::default(), model);
        (book, greeks)
    }

    /// The first position's, with quality and warnings.
    fn first(&self) -> (LineGreeks, Quality, Vec<String>) {
        let (book, greeks) = self.greeks();
        let line = book.line(self.positions[0].id).expect("a line");
        let own = greeks.line(line).expect("Greeks").as_ref().clone();
        let (quality, warnings) = (own.quality(line), own.warnings(line));
        (own, quality, warnings)
    }
}

fn near(got: Decimal, wanted: f64, tolerance: f64) {
    let got = got.to_f64().expect("a number");
    assert!((got - wanted).abs() <= tolerance, "{got} is not {wanted}");
}

/// At the money, a year to go, priced at the volatility of 25 %.
fn at_the_money() -> Desk {
    Desk::new().with_stock_at("100").holds("250628C00100000", "1", Some("12.3359989304"))
}

#[test]
fn a_rate_of_five_percent_is_five_percent() {
    let (one, ..) = at_the_money().first();
    let own = one.per_share.expect("Greeks");
    near(own.delta, 0.627_409_464_153_444, 1e-9);
    near(one.theoretical_price.expect("a price"), 12.335_998_930_4, 1e-9);
    let two = Desk::new().with_stock_at("100").holds("260628C00100000", "1", Some("18.6475"));
    let (two, ..) = two.first();
    near(two.per_share.expect("Greeks").delta, 0.677_11, 5e-5);
}

#[test]
fn vega_is_per_point_of_volatility_and_rho_per_percent() {
    let (one, ..) = at_the_money().first();
    let own = one.per_share.expect("Greeks");
    near(own.vega, 0.378_42, 5e-6);
    near(own.rho, 0.504_05, 5e-6);
    near(own.gamma, 0.015_14, 5e-6);
}

#[test]
fn dividends_and_early_exercise_count() {
    let mut desk = Desk::new().with_stock_at("100").holds("250628P00100000", "1", Some("8.565229"));
    let stock = desk.stock.id;
    desk.inputs.dividends.insert(stock, yielding(0.02));
    let volatility = |model| {
        let (book, greeks) = desk.greeks_by(model);
        let own = greeks.line(&book.lines[0]).expect("Greeks").pricing.clone();
        own.expect("a pricing").volatility.value
    };
    // The price is that of the reference at 25 %, early exercise included.
    let american = volatility(Model::American);
    assert!((american - 0.25).abs() < 1e-5, "{american}");
    assert!(volatility(Model::BlackScholesMerton) > 0.255);
    desk.inputs.dividends.clear();
    let (book, greeks) = desk.greeks_by(Model::American);
    let own = greeks.line(&book.lines[0]).expect("Greeks").pricing.clone().expect("a pricing");
    assert!(own.volatility.value > 0.26, "a yield makes a put worth more: {own:?}");
}

#[test]
fn delta_adjusted_exposure_is_of_the_underlying_and_not_of_the_premium() {
    let desk = Desk::new().with_stock_at("150").holds("250628C00150000", "10", Some("8"));
    let (book, greeks) = desk.greeks();
    let line = &book.lines[0];
    let delta = greeks.line(line).and_then(|own| own.per_share).expect("Greeks").delta;
    let adjusted = greeks.holding(line).delta_adjusted_exposure().expect("a figure");
    assert_eq!(adjusted, delta * decimal("150000"));
    assert_eq!(greeks.line(line).and_then(|own| own.delta_dollars()), Some(adjusted));
    assert!(adjusted > decimal("80000"), "ten contracts of 100 shares at 150: {adjusted}");
}

#[test]
fn a_share_has_a_delta_of_one_and_nothing_else() {
    for (quantity, delta) in [("30", 30), ("-30", -30)] {
        let (own, quality, _) =
            Desk::new().with_stock_at("50").holds("AAPL", quantity, None).first();
        assert_eq!((own.source, quality), (Source::Stock, Quality::Full));
        let share = Sensitivities { delta: Decimal::ONE, ..Sensitivities::default() };
        assert_eq!(own.per_share, Some(share));
        let position = Sensitivities { delta: delta.into(), ..Sensitivities::default() };
        assert_eq!(own.position, Some(position));
        assert_eq!(own.delta_dollars(), Some(Decimal::from(delta * 50)));
        assert_eq!(own.gamma_dollars(), Some(Decimal::ZERO));
    }
}

#[test]
fn a_written_option_has_the_greeks_of_a_bought_one_with_the_other_sign() {
    let bought =
        Desk::new().with_stock_at("100").holds("240920P00095000", "2", Some("2.5")).first().0;
    let written =
        Desk::new().with_stock_at("100").holds("240920P00095000", "-2", Some("2.5")).first().0;
    let (long, short) = (bought.position.expect("Greeks"), written.position.expect("Greeks"));
    assert_eq!(bought.per_share, written.per_share);
    assert_eq!(long.delta, -short.delta);
    assert!(long.delta < Decimal::ZERO && long.gamma > Decimal::ZERO);
    assert!(long.theta < Decimal::ZERO && long.vega > Decimal::ZERO);
    assert_eq!(bought.gamma_dollars(), written.gamma_dollars().map(|dollars| -dollars));
}

#[test]
fn gamma_dollars_are_what_one_percent_adds_to_delta_dollars() {
    let own = at_the_money().first().0;
    let gamma = own.per_share.expect("Greeks").gamma;
    assert_eq!(own.gamma_dollars(), Some(gamma * decimal("100") * decimal("100")));
    near(own.gamma_dollars().expect("a figure"), 151.367_93, 1e-5);
}

#[test]
fn the_volatility_of_an_option_without_a_price_is_that_of_its_underlying() {
    let desk = Desk::new().with_stock_at("100").holds("240920C00100000", "1", None);
    let (own, quality, warnings) = desk.with_history(0.01, 31).first();
    let volatility = own.pricing.expect("a pricing").volatility;
    // Thirty log returns of ±1 %, as many up as down: 0.01 × √(30 / 29) × √252.
    let wanted = 0.01 * (30.0_f64 / 29.0 * 252.0).sqrt();
    assert!((volatility.value - wanted).abs() < 1e-12, "{volatility:?}");
    assert_eq!((volatility.source, quality), (VolatilitySource::Historical, Quality::Estimated));
    assert!(warnings[0].starts_with("No price of AAPL240920C00100000 is known"), "{warnings:?}");
}

#[test]
fn a_price_of_another_session_implies_nothing() {
    let mut desk = Desk::new().with_stock_at("100").holds("240920C00100000", "1", None);
    let option = desk.positions[0].instrument.id;
    desk.quotes(option, decimal("4"), day("2024-06-27"));
    let (own, _, warnings) = desk.with_history(0.01, 31).first();
    let source = own.pricing.expect("a pricing").volatility.source;
    assert_eq!(source, VolatilitySource::Historical);
    assert!(warnings[0].contains("is of 2024-06-27"), "{warnings:?}");
}

#[test]
fn a_default_volatility_is_told() {
    let desk = Desk::new().with_stock_at("100").holds("240920C00150000", "1", Some("0"));
    let (own, quality, warnings) = desk.with_history(0.01, 15).first();
    let volatility = own.pricing.expect("a pricing").volatility;
    assert_eq!((volatility.value, volatility.source), (0.25, VolatilitySource::Default));
    assert_eq!(quality, Quality::Estimated);
    assert!(warnings[0].contains("implies no volatility: the price holds no time value"));
    assert!(warnings.iter().any(|told| told.contains("default of 25 %")), "{warnings:?}");
}

#[test]
fn without_a_price_of_the_underlying_there_are_no_greeks() {
    let desk = Desk::new().holds("240920C00100000", "1", Some("4")).holds("AAPL", "5", None);
    let (own, quality, warnings) = desk.first();
    assert_eq!((own.per_share, own.position, own.delta_dollars()), (None, None, None));
    assert_eq!(quality, Quality::Insufficient);
    assert!(warnings[0].starts_with("No price of the underlying AAPL is known."), "{warnings:?}");
    let (book, greeks) = desk.greeks();
    let sums = greeks.sums(&book.lines);
    assert_eq!(sums.total, Sensitivities::default());
    assert_eq!((sums.coverage.excluded_positions, sums.quality()), (2, Quality::Insufficient));
}

#[test]
fn stand_ins_are_shown_where_they_are_wanted_and_never_added_up() {
    let mut desk = Desk::new()
        .holds("240920C00100000", "-3", None)
        .holds("240920P00100000", "1", None)
        .holds("AAPL", "5", None);
    desk.inputs.assumptions.greeks_fallback = true;
    let (own, quality, warnings) = desk.first();
    assert_eq!((own.source, quality), (Source::Fallback, Quality::Estimated));
    assert_eq!(own.per_share.map(|own| own.delta), Some(decimal("0.6")));
    assert_eq!(own.position.map(|own| own.delta), Some(decimal("-180")));
    assert!(warnings[0].contains("FALLBACK"), "{warnings:?}");
    let (book, greeks) = desk.greeks();
    assert_eq!(greeks.sums(&book.lines).total, Sensitivities::default());
    assert_eq!(greeks.holding(&book.lines[1]).delta_adjusted_exposure(), None);
    assert!(greeks.missing_reason(&book.lines[1]).is_some());
}

#[test]
fn what_has_run_out_moves_with_nothing() {
    for expiry in ["240627C00090000", "240628C00090000"] {
        let desk = Desk::new().with_stock_at("100").holds(expiry, "1", Some("10"));
        let (own, ..) = desk.first();
        assert_eq!((own.source, own.position), (Source::Expired, Some(Sensitivities::default())));
        assert_eq!(own.delta_dollars(), Some(Decimal::ZERO));
        let (book, greeks) = desk.greeks();
        assert_eq!(greeks.missing_reason(&book.lines[0]), None);
    }
}

#[test]
fn time_goes_from_the_close_of_the_session_by_the_calendar_of_new_york() {
    let calendar = Calendar::default();
    let years = |session, expiry| years_to_expiry(day(session), day(expiry), &calendar);
    let close = |got: f64, days: f64| assert!((got * 365.0 - days).abs() < 1e-12, "{got}");
    close(years("2024-06-28", "2025-06-28"), 365.0);
    // Closed at 13:00, three hours before 16:00.
    close(years("2024-07-03", "2024-07-05"), 2.125);
    // Clocks go back on 3 November: the days in between stay days.
    close(years("2024-11-01", "2024-11-04"), 3.0);
    close(years("2024-06-28", "2024-06-28"), 0.0);
    close(years("2024-06-28", "2024-06-21"), 0.0);
}

#[test]
fn the_session_decides_and_not_the_day_it_is_asked() {
    let theta = |session: &str| {
        let mut desk = Desk { session: day(session), ..Desk::new() };
        desk = desk.with_stock_at("100").holds("240920C00100000", "1", None);
        desk.first().0.pricing.expect("a pricing").contract.years * 365.0
    };
    assert!((theta("2024-06-28") - 84.0).abs() < 1e-9);
    assert!((theta("2024-03-28") - 176.0).abs() < 1e-9);
}

#[test]
fn the_parts_of_a_book_add_up_to_it() {
    let desk = Desk::new()
        .with_stock_at("100")
        .holds("AAPL", "-250", None)
        .holds("240705C00100000", "7", Some("2"))
        .holds("240920P00095000", "-4", Some("2.5"));
    let (book, greeks) = desk.greeks();
    let sums = greeks.sums(&book.lines);
    let each = book.lines.iter().filter_map(|line| greeks.line(line)?.position);
    assert_eq!(sums.total, each.sum());
    let parts = greeks.by_underlying(&book.lines);
    assert_eq!((parts.len(), parts[0].sums.total), (1, sums.total));
    assert_eq!(sums.delta_dollars, greeks.totals(&book.lines).delta_adjusted_net());
    assert_eq!(sums.delta_dollars, sums.total.delta * Decimal::ONE_HUNDRED);
    assert_eq!(sums.options, 2);
    // The call of 5 July is gone within seven days, the put of September is not.
    let after = greeks.after_expiry(&book.lines, 7);
    let call = book.lines.iter().find(|line| line.position.quantity == decimal("7"));
    let call = greeks.line(call.expect("the call")).and_then(|own| own.position).expect("Greeks");
    assert_eq!(after.delta + call.delta, sums.total.delta);
    assert_eq!(greeks.after_expiry(&book.lines, 6), sums.total);
}

#[test]
fn one_that_cannot_be_valued_takes_no_other_along() {
    let mut desk = at_the_money().holds("990628C00100000", "1", None);
    desk.inputs.curve = Curve::configured(-20.0);
    let (book, greeks) = desk.greeks();
    let known = |line: &Arc<Line>| greeks.line(line).is_some_and(|own| own.per_share.is_some());
    assert_eq!(book.lines.iter().map(known).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn only_living_options_want_a_history() {
    let desk = Desk::new().holds("AAPL", "1", None).holds("240627C00090000", "1", None);
    let wanted = |desk: &Desk| {
        let (book, calendar) = (desk.book(), Calendar::default());
        wanted(priceable(&book, &calendar), desk.session, &calendar)
    };
    assert_eq!(wanted(&desk), []);
    let desk = desk.with_stock_at("100");
    let desk = desk.holds("240920C00100000", "1", None).holds("240920P00100000", "1", None);
    let [range] = wanted(&desk)[..] else { panic!("one underlying") };
    assert_eq!((range.instrument, range.to), (desk.stock.id, desk.session));
    assert_eq!(Calendar::default().sessions(range.from, range.to).count(), 31);
}

proptest! {
    #[test]
    fn greeks_are_linear_in_quantity(strike in 50_u32..200, price in 1_u32..400, times in 2_i64..1_000) {
        let option = format!("240920C{:08}", strike * 1_000);
        let price = Decimal::new(price.into(), 1).to_string();
        let of = |quantity: i64| {
            let desk = Desk::new().with_stock_at("100");
            desk.holds(&option, &quantity.to_string(), Some(&price)).first().0
        };
        let (one, many) = (of(1), of(-times));
        let times = Decimal::from(-times);
        let (one, many) = (one.position.expect("Greeks"), many.position.expect("Greeks"));
        prop_assert_eq!(many.delta, one.delta * times);
        prop_assert_eq!(many.gamma, one.gamma * times);
        prop_assert_eq!(many.theta, one.theta * times);
        prop_assert_eq!(many.vega, one.vega * times);
        prop_assert_eq!(many.rho, one.rho * times);
    }

    #[test]
    fn a_call_less_a_put_is_a_forward(strike in 50_u32..200, dividend_yield in 0.0..0.1) {
        let mut desk = Desk::new()
            .with_stock_at("100")
            .holds(&format!("240920C{:08}", strike * 1_000), "1", None)
            .holds(&format!("240920P{:08}", strike * 1_000), "-1", None)
            .with_history(0.02, 31);
        let stock = desk.stock.id;
        desk.inputs.dividends.insert(stock, yielding(dividend_yield));
        let (book, greeks) = desk.greeks();
        let total = greeks.sums(&book.lines).total;
        let years = 84.0 / 365.0;
        near(total.delta, 100.0 * (-dividend_yield * years).exp(), 1e-8);
        near(total.gamma, 0.0, 1e-8);
        near(total.vega, 0.0, 1e-8);
        near(total.rho, years * f64::from(strike) * (-0.05 * years).exp(), 1e-8);
    }
}
