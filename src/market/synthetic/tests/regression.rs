//! Regressions find the betas again, within what chance allows them.

use sigmasight_analytics::factor::{Method, Model};

use super::*;
use crate::market::provider::Tenor;

/// Twenty years: a beta of 0.2 to a style is then many standard errors from none.
const FROM: NaiveDate = date(2005, 1, 3);
const TO: NaiveDate = date(2024, 12, 31);
/// Where the changes of the ten-year yield are among the factors.
const RATE: usize = 7;

const STYLE_FUNDS: [(Style, &str); 6] = [
    (Style::Value, "VTV"),
    (Style::Growth, "VUG"),
    (Style::Momentum, "MTUM"),
    (Style::Quality, "QUAL"),
    (Style::Size, "SIZE"),
    (Style::LowVolatility, "USMV"),
];

/// Errors of 170 estimates in a row are within four standard errors ninety-nine times in a
/// hundred; a fifth more, because rough days make the usual standard error too small.
const STANDARD_ERRORS: f64 = 4.0 * 1.2;

fn sector_fund(sector: Sector) -> &'static str {
    known::SECTOR_FUNDS.iter().find(|row| row.2 == sector).expect("a fund").0
}

/// Changes of the ten-year yield from the second session on.
fn rate_changes(from: NaiveDate, to: NaiveDate) -> Vec<f64> {
    let yields = yields(Tenor::TenYears, &Calendar::default(), from, to);
    yields.windows(2).map(|pair| float(pair[1].rate - pair[0].rate)).collect()
}

fn known(returns: Vec<f64>) -> Vec<Option<f64>> {
    returns.into_iter().map(Some).collect()
}

/// What rounding adds to the annualized volatility of returns; a fund of two dollars feels it.
fn volatility_of_cents(symbol: &str) -> f64 {
    let closes = closes(&bars(symbol, &Calendar::default(), FROM, TO));
    let variances = closes.iter().map(|close| {
        let unit = if *close < 1.0 { 0.0001 } else { 0.01 };
        // Even over a unit, at both ends of the return.
        2.0 * (unit / close) * (unit / close) / 12.0
    });
    (mean(&variances.collect::<Vec<_>>()) * SESSIONS_PER_YEAR).sqrt()
}

/// The factors themselves: the market, each style's fund less its market part, the changes of
/// the ten-year yield, and the sector's fund less what market and rates do to it.
fn factors(sector: Option<Sector>) -> Vec<Vec<Option<f64>>> {
    let (market, rates) = (total_returns("SPY", FROM, TO), rate_changes(FROM, TO));
    let net = |fund: &str| {
        let truth = betas(fund).expect("a fund");
        let common = market.iter().zip(&rates).map(|(m, r)| truth.market * m + truth.rate * r);
        let returns = total_returns(fund, FROM, TO);
        known(returns.iter().zip(common).map(|(fund, common)| fund - common).collect())
    };
    let mut factors = vec![known(market.clone())];
    factors.extend(STYLE_FUNDS.map(|(_, fund)| net(fund)));
    factors.push(known(rates.clone()));
    factors.extend(sector.map(|sector| net(sector_fund(sector))));
    factors
}

#[test]
fn a_regression_finds_the_betas_to_market_styles_rates_and_sector() {
    let stocks = ["AAPL", "NVDA", "JNJ", "JPM", "XOM", "BRK.B", "AMT", "KO", "GME", "QWERTY"];
    let others = ["QQQ", "IWM", "TLT", "GLD", "EWG", "HYG", "FCNTX", "RUT", "XYZWX", "^N225"];
    let mut of_stocks = Vec::new();
    for symbol in stocks.into_iter().chain(others) {
        let truth = betas(symbol).expect("something that grows");
        let factors = factors(truth.sector.map(|(sector, _)| sector));
        let model = Model::new(Method::Ols, &factors).expect("a model");
        let found = model.betas(&known(total_returns(symbol, FROM, TO))).expect("betas");

        let mut expected = vec![truth.market];
        expected.extend(STYLE_FUNDS.map(|(style, _)| truth.style(style)));
        expected.push(truth.rate);
        expected.extend(truth.sector.map(|(_, beta)| beta));
        assert_eq!(found.betas.len(), expected.len());
        for (number, (found, expected)) in found.betas.iter().zip(&expected).enumerate() {
            let estimate = found.estimate;
            let error = estimate.standard_error.expect("a standard error");
            let distance = estimate.value - expected;
            // Where the errors are next to none, there are still those of whole cents and of
            // hundredths of a percent.
            let rounding = if number == RATE { 0.1 } else { 0.01 };
            assert!(
                distance.abs() < STANDARD_ERRORS * error + rounding,
                "{symbol}, factor {number}: {} ± {error} for {expected}",
                estimate.value
            );
            if stocks.contains(&symbol) {
                of_stocks.push(distance / error);
            }
        }
        let residual = found.residual_std.expect("all at once") * SESSIONS_PER_YEAR.sqrt();
        // Turbulence lasts, so that twenty years leave a deviation of 7 % to chance.
        let made_with = truth.specific_volatility.hypot(volatility_of_cents(symbol));
        let ratio = residual / made_with;
        assert!((0.8..1.2).contains(&ratio), "{symbol}: {residual}");
    }
    // And the errors are as large as they are said to be: 90 of them, whose root mean square has
    // a standard error of a thirteenth.
    let squares: Vec<_> = of_stocks.iter().map(|error| error * error).collect();
    let typical = mean(&squares).sqrt();
    assert!((0.75..1.25).contains(&typical), "{typical}");
}

/// Seven funds and one year of closes as traded, as the factor model takes them: the sector and
/// the dividends are among what is left unexplained.
#[test]
fn a_year_of_closes_gives_the_seven_betas() {
    let (from, to) = (date(2023, 6, 1), date(2024, 6, 4));
    let returns = |symbol: &str| {
        let bars = bars(symbol, &Calendar::default(), from, to);
        known(closes(&bars).windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect())
    };
    let mut factors = vec![returns("SPY")];
    factors.extend(STYLE_FUNDS.map(|(_, fund)| returns(fund)));
    for method in [Method::Orthogonal, Method::Ols] {
        let model = Model::new(method, &factors).expect("a model");
        for symbol in ["AAPL", "MSFT", "JPM", "PG", "QQQ", "QWERTY"] {
            let truth = betas(symbol).expect("a stock");
            let found = model.betas(&returns(symbol)).expect("betas");
            // All at once, each fund takes its own market beta with it.
            let funds = STYLE_FUNDS.map(|(style, fund)| truth.style(style) * market_beta(fund));
            let market = match method {
                Method::Ols => truth.market - funds.iter().sum::<f64>(),
                _ => truth.market,
            };
            let mut expected = vec![market];
            expected.extend(STYLE_FUNDS.map(|(style, _)| truth.style(style)));
            for (found, expected) in found.betas.iter().zip(expected) {
                let estimate = found.estimate;
                let error = estimate.standard_error.expect("a standard error");
                let distance = (estimate.value - expected).abs();
                assert!(
                    distance < STANDARD_ERRORS * error + 0.02,
                    "{symbol} {method:?}: {} ± {error} for {expected}",
                    estimate.value
                );
            }
        }
    }
}

/// Of the real ones, pairs correlate up to 0.95 and more, and variances inflate up to 39 times.
#[test]
fn the_funds_of_the_model_are_as_alike_as_the_real_ones() {
    let mut factors = vec![known(total_returns("SPY", FROM, TO))];
    factors.extend(STYLE_FUNDS.map(|(_, fund)| known(total_returns(fund, FROM, TO))));
    let diagnostics = Model::new(Method::Ols, &factors).expect("a model").diagnostics().clone();
    let inflation = diagnostics.variance_inflation.expect("seven");
    let most = inflation.into_iter().fold(0.0, f64::max);
    assert!((10.0..200.0).contains(&most), "{most}");
}

#[test]
fn every_symbol_says_what_it_is_made_with() {
    assert_eq!(betas("VIX"), None);
    assert!(market_beta("VIX").abs() < f64::EPSILON);
    assert_eq!(betas("^SPX"), betas("SPX"));
    for symbol in ["ABCD", "ZQ", "QWERTY"] {
        let betas = betas(symbol).expect("something that grows");
        assert!((0.5..1.6).contains(&betas.market) && betas.sector.is_some(), "{symbol}");
    }
    let sectors: Vec<_> = ["AB", "BC", "CD", "DE", "EF", "FG", "GH", "HI", "IJ", "JK", "KL", "LM"]
        .iter()
        .filter_map(|symbol| betas(symbol)?.sector)
        .map(|(sector, _)| sector.name())
        .collect();
    let distinct: std::collections::BTreeSet<_> = sectors.iter().collect();
    assert!(distinct.len() > 4, "{distinct:?}");
    assert_eq!((kind("ABCDX"), kind("^N225")), (Kind::MutualFund, Kind::Index));
}
