use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::tests::Worst;

/// Columns that own their rows.
#[derive(Clone, Debug, Default)]
struct Book {
    kind: Vec<Kind>,
    numbers: [Vec<f64>; 6],
}

impl Book {
    fn of(options: &[(Kind, [f64; 6])]) -> Self {
        let column = |i: usize| options.iter().map(|(_, numbers)| numbers[i]).collect();
        Self {
            kind: options.iter().map(|(kind, _)| *kind).collect(),
            numbers: std::array::from_fn(column),
        }
    }

    fn columns(&self) -> Columns<'_> {
        let [strike, years, spot, rate, dividend_yield, volatility] = &self.numbers;
        Columns { kind: &self.kind, strike, years, spot, rate, dividend_yield, volatility }
    }

    fn figures(&self) -> Result<Figures, Error> {
        let mut figures = Figures::default();
        figures.evaluate(&self.columns())?;
        Ok(figures)
    }
}

const ORDINARY: [f64; 6] = [100.0, 0.5, 95.0, 0.04, 0.01, 0.3];

fn row(figures: &Figures, row: usize) -> (f64, Greeks) {
    let Figures { value, delta, gamma, theta, vega, rho } = figures;
    let greeks = Greeks {
        delta: delta[row],
        gamma: gamma[row],
        theta: theta[row],
        vega: vega[row],
        rho: rho[row],
    };
    (value[row], greeks)
}

#[test]
fn value_and_greeks_are_those_of_the_reference() {
    let text = include_str!("../../../tests/fixtures/options_european.json");
    let fixture: Value = serde_json::from_str(text).expect("the fixture is JSON");
    let cases = fixture["cases"].as_array().expect("cases");
    let options: Vec<_> = cases
        .iter()
        .map(|case| {
            let kind = if case["type"] == "call" { Kind::Call } else { Kind::Put };
            let number = |key: &str| case[key].as_f64().expect(key);
            (kind, ["strike", "t", "spot", "r", "q", "vol"].map(number))
        })
        .collect();
    let figures = Book::of(&options).figures().expect("every option is in range");

    let mut worst = Worst::default();
    for (i, case) in cases.iter().enumerate() {
        let (_, [strike, years, spot, ..]) = options[i];
        let (value, Greeks { delta, gamma, theta, vega, rho }) = row(&figures, i);
        for (key, got, scale) in [
            ("price", value, spot.max(strike)),
            ("delta", delta, 1.0),
            ("gamma", gamma, gamma.max(1.0 / spot)),
            ("theta_day", theta, spot / 365.0),
            ("vega_1pt", vega, spot / 100.0),
            ("rho_1pct", rho, strike * years.max(1.0) / 100.0),
        ] {
            let expected = case["expect"][key].as_f64().expect(key);
            let off = (got - expected).abs();
            let tolerance = 1e-12 * scale + 1e-10 * expected.abs();
            assert!(off <= tolerance, "{} {key}: got {got:e}, expected {expected:e}", case["id"]);
            worst.note(key, off / (scale + 1e-2 * expected.abs()));
        }
    }
    worst.print("options_european in bulk, of scale");
}

proptest! {
    #[test]
    fn the_figures_are_those_of_one_option_at_a_time(
        options in prop::collection::vec((
            prop_oneof![Just(Kind::Call), Just(Kind::Put)],
            (0.01..1e4_f64, prop_oneof![9 => 1e-3..10.0_f64, 1 => Just(0.0)], 0.01..1e4_f64),
            (-0.1..0.3_f64, -0.1..0.3_f64, prop_oneof![9 => 0.01..3.0_f64, 1 => Just(0.0)]),
        ), 0..150)
    ) {
        let options: Vec<_> = options
            .into_iter()
            .map(|(kind, (strike, years, spot), (rate, dividend_yield, volatility))| {
                (kind, [strike, years, spot, rate, dividend_yield, volatility])
            })
            .collect();
        let book = Book::of(&options);
        let figures = book.figures().expect("every option is in range");
        prop_assert_eq!(figures.value.len(), options.len());

        for i in 0..options.len() {
            let (contract, market) = book.columns().row(i);
            let (got, got_greeks) = row(&figures, i);
            let expected = greeks(&contract, &market);
            let scale = market.spot.max(contract.strike) * contract.years.max(1.0) * 20.0;
            let close = |got: f64, expected: f64, scale: f64| {
                (got - expected).abs() <= 1e-12 * scale + 1e-11 * expected.abs()
            };
            prop_assert!(close(got, value(&contract, &market), scale));
            prop_assert!(close(got_greeks.delta, expected.delta, 20.0));
            prop_assert!(close(got_greeks.gamma, expected.gamma, 20.0 / market.spot));
            prop_assert!(close(got_greeks.theta, expected.theta, scale));
            prop_assert!(close(got_greeks.vega, expected.vega, scale));
            prop_assert!(close(got_greeks.rho, expected.rho, scale));
        }
    }

    #[test]
    fn any_numbers_at_all_give_finite_figures_or_an_error(
        numbers in prop::array::uniform6(prop::num::f64::ANY), is_call: bool,
    ) {
        let kind = if is_call { Kind::Call } else { Kind::Put };
        if let Ok(figures) = Book::of(&[(kind, numbers)]).figures() {
            let (value, Greeks { delta, gamma, theta, vega, rho }) = row(&figures, 0);
            prop_assert!([value, delta, gamma, theta, vega, rho].iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn an_option_is_worth_the_same_in_any_company() {
    let alone = Book::of(&[(Kind::Put, ORDINARY)]).figures().expect("in range");
    let mut options = vec![(Kind::Call, [80.0, 2.0, 300.0, -0.02, 0.0, 0.9]); 100];
    options[77] = (Kind::Put, ORDINARY);
    let together = Book::of(&options).figures().expect("in range");
    assert_eq!(row(&alone, 0), row(&together, 77));
}

#[test]
fn without_rates_a_certain_exercise_is_worth_the_whole_difference() {
    let deep = [50.0, 0.5, 4_000.0, 0.0, 0.0, 0.2];
    let figures = Book::of(&[(Kind::Call, deep)]).figures().expect("in range");
    let (value, Greeks { delta, .. }) = row(&figures, 0);
    assert_eq!((value.to_bits(), delta.to_bits()), (3_950.0_f64.to_bits(), 1.0_f64.to_bits()));
}

#[test]
fn memory_from_a_longer_book_is_cut_to_the_shorter() {
    let mut figures = Book::of(&[(Kind::Call, ORDINARY); 70]).figures().expect("in range");
    let none = Book::default();
    figures.evaluate(&none.columns()).expect("no options are in range");
    assert_eq!(figures, Figures::default());
}

#[test]
fn a_column_of_another_length_is_refused() {
    let mut book = Book::of(&[(Kind::Call, ORDINARY); 3]);
    book.numbers[4].pop();
    assert_eq!(book.figures(), Err(Error::Mismatch { expected: 3, got: 2 }));
}

#[test]
fn a_row_out_of_range_names_its_column() {
    let names = ["strike", "years", "spot", "rate", "dividend yield", "volatility"];
    for (i, name) in names.into_iter().enumerate() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300] {
            let mut numbers = ORDINARY;
            numbers[i] = bad;
            let book = Book::of(&[(Kind::Call, ORDINARY), (Kind::Call, numbers)]);
            assert_eq!(book.figures(), Err(Error::OutOfRange(name)));
        }
    }
}
