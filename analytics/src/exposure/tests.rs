use proptest::prelude::*;
use rust_decimal::RoundingStrategy;
use serde_json::Value;

use super::*;
use crate::option;

/// A position of the fixture beside what the arithmetic sees of it.
struct Position {
    id: String,
    underlying: String,
    tags: Vec<String>,
    /// Per share, of an option that has them.
    greeks: Option<Sensitivities>,
    expect: Value,
    holding: Holding,
}

fn portfolios() -> Vec<(Value, Vec<Position>)> {
    let text = include_str!("../../tests/fixtures/portfolio_aggregation.json");
    let fixture: Value = serde_json::from_str(text).expect("the fixture is JSON");
    let cases = fixture["cases"].as_array().expect("cases").clone();
    let with_positions = |case: Value| {
        let positions = case["positions"].as_array().expect("positions");
        let positions = positions.iter().map(position).collect();
        (case, positions)
    };
    cases.into_iter().map(with_positions).collect()
}

fn position(json: &Value) -> Position {
    let greek = |name: &str| decimal(&json["greeks"][name]);
    Position {
        id: text(&json["id"]),
        underlying: text(&json["underlying"]),
        tags: texts(&json["tags"]),
        greeks: greek("delta").map(|delta| Sensitivities {
            delta,
            gamma: greek("gamma").expect("gamma beside delta"),
            theta: greek("theta_day").expect("theta beside delta"),
            vega: greek("vega_1pt").expect("vega beside delta"),
            rho: Decimal::ZERO,
        }),
        expect: json["expect"].clone(),
        holding: Holding {
            option: match json["kind"].as_str() {
                Some("call") => Some(Kind::Call),
                Some("put") => Some(Kind::Put),
                _ => None,
            },
            signed_quantity: decimal(&json["quantity"]).expect("quantity"),
            multiplier: Decimal::from(json["multiplier"].as_i64().expect("multiplier")),
            entry_price: decimal(&json["entry_price"]).expect("entry price"),
            price: decimal(&json["price"]),
            previous_price: None,
            underlying_price: decimal(&json["underlying_price"]),
            delta: decimal(&json["greeks"]["delta"]),
        },
    }
}

fn text(json: &Value) -> String {
    json.as_str().expect("a text").to_owned()
}

fn texts(json: &Value) -> Vec<String> {
    json.as_array().expect("a list").iter().map(text).collect()
}

fn decimal(json: &Value) -> Option<Decimal> {
    json.as_str().map(|text| text.parse().expect("a decimal"))
}

/// Compares each figure that `expect` names; one that nobody knows fails.
fn assert_totals(totals: &Totals, expect: &Value, whose: &str) {
    for (figure, expected) in expect.as_object().expect("an object") {
        let got = match figure.as_str() {
            "long_exposure" => totals.long_exposure(),
            "short_exposure" => totals.short_exposure(),
            "gross_exposure" => totals.gross_exposure(),
            "net_exposure" => totals.net_exposure(),
            "market_value_total" => totals.market_value(),
            "stock_exposure_net" => totals.stock_net(),
            "option_exposure_net" => totals.option_net(),
            "stock_exposure_gross" => totals.stock_gross(),
            "option_exposure_gross" => totals.option_gross(),
            "notional_total" => totals.notional(),
            "unrealized_pnl" => totals.unrealized_pnl(),
            "cost_basis_signed" => totals.cost_basis(),
            "delta_adjusted_net" => totals.delta_adjusted_net(),
            "delta_adjusted_gross" => totals.delta_adjusted_gross(),
            "delta_adjusted_long" => totals.delta_adjusted_long(),
            "delta_adjusted_short" => totals.delta_adjusted_short(),
            "positions" => {
                assert_eq!(Some(totals.counts.positions as u64), expected.as_u64(), "{whose}");
                continue;
            }
            "excluded_missing_greeks" => {
                assert_eq!(totals.left_out.without_delta, texts(expected).len(), "{whose}");
                continue;
            }
            "excluded_missing_price" => {
                assert_eq!(totals.left_out.without_price, texts(expected).len(), "{whose}");
                continue;
            }
            "excluded_missing_underlying_price" => {
                let got = totals.left_out.without_underlying_price;
                assert_eq!(got, texts(expected).len(), "{whose}");
                continue;
            }
            // Of positions or of Greeks, in tests of their own.
            "counts"
            | "weights_of_gross"
            | "share_delta"
            | "portfolio_gamma"
            | "portfolio_theta_day"
            | "portfolio_vega_1pt" => continue,
            unknown => panic!("{whose}: nothing checks {unknown}"),
        };
        assert_eq!(Some(got), decimal(expected), "{whose}: {figure}");
    }
}

#[test]
fn each_position_has_the_figures_of_the_reference() {
    for (case, positions) in portfolios() {
        for Position { id, holding, expect, .. } in &positions {
            let whose = format!("{} {id}", case["id"]);
            assert_eq!(holding.market_value(), decimal(&expect["market_value"]), "{whose}");
            assert_eq!(holding.exposure(), decimal(&expect["exposure"]), "{whose}");
            assert_eq!(holding.notional(), decimal(&expect["notional"]), "{whose}");
            assert_eq!(holding.unrealized_pnl(), decimal(&expect["unrealized_pnl"]), "{whose}");
            let expected = decimal(&expect["delta_adjusted_exposure"]);
            assert_eq!(holding.delta_adjusted_exposure(), expected, "{whose}");
        }
    }
}

#[test]
fn each_book_has_the_totals_of_the_reference() {
    for (case, positions) in portfolios() {
        let totals = Totals::of(positions.iter().map(|position| &position.holding));
        assert_totals(&totals, &case["expect"], &text(&case["id"]));

        let counts = &case["expect"]["counts"];
        let counted = [
            ("positions", totals.counts.positions),
            ("long", totals.counts.long),
            ("short", totals.counts.short),
            ("stocks", totals.counts.stocks),
            ("options", totals.counts.options),
            ("calls", totals.counts.calls),
            ("puts", totals.counts.puts),
        ];
        for (sort, got) in counted {
            assert_eq!(Some(got as u64), counts[sort].as_u64(), "{}: {sort}", case["id"]);
        }
    }
}

#[test]
fn what_a_total_left_out_is_what_lacks_the_input() {
    for (case, positions) in portfolios() {
        let expect = &case["expect"];
        let lacking = |lacks: fn(&Holding) -> bool| -> Vec<String> {
            let lacking = positions.iter().filter(|position| lacks(&position.holding));
            lacking.map(|position| position.id.clone()).collect()
        };
        assert_eq!(
            lacking(|holding| holding.exposure().is_none()),
            texts(&expect["excluded_missing_price"])
        );
        assert_eq!(
            lacking(|holding| holding.share_delta().is_none()),
            texts(&expect["excluded_missing_greeks"])
        );
        assert_eq!(
            lacking(|holding| holding.is_option() && holding.notional().is_none()),
            texts(&expect["excluded_missing_underlying_price"])
        );
    }
}

#[test]
fn groups_by_underlying_and_by_tag_are_those_of_the_reference() {
    for (case, positions) in portfolios() {
        let by_underlying =
            grouped(positions.iter().map(|position| (&position.underlying, &position.holding)));
        let by_tag =
            grouped(positions.iter().flat_map(|position| {
                position.tags.iter().map(move |tag| (tag, &position.holding))
            }));

        for (groups, key) in [(by_underlying, "by_underlying"), (by_tag, "by_tag")] {
            let expected = case[key].as_object().expect(key);
            assert!(groups.keys().copied().eq(expected.keys()), "{} {key}", case["id"]);
            for (name, totals) in groups {
                assert_totals(&totals, &expected[name], &format!("{} {name}", case["id"]));
            }
        }
    }
}

#[test]
fn any_and_all_of_some_tags_add_up_as_in_the_reference() {
    for (case, positions) in portfolios() {
        for filter in case["tag_filters"].as_array().expect("filters") {
            let tags = texts(&filter["tags"]);
            let is_chosen = |position: &&Position| {
                let has = |tag| position.tags.contains(tag);
                if filter["mode"] == "all" { tags.iter().all(has) } else { tags.iter().any(has) }
            };
            let chosen: Vec<_> = positions.iter().filter(is_chosen).collect();

            let ids: Vec<_> = chosen.iter().map(|position| position.id.clone()).collect();
            assert_eq!(ids, texts(&filter["ids"]));
            let totals = Totals::of(chosen.iter().map(|position| &position.holding));
            assert_totals(&totals, &filter["expect"], &format!("{} {tags:?}", case["id"]));
        }
    }
}

#[test]
fn weights_are_signed_shares_of_the_gross_exposure() {
    for (case, positions) in portfolios() {
        let gross = Totals::of(positions.iter().map(|p| &p.holding)).gross_exposure();
        for Position { id, holding, .. } in &positions {
            let weight = holding.weight_of(gross);
            let rounded = weight.map(|weight| {
                weight.round_dp_with_strategy(15, RoundingStrategy::MidpointNearestEven)
            });
            assert_eq!(rounded, decimal(&case["expect"]["weights_of_gross"][id]), "{id}");
        }
    }
}

#[test]
fn the_greeks_of_a_book_are_those_of_the_reference_and_the_sum_of_its_groups() {
    for (case, positions) in portfolios() {
        let book = GreekTotals::of(positions.iter().map(|p| (&p.holding, p.greeks)));
        let Sensitivities { delta, gamma, theta, vega, .. } = book.greeks;
        for (key, got) in [
            ("share_delta", delta),
            ("portfolio_gamma", gamma),
            ("portfolio_theta_day", theta),
            ("portfolio_vega_1pt", vega),
        ] {
            assert_eq!(Some(got), decimal(&case["expect"][key]), "{} {key}", case["id"]);
        }
        let lacking = texts(&case["expect"]["excluded_missing_greeks"]).len();
        assert_eq!(book.without_greeks, lacking, "{}", case["id"]);

        let groups =
            grouped_greeks(positions.iter().map(|p| (p.underlying.as_str(), &p.holding, p.greeks)));
        let sum: Sensitivities = groups.values().map(|group| group.greeks).sum();
        assert_eq!(sum, book.greeks, "{}", case["id"]);
        let lacking: usize = groups.values().map(|group| group.without_greeks).sum();
        assert_eq!(lacking, book.without_greeks);
    }
}

#[test]
fn a_models_greeks_are_rounded_once_and_what_is_no_number_is_none() {
    let greeks = option::Greeks { delta: 0.123_44, theta: -0.000_06, ..Default::default() };
    let rounded = Sensitivities::rounded(&greeks, 4).expect("numbers");
    assert_eq!((rounded.delta, rounded.theta), (Decimal::new(1_234, 4), Decimal::new(-1, 4)));
    for broken in [f64::NAN, f64::INFINITY, 1e300] {
        let greeks = option::Greeks { vega: broken, ..greeks };
        assert_eq!(Sensitivities::rounded(&greeks, 4), None);
    }
}

const SHORT_STOCK: Holding = Holding {
    option: None,
    signed_quantity: Decimal::from_parts(10, 0, 0, true, 0),
    multiplier: Decimal::ONE,
    entry_price: Decimal::ONE_HUNDRED,
    price: Some(Decimal::from_parts(90, 0, 0, false, 0)),
    previous_price: Some(Decimal::ONE_HUNDRED),
    underlying_price: None,
    delta: None,
};

/// Ten calls with a delta of 0.6 on a stock at 150.
const CALLS: Holding = Holding {
    option: Some(Kind::Call),
    signed_quantity: Decimal::TEN,
    multiplier: Decimal::ONE_HUNDRED,
    entry_price: Decimal::from_parts(18, 0, 0, false, 0),
    price: Some(Decimal::from_parts(20, 0, 0, false, 0)),
    previous_price: None,
    underlying_price: Some(Decimal::from_parts(150, 0, 0, false, 0)),
    delta: Some(Decimal::from_parts(6, 0, 0, false, 1)),
};

#[test]
fn known_defect_05_twice_the_quantity_is_twice_the_exposure_and_no_more() {
    let twice = Holding { signed_quantity: Decimal::from(20), ..CALLS };
    assert_eq!(twice.delta_adjusted_exposure(), Some(Decimal::from(180_000)));
    let per_share = Sensitivities { delta: Decimal::new(6, 1), ..Default::default() };
    let delta = |holding| Sensitivities::of(holding, Some(per_share)).expect("known").delta;
    assert_eq!((delta(&CALLS), delta(&twice)), (Decimal::from(600), Decimal::from(1_200)));
}

#[test]
fn known_defect_06_delta_is_taken_of_the_underlying_and_not_of_the_premium() {
    assert_eq!(CALLS.delta_adjusted_exposure(), Some(Decimal::from(90_000)));
    assert_eq!(CALLS.exposure(), Some(Decimal::from(20_000)));
}

#[test]
fn known_defect_07_a_stock_has_a_delta_of_its_shares() {
    let shares = Sensitivities::of(&SHORT_STOCK, None).expect("a stock needs no model");
    assert_eq!(shares, Sensitivities { delta: Decimal::from(-10), ..Default::default() });
    assert_eq!(SHORT_STOCK.share_delta(), Some(Decimal::from(-10)));
}

#[test]
fn known_defect_08_dollar_greeks_have_the_price_in_them() {
    let per_share = Sensitivities {
        delta: Decimal::new(6, 1),
        gamma: Decimal::new(2, 2),
        ..Default::default()
    };
    let greeks = Sensitivities::of(&CALLS, Some(per_share)).expect("known");
    let price = Decimal::from(150);
    assert_eq!(greeks.dollar_delta(price), Decimal::from(90_000));
    // A rise by 1 % is one of 1.50, which adds 0.03 to each delta of a thousand, at 150.
    assert_eq!(greeks.dollar_gamma(price), Decimal::from(4_500));
}

#[test]
fn a_short_gains_when_its_price_falls() {
    assert_eq!(SHORT_STOCK.unrealized_pnl(), Some(Decimal::ONE_HUNDRED));
    assert_eq!(SHORT_STOCK.unrealized_pnl_percent(), Some(Decimal::new(1, 1)));
    assert_eq!(SHORT_STOCK.daily_pnl(), Some(Decimal::ONE_HUNDRED));
    assert_eq!(SHORT_STOCK.daily_return(), Some(Decimal::new(1, 1)));
}

#[test]
fn a_share_of_nothing_is_not_a_number() {
    let free =
        Holding { entry_price: Decimal::ZERO, previous_price: Some(Decimal::ZERO), ..SHORT_STOCK };
    assert_eq!(free.unrealized_pnl_percent(), None);
    assert_eq!(free.daily_return(), None);
    assert_eq!(free.weight_of(Decimal::ZERO), None);
}

#[test]
fn a_day_without_any_previous_price_has_no_daily_pnl() {
    let new = Holding { previous_price: None, ..SHORT_STOCK };
    assert_eq!(Totals::of([&new]).daily_pnl(), None);
    assert_eq!(Totals::of([&new]).left_out.without_previous_price, 1);

    let mixed = Totals::of([&new, &SHORT_STOCK]);
    assert_eq!(mixed.daily_pnl(), Some(Decimal::ONE_HUNDRED));
    assert_eq!(mixed.left_out.without_previous_price, 1);
}

#[test]
fn figures_too_large_for_a_decimal_saturate() {
    let huge = Holding {
        signed_quantity: Decimal::MIN,
        price: Some(Decimal::MAX),
        entry_price: Decimal::MAX,
        previous_price: Some(Decimal::MIN),
        ..SHORT_STOCK
    };
    let totals = Totals::of([&huge, &huge]);
    assert_eq!(totals.short_exposure(), Decimal::MIN);
    assert_eq!(totals.gross_exposure(), Decimal::MAX);
}

fn holding() -> impl Strategy<Value = Holding> {
    let price = || prop::option::weighted(0.9, (0..1_000_000_i64).prop_map(cents));
    (
        prop_oneof![Just(None), Just(Some(Kind::Call)), Just(Some(Kind::Put))],
        prop_oneof![-1_000_000..0_i64, 1..=1_000_000_i64].prop_map(cents),
        (1..1_000_000_i64).prop_map(cents),
        [price(), price(), price()],
        prop::option::weighted(0.9, (-100..=100_i64).prop_map(cents)),
    )
        .prop_map(|(option, signed_quantity, entry_price, prices, delta)| Holding {
            option,
            signed_quantity,
            multiplier: if option.is_some() { Decimal::ONE_HUNDRED } else { Decimal::ONE },
            entry_price,
            price: prices[0],
            previous_price: prices[1],
            underlying_price: prices[2],
            delta,
        })
}

fn cents(number: i64) -> Decimal {
    Decimal::new(number, 2)
}

/// Every sum, so that a property need not be said for each.
fn sums(totals: &Totals) -> [Decimal; 16] {
    [
        totals.long_exposure(),
        totals.short_exposure(),
        totals.gross_exposure(),
        totals.net_exposure(),
        totals.stock_net(),
        totals.stock_gross(),
        totals.option_net(),
        totals.option_gross(),
        totals.notional(),
        totals.delta_adjusted_long(),
        totals.delta_adjusted_short(),
        totals.delta_adjusted_gross(),
        totals.delta_adjusted_net(),
        totals.cost_basis(),
        totals.unrealized_pnl(),
        totals.daily_pnl().unwrap_or_default(),
    ]
}

proptest! {
    #[test]
    fn twice_the_quantity_is_twice_every_sum(holdings in prop::collection::vec(holding(), 0..9)) {
        let doubled: Vec<_> = holdings
            .iter()
            .map(|h| Holding { signed_quantity: h.signed_quantity * Decimal::TWO, ..*h })
            .collect();
        let twice = sums(&Totals::of(&holdings)).map(|sum| sum * Decimal::TWO);
        prop_assert_eq!(sums(&Totals::of(&doubled)), twice);
    }

    #[test]
    fn the_parts_add_up_to_the_whole(
        holdings in prop::collection::vec((0..3_u8, holding()), 0..20),
    ) {
        let whole = Totals::of(holdings.iter().map(|(_, holding)| holding));
        let parts = grouped(holdings.iter().map(|(key, holding)| (key, holding)));

        let mut sum = [Decimal::ZERO; 16];
        for part in parts.values() {
            for (sum, part) in sum.iter_mut().zip(sums(part)) {
                *sum += part;
            }
        }
        prop_assert_eq!(sum, sums(&whole));
        let positions: usize = parts.values().map(|part| part.counts.positions).sum();
        prop_assert_eq!(positions, whole.counts.positions);
    }

    #[test]
    fn the_totals_are_the_sums_of_the_positions(
        holdings in prop::collection::vec(holding(), 0..20),
    ) {
        let sum = |figure: fn(&Holding) -> Option<Decimal>| -> Decimal {
            holdings.iter().filter_map(figure).sum()
        };
        let totals = Totals::of(&holdings);
        prop_assert_eq!(totals.market_value(), sum(Holding::market_value));
        prop_assert_eq!(totals.net_exposure(), sum(Holding::exposure));
        prop_assert_eq!(totals.notional(), sum(Holding::notional));
        prop_assert_eq!(totals.delta_adjusted_net(), sum(Holding::delta_adjusted_exposure));
        prop_assert_eq!(totals.unrealized_pnl(), sum(Holding::unrealized_pnl));
        prop_assert_eq!(totals.daily_pnl().unwrap_or_default(), sum(Holding::daily_pnl));
    }

    #[test]
    fn gross_is_never_below_the_size_of_net(holdings in prop::collection::vec(holding(), 0..9)) {
        let totals = Totals::of(&holdings);
        prop_assert!(totals.gross_exposure() >= totals.net_exposure().abs());
        prop_assert!(totals.delta_adjusted_gross() >= totals.delta_adjusted_net().abs());
        prop_assert!(totals.short_exposure() <= Decimal::ZERO);
    }

    #[test]
    fn the_opposite_book_is_the_mirror(holdings in prop::collection::vec(holding(), 0..9)) {
        let opposite: Vec<_> = holdings
            .iter()
            .map(|h| Holding { signed_quantity: -h.signed_quantity, ..*h })
            .collect();
        let (book, mirror) = (Totals::of(&holdings), Totals::of(&opposite));
        prop_assert_eq!(mirror.long_exposure(), -book.short_exposure());
        prop_assert_eq!(mirror.net_exposure(), -book.net_exposure());
        prop_assert_eq!(mirror.gross_exposure(), book.gross_exposure());
        prop_assert_eq!(mirror.notional(), book.notional());
        prop_assert_eq!(mirror.delta_adjusted_net(), -book.delta_adjusted_net());
        prop_assert_eq!(mirror.unrealized_pnl(), -book.unrealized_pnl());
        prop_assert_eq!(mirror.counts.long, book.counts.short);
    }
}

/// Decimals of many sizes and scales, of which the sums still have 28 digits.
fn any_decimal(limit: i64) -> impl Strategy<Value = Decimal> {
    let mantissa = prop_oneof![0..1_000_i64, -limit..limit];
    (mantissa, 0..4_u32).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale))
}

fn any_holding() -> impl Strategy<Value = Holding> {
    let price = || prop::option::weighted(0.8, any_decimal(1_000_000));
    let delta = prop::option::weighted(0.8, any_decimal(1_000));
    let quantity = any_decimal(1_000_000);
    let entry_price = any_decimal(1_000_000);
    (holding(), quantity, entry_price, [price(), price(), price()], delta).prop_map(
        |(holding, signed_quantity, entry_price, prices, delta)| Holding {
            signed_quantity,
            entry_price,
            price: prices[0],
            previous_price: prices[1],
            underlying_price: prices[2],
            delta,
            ..holding
        },
    )
}

proptest! {
    #[test]
    fn whole_numbers_give_the_same_totals_as_decimals(
        holdings in prop::collection::vec((0..3_usize, any_holding()), 0..40),
    ) {
        let mut one_by_one = vec![Totals::default(); 3];
        for (group, holding) in &holdings {
            one_by_one[*group].add(holding);
        }
        let figures: Vec<_> = holdings.iter().map(|(_, holding)| Figures::of(holding)).collect();
        let numbers = holdings.iter().map(|(group, _)| *group);
        prop_assert_eq!(grouped_by_index(3, numbers.clone().zip(&figures)), one_by_one.clone());
        let by_key = grouped(holdings.iter().map(|(group, holding)| (group, holding)));
        for (group, totals) in by_key {
            prop_assert_eq!(totals, one_by_one[*group]);
        }
        let whole = Totals::of(holdings.iter().map(|(_, holding)| holding));
        prop_assert_eq!(Totals::of_figures(&figures), whole);
        prop_assert_eq!(
            grouped_with_whole(3, numbers.clone().zip(&figures)),
            (one_by_one, whole)
        );
        prop_assert_eq!(grouped_by_index(0, numbers.zip(&figures)), vec![]);
    }
}

#[test]
fn sums_that_outgrow_a_whole_number_go_on_as_decimals() {
    // Fifteen digits of money each, of which a thousand are beyond 64 bits at four digits
    // behind the point.
    let large = Holding {
        signed_quantity: Decimal::new(4_000_000_000, 0),
        price: Some(Decimal::new(20_000_025, 2)),
        ..SHORT_STOCK
    };
    let book = vec![large; 1_000];
    let totals = Totals::of(&book);
    assert_eq!(totals.net_exposure(), Decimal::new(800_001_000_000_000_000, 0));
    assert_eq!(totals.counts.positions, 1_000);
    let mut one_by_one = Totals::default();
    for holding in &book {
        one_by_one.add(holding);
    }
    assert_eq!(totals, one_by_one);
}

#[test]
fn more_holdings_than_a_byte_counts_are_counted() {
    let book = vec![SHORT_STOCK; 1_000];
    let totals = Totals::of(&book);
    assert_eq!((totals.counts.positions, totals.counts.short), (1_000, 1_000));
    assert_eq!(totals.daily_pnl(), Some(Decimal::new(100_000, 0)));
}
