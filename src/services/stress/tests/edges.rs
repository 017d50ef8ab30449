//! What happens at the edges: to what is itself shocked, at zero, without a price, past an expiry.

use super::*;
use crate::store::prices::{Range, StoredSeries};

/// Closes whose returns are −5 times those of the market and a wobble, as those of the VIX are.
fn fearful(window: &Window) -> Series {
    let market = window.simple_returns(Some(&WORLD.series("SPX", window)));
    let wobble = |at: usize| 0.004 * (f64::from(u8::try_from(at * 37 % 23).unwrap_or(0)) - 11.0);
    let mut closes = vec![20.0];
    for (at, own) in market.values.iter().enumerate() {
        let last = closes[at];
        closes.push(last * (1.0 - 5.0 * own.expect("a return") + wobble(at)));
    }
    let dates = window.sessions().to_vec();
    let range = Range { instrument: WORLD.id("AMD"), from: dates[0], to: dates[closes.len() - 1] };
    let adjustments = vec![None; closes.len()];
    Series::new(&StoredSeries { range, dates, closes, adjustments, is_simulated: false }, None)
}

#[test]
fn a_beta_that_is_capped_is_said_where_it_takes_part() {
    let book = WORLD.book(DAY, 1_000_000, &[("AMD", 10), ("AMD190920C00050000", 1), ("KO", 10)]);
    let mut inputs = inputs(&book);
    let fear = Arc::new(fearful(&window(&book, &WORLD.calendar)));
    inputs.references.insert("^VIX".into(), Arc::clone(&fear));
    inputs.histories.insert(WORLD.id("AMD"), fear);
    let desk = desk_with(book, &inputs);
    let told = |standing: &Standing| {
        let mut all = standing.warnings.iter();
        all.find(|one| one.contains("beyond ±3, counted as that")).cloned().unwrap_or_default()
    };
    let market = Variable::Factor(Factor::Market);
    let moved = told(&desk.market_moves(&[0.01]).expect("moves")[0].standing);
    assert!(moved.starts_with("2 positions have a beta beyond ±3"), "{moved}");
    assert!(moved.contains("The furthest is that of AMD to Market: -"), "{moved}");
    assert_eq!(told(&run(&desk, &[("Market", -0.1)]).standing), moved);
    assert_eq!(told(&desk.reverse(&market, 0.1).expect("a search").standing), moved);
    let simulated = desk.simulate(100, 1, Confidence::P95, 1, &WORLD.calendar).expect("paths");
    assert!(told(&simulated.standing).starts_with("2 positions have"), "{simulated:?}");

    // To itself it is not.
    assert_eq!(told(&run(&desk, &[("VIX", 0.1)]).standing), "");
    assert_eq!(told(&run(&desk, &[("SECTOR:Energy", 0.1)]).standing), "");
    let amd = factors::capped(1).expect("a sentence");
    assert_eq!(amd, "1 position has a beta beyond ±3, counted as that.");
}

/// Whatever else is shocked, and however far its beta to the market is from zero.
#[test]
fn known_defect_17_what_is_itself_shocked_moves_by_its_shock() {
    let book = WORLD.book(DAY, 0, &[("AMD", 10), ("SPX", 10), ("CVX", -10)]);
    let mut inputs = inputs(&book);
    let fear = Arc::new(fearful(&window(&book, &WORLD.calendar)));
    inputs.references.insert("^VIX".into(), Arc::clone(&fear));
    inputs.histories.insert(WORLD.id("AMD"), fear);
    let desk = desk_with(book, &inputs);
    for (shocks, symbol, expected) in [
        (&[("VIX", 1.5)][..], "AMD", 1.5),
        (&[("VIX", -0.4), ("OIL", -0.3)], "AMD", -0.4),
        (&[("VIX", -0.4), ("OIL", -0.3)], "CVX", -0.3),
        (&[("Market", -0.2)], "SPX", -0.2),
        (&[("Market", -0.2), ("VIX", 0.1)], "SPX", -0.2),
        (&[("Market", -0.2), ("VIX", 0.1)], "AMD", 0.1),
    ] {
        let outcome = run(&desk, shocks);
        let own = |one: &&PositionPnl| one.line.position.instrument.symbol == symbol;
        let own = outcome.positions.iter().find(own).expect("a position");
        let exposure = float(own.line.holding().exposure().expect("a price"));
        near(float(own.pnl) / exposure, expected, 1e-9);
    }
}

/// As it is in the delta-adjusted exposures.
#[test]
fn an_option_without_a_price_of_its_own_counts_with_its_model_s() {
    let holdings = [("KO", 100), ("AAPL190920C00047500", 10), ("AAPL190920P00052500", -4)];
    let book = WORLD.book_where(DAY, 0, &holdings, |symbol| symbol.len() < 6);
    let inputs = inputs(&book);
    let desk = desk_with(book, &inputs);
    let moved = &desk.market_moves(&[0.01]).expect("moves")[0];
    assert_eq!(moved.standing.coverage.included_positions, 3);
    let rates = &desk.rate_moves(&[0.01]).expect("moves")[0];
    assert_eq!(rates.standing.quality, Quality::Estimated);
    let said = "2 options have no price and count with their model's, which the total value does \
                not contain: AAPL190920C00047500, AAPL190920P00052500.";
    assert!(moved.standing.warnings.contains(&said.into()), "{:?}", moved.standing);

    let design = desk.design(&[]);
    let dollars: f64 = desk
        .held
        .iter()
        .map(|held| held.exposure * design.of(held.instrument).expect("betas").values[0])
        .sum();
    near(float(moved.total.pnl), 0.01 * dollars, 1e-6);

    // No more than the model says that they are worth, either way and however priced.
    for outcome in desk.run(&[scenario(&[("Market", -0.9)]), scenario(&[("Market", 2.0)])]) {
        assert!(outcome.full_revaluation.is_some(), "{outcome:?}");
        for held in &desk.held {
            let id = held.line().position.id;
            let own = outcome.positions.iter().find(|one| one.line.position.id == id);
            let left = held.value + float(own.expect("a position").pnl);
            assert!(left * held.value >= -1e-3, "{held:?} {left}");
        }
    }
}

#[test]
fn options_that_expire_within_the_horizon_are_said() {
    // The third Friday of September is the 58th session after the 28th of June.
    let desk = desk(0, &[("AAPL190920C00047500", 1), ("AAPL191220C00047500", 1), ("KO", 5)]);
    for (sessions, options) in
        [(57, None), (58, Some("1 option expires by 2019-09-20")), (252, Some("2 options expire"))]
    {
        let calendar = &WORLD.calendar;
        let drawn = desk.simulate(100, sessions, Confidence::P95, 7, calendar).expect("paths");
        let said = drawn.standing.warnings.iter().find(|one| one.contains("within the horizon"));
        assert_eq!(said.is_some(), options.is_some(), "{sessions}: {said:?}");
        assert!(said.is_none_or(|said| said.starts_with(options.unwrap_or_default())), "{said:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// No price falls below zero, whoever holds what has it: options are held both ways too.
    #[test]
    fn what_is_long_and_short_the_same_makes_nothing_and_no_short_gains_more_than_its_worth(
        quantities in prop::collection::vec(1_i64..10_000, 4),
        shocks in prop::collection::vec(-1.0..3.0_f64, 3),
    ) {
        let symbols = ["AMD", "AAPL190920C00047500", "RRC", "AAPL190920P00052500"];
        let longs = symbols.into_iter().zip(quantities);
        let both: Vec<_> = longs.flat_map(|(name, own)| [(name, own), (name, -own)]).collect();
        let desk = desk(0, &both);
        let own = scenario(&[("Market", shocks[0]), ("Value", shocks[1]), ("OIL", shocks[2])]);
        for outcome in desk.run(&[vec![own], built_in()].concat()) {
            for pnl in [outcome.direct, outcome.total.pnl, outcome.full_revaluation.expect("one")] {
                prop_assert_eq!(pnl, Decimal::ZERO, "{:?}", outcome);
            }
            for one in &outcome.positions {
                let value = one.line.holding().exposure().expect("a price");
                prop_assert!(value * (value + one.pnl) >= Decimal::ZERO, "{:?}", one);
            }
        }
    }
}
