use approx::assert_relative_eq;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::tests::{DAILY, WITH_GAPS, Worst, cases, count, names, number};

/// Of correlations, absolute.
const CORRELATION: (f64, f64) = (0.0, 1e-10);
const COVARIANCE: (f64, f64) = (1e-9, 1e-15);
const RELATIVE: (f64, f64) = (1e-8, 1e-15);

fn window(case: &Value) -> (usize, &str) {
    let window = count(&case["window"]);
    (window, case["end_date"].as_str().expect("a session"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(number).collect()
}

#[test]
fn correlations_clusters_and_effective_positions_are_those_of_the_reference() {
    let mut worst = Worst::default();
    for case in &cases(include_str!("../../tests/fixtures/correlation_stocks.json")) {
        let (length, end) = window(case);
        let symbols = names(&case["symbols"]);
        let series: Vec<Vec<f64>> =
            symbols.iter().map(|symbol| DAILY.dense(symbol, end, length, "log")).collect();
        let correlations = Correlations::pearson(&series).expect("correlations");
        let expect = &case["expect"];
        for (i, row) in expect["matrix"].as_array().expect("rows").iter().enumerate() {
            for (j, expected) in numbers(row).into_iter().enumerate() {
                let got = correlations.at(i, j).expect("a correlation");
                worst.check(("correlation", case), got, expected, CORRELATION);
            }
        }
        let average = correlations.average().expect("an average");
        worst.check(("average", case), average, number(&expect["average_pairwise"]), RELATIVE);
        for (key, got) in [
            ("n_eff_eigen", correlations.effective_dimensions()),
            ("n_eff_entropy", correlations.effective_rank()),
        ] {
            worst.check((key, case), got.expect(key), number(&expect[key]), RELATIVE);
        }

        // The reference lists members and equally large clusters by name.
        let mut clusters: Vec<Vec<&str>> = correlations
            .clusters(0.7)
            .iter()
            .map(|cluster| cluster.iter().map(|place| symbols[*place]).collect())
            .collect();
        for cluster in &mut clusters {
            cluster.sort_unstable();
        }
        clusters.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        let expected: Vec<Vec<&str>> =
            expect["clusters"].as_array().expect("clusters").iter().map(names).collect();
        assert_eq!(clusters, expected);

        for book in expect["portfolios"].as_object().expect("portfolios").values() {
            let exposures = numbers(&book["values"]);
            for (key, got) in [
                ("hhi", herfindahl(&exposures)),
                ("n_eff_inverse_hhi", effective_positions_by_weight(&exposures)),
                ("n_eff_corr_abs", correlations.effective_positions(&exposures)),
                ("n_eff_corr_signed", correlations.effective_positions_hedged(&exposures)),
                ("n_eff_average_corr", correlations.effective_positions_by_average()),
            ] {
                worst.check((key, case), got.expect(key), number(&book[key]), RELATIVE);
            }
        }
    }
    worst.print("correlation_stocks");
}

#[test]
fn pairs_with_gaps_are_those_of_the_reference() {
    let mut worst = Worst::default();
    for case in &cases(include_str!("../../tests/fixtures/correlation_pairwise_missing.json")) {
        let (length, end) = window(case);
        let min_overlap = count(&case["min_overlap"]);
        let series: Vec<Vec<Option<f64>>> = names(&case["symbols"])
            .iter()
            .map(|symbol| WITH_GAPS.window(symbol, end, length, "log"))
            .collect();
        let correlations = Correlations::pairwise(&series, min_overlap).expect("correlations");
        for i in 0..series.len() {
            for j in 0..series.len() {
                let shared = count(&case["expect"]["overlap"][i][j]);
                assert_eq!(correlations.overlap(i, j), shared);
                let expected = case["expect"]["matrix"][i][j].as_f64();
                let got = correlations.at(i, j);
                assert_eq!(got.is_some(), expected.is_some(), "{i} {j} of {case}");
                if let (Some(got), Some(expected)) = (got, expected) {
                    worst.check(("correlation", case), got, expected, CORRELATION);
                }
            }
        }
        let kept = correlations.well_defined();
        assert!(correlations.subset(&kept).is_complete());
    }
    worst.print("correlation_pairwise_missing");
}

#[test]
fn covariances_that_forget_are_those_of_the_reference() {
    let mut worst = Worst::default();
    for case in &cases(include_str!("../../tests/fixtures/correlation_ewma_factors.json")) {
        let (length, end) = window(case);
        let mut series: Vec<Vec<f64>> = names(&case["symbols"])
            .iter()
            .map(|symbol| DAILY.dense(symbol, end, length, "log"))
            .collect();
        if case["factors"] == "spread" {
            let (market, funds) = series.split_first_mut().expect("six factors");
            for fund in funds {
                fund.iter_mut().zip(&*market).for_each(|(fund, market)| *fund -= market);
            }
        }
        let decay = number(&case["lambda"]);
        let covariance = Covariance::ewma(&series, decay).expect("covariances");
        let correlations = covariance.correlations();
        let expect = &case["expect"];
        for i in 0..series.len() {
            for j in 0..series.len() {
                let got = covariance.at(i, j).expect("inside");
                let expected = number(&expect["covariance_daily"][i][j]);
                worst.check(("covariance", case), got, expected, COVARIANCE);
                let got = correlations.at(i, j).expect("a correlation");
                let expected = number(&expect["correlation"][i][j]);
                worst.check(("correlation", case), got, expected, (1e-9, 1e-12));
            }
            let got = covariance.volatility(i).expect("inside");
            worst.check(("volatility", case), got, number(&expect["vol_annual"][i]), COVARIANCE);
        }
        let newest = ewma_weights(length, decay).expect("weights")[length - 1];
        worst.check(("weight", case), newest, number(&expect["weight_most_recent"]), COVARIANCE);
        let effective = number(&expect["effective_observations"]);
        worst.check(("sample", case), covariance.effective_observations(), effective, COVARIANCE);
    }
    worst.print("correlation_ewma_factors");
}

#[test]
fn the_nearest_matrix_is_that_of_higham() {
    // The tridiagonal example of section 4 of the paper, to the digits printed there.
    let given = matrix(3, &[1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    let nearest = given.nearest().expect("a matrix");
    assert!(nearest.is_repaired);
    assert!((nearest.correlations.at(0, 1).expect("complete") - 0.7607).abs() < 5e-5);
    assert!((nearest.correlations.at(0, 2).expect("complete") - 0.1573).abs() < 5e-5);
    assert!((nearest.distance - 0.5278).abs() < 5e-5, "{}", nearest.distance);
}

#[test]
fn a_matrix_that_holds_together_is_left_as_it_is() {
    let series = ["AAPL", "XOM", "KO"].map(|symbol| DAILY.dense(symbol, "2019-12-31", 90, "log"));
    let given = Correlations::pearson(&series).expect("correlations");
    let nearest = given.nearest().expect("a matrix");
    assert!(!nearest.is_repaired);
    assert_eq!(nearest.correlations.as_slice(), given.as_slice());
}

fn matrix(size: usize, values: &[f64]) -> Correlations {
    let products = DMatrix::from_row_slice(size, size, values);
    Correlations::from_products(products, Overlaps::Complete(20))
}

#[test]
fn known_defect_21_sessions_of_one_series_are_never_paired_with_others_of_another() {
    let x = [Some(0.01), None, Some(0.03), Some(-0.02), Some(0.02)];
    let y = [Some(0.02), Some(-0.9), Some(0.06), None, Some(0.04)];
    // Each without its gaps has four returns, of which three are of the same sessions.
    let correlations = Correlations::pairwise(&[x, y], 3).expect("correlations");
    assert_eq!(correlations.overlap(0, 1), 3);
    assert_relative_eq!(correlations.at(0, 1).expect("enough"), 1.0, max_relative = 1e-12);
    assert_eq!(Correlations::pairwise(&[x, y], 4).expect("correlations").at(0, 1), None);
}

#[test]
fn a_variation_that_falls_into_the_gaps_of_the_other_does_not_blur_a_pair() {
    // Nearly all of the first series' variation is a crash that the second one has not seen.
    let series = |size: f64| {
        let shared = [1.0, -2.0, 3.0, 1.0, -1.0, 2.0].map(|x| x * size);
        let x: Vec<_> = shared.iter().copied().chain([5.0, -5.0]).map(Some).collect();
        let y: Vec<_> = shared.iter().map(|x| Some(-x)).chain([None, None]).collect();
        let flat: Vec<_> = shared.iter().map(|_| Some(0.1)).chain([Some(3.0), None]).collect();
        [x, y, flat]
    };
    for size in [1e-9, 1e-8, 2e-8, 5e-8, 1e-7, 3e-7, 1e-6, 3e-6] {
        let [x, y, flat] = series(size);
        for either_way in [[&x, &y], [&y, &x]] {
            let correlations = Correlations::pairwise(&either_way, 2).expect("correlations");
            let correlation = correlations.at(0, 1).expect("enough");
            assert_relative_eq!(correlation, -1.0, max_relative = 1e-12);
        }
        let correlations = Correlations::pairwise(&[x, y, flat], 2).expect("correlations");
        assert_eq!(correlations.at(1, 2), None, "flat wherever the other is");
        assert!(correlations.at(0, 2).is_some());
    }
}

#[test]
fn a_chain_of_links_makes_one_cluster() {
    let correlations = matrix(
        4,
        &[1.0, 0.0, 0.1, 0.8, 0.0, 1.0, -0.9, 0.2, 0.1, -0.9, 1.0, 0.7, 0.8, 0.2, 0.7, 1.0],
    );
    assert_eq!(correlations.clusters(0.7), [vec![0, 1, 2, 3]]);
    assert_eq!(correlations.clusters(0.75), [vec![0, 3], vec![1, 2]]);
    assert_eq!(correlations.clusters(0.85), [vec![1, 2], vec![0], vec![3]]);
}

#[test]
fn concentration_is_the_weight_inside_clusters() {
    let clusters = [vec![0, 2], vec![1]];
    let score = concentration_score(&clusters, &[100.0, -300.0, -100.0]);
    assert_relative_eq!(score.expect("exposure"), 0.4);
    assert_eq!(concentration_score(&clusters, &[0.0; 3]), None);
    assert_eq!(concentration_score(&clusters, &[f64::NAN; 3]), None);
    assert_eq!(concentration_score(&[vec![7, 8]], &[1.0]), Some(0.0));
}

#[test]
fn a_perfect_hedge_amounts_to_no_number_of_positions() {
    let twins = matrix(2, &[1.0; 4]);
    assert_relative_eq!(twins.effective_positions(&[5.0, -5.0]).expect("long"), 1.0);
    assert_eq!(twins.effective_positions_hedged(&[5.0, -5.0]), None);
    assert_eq!(twins.effective_positions(&[5.0]), None);
}

#[test]
fn series_that_lack_the_most_pairs_are_left_out_first() {
    let halves = |range: std::ops::Range<usize>| -> Vec<Option<f64>> {
        (0..60).map(|t| range.contains(&t).then(|| real((t * t) % 7))).collect()
    };
    let series = [halves(0..30), halves(0..60), halves(30..60), halves(10..60), vec![None; 60]];
    let correlations = Correlations::pairwise(&series, 15).expect("correlations");
    // The first and the third never meet; the last has nothing.
    assert_eq!(correlations.well_defined(), [0, 1, 3]);
    assert!(!correlations.is_complete());
    assert!(correlations.average().is_some());
    assert_eq!(correlations.effective_rank(), None);
    assert_eq!(correlations.nearest().err(), Some(Error::OutOfRange("correlation")));
}

#[test]
fn inputs_that_make_no_sense_are_errors() {
    let none: [Vec<f64>; 0] = [];
    assert_eq!(Correlations::pearson(&none).err(), Some(Error::Empty));
    let short = Error::TooShort { needed: 2, got: 1 };
    assert_eq!(Correlations::pearson(&[[1.0]]).err(), Some(short));
    let uneven = [vec![1.0, 2.0], vec![1.0]];
    assert_eq!(Correlations::pearson(&uneven).err(), Some(Error::Mismatch { expected: 2, got: 1 }));
    for bad in [f64::NAN, f64::INFINITY, 1e308] {
        assert_eq!(Correlations::pearson(&[[1.0, bad, -bad]]).err(), Some(Error::NotFinite));
        let gapped = [[Some(1.0), Some(bad), Some(-bad), None]];
        assert_eq!(Correlations::pairwise(&gapped, 2).err(), Some(Error::NotFinite));
        assert_eq!(Covariance::ewma(&[[1.0, bad, -bad]], 0.9).err(), Some(Error::NotFinite));
    }
    for decay in [0.0, -1.0, 1.1, f64::NAN] {
        assert_eq!(ewma_weights(3, decay), Err(Error::OutOfRange("decay")));
    }
    assert_eq!(ewma_weights(0, 0.9), Err(Error::Empty));
    assert_eq!(matrix(0, &[]).nearest().err(), Some(Error::Empty));
    assert_eq!(matrix(0, &[]).effective_rank(), None);
    assert_eq!(matrix(0, &[]).clusters(0.5), Vec::<Vec<usize>>::new());
    assert_eq!(matrix(1, &[1.0]).at(0, 1), None);
}

#[test]
fn a_flat_series_has_no_correlation_not_even_with_itself() {
    let correlations =
        Correlations::pearson(&[[0.1; 4], [1.0, 2.0, 4.0, 3.0]]).expect("correlations");
    assert_eq!((correlations.at(0, 0), correlations.at(0, 1)), (None, None));
    assert_eq!(correlations.at(1, 1), Some(1.0));
}

/// Straight from the definition.
fn plain(x: &[Option<f64>], y: &[Option<f64>]) -> f64 {
    let pairs: Vec<(f64, f64)> = x.iter().zip(y).filter_map(|(x, y)| x.zip(*y)).collect();
    let n = real(pairs.len());
    let mean_x = pairs.iter().map(|pair| pair.0).sum::<f64>() / n;
    let mean_y = pairs.iter().map(|pair| pair.1).sum::<f64>() / n;
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        pairs.iter().map(|pair| of(pair.0 - mean_x, pair.1 - mean_y)).sum()
    };
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

fn gapped() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
    let entry = prop::option::weighted(0.8, -0.1..0.1_f64);
    prop::collection::vec(prop::collection::vec(entry, 30), 2..7)
}

proptest! {
    #[test]
    fn pairs_are_those_of_the_definition(series in gapped()) {
        let correlations = Correlations::pairwise(&series, 3).expect("correlations");
        for i in 0..series.len() {
            for j in 0..i {
                if let Some(got) = correlations.at(i, j) {
                    let expected = plain(&series[i], &series[j]);
                    prop_assert!((got - expected).abs() < 1e-12, "{got} {expected}");
                }
            }
        }
    }

    #[test]
    fn series_without_gaps_have_the_same_correlations_either_way(
        series in prop::collection::vec(prop::collection::vec(-0.1..0.1_f64, 25), 1..8),
    ) {
        let open: Vec<Vec<Option<f64>>> =
            series.iter().map(|series| series.iter().copied().map(Some).collect()).collect();
        let complete = Correlations::pearson(&series).expect("correlations");
        let pairwise = Correlations::pairwise(&open, 20).expect("correlations");
        for (a, b) in complete.values.iter().zip(&pairwise.values) {
            prop_assert!((a - b).abs() < 1e-13);
        }
    }

    #[test]
    fn scale_and_level_of_a_series_do_not_matter(
        x in prop::collection::vec(-0.1..0.1_f64, 25),
        y in prop::collection::vec(-0.1..0.1_f64, 25),
        scale in 0.1..10.0_f64,
        level in -1.0..1.0_f64,
    ) {
        let moved: Vec<f64> = x.iter().map(|x| level - scale * x).collect();
        let before = Correlations::pearson(&[&x, &y]).expect("correlations");
        let after = Correlations::pearson(&[&moved, &y]).expect("correlations");
        let (before, after) = (before.at(0, 1).expect("varies"), after.at(0, 1).expect("varies"));
        prop_assert!((before + after).abs() < 1e-11);
    }

    #[test]
    fn what_comes_from_the_repair_holds_together(
        upper in prop::collection::vec(-1.0..1.0_f64, 15),
    ) {
        let mut given = matrix(6, DMatrix::<f64>::identity(6, 6).as_slice());
        let pairs = (0..6).flat_map(|row| (0..row).map(move |column| (row, column)));
        for ((row, column), value) in pairs.zip(&upper) {
            given.set(row, column, *value);
        }
        let nearest = given.nearest().expect("a matrix");
        let repaired = nearest.correlations.as_slice().expect("complete").to_vec();
        let (eigenvalues, _) =
            crate::linear::eigen(DMatrix::from_row_slice(6, 6, &repaired)).expect("eigenvalues");
        prop_assert!(eigenvalues.min() > -1e-13, "{}", eigenvalues.min());
        prop_assert!(nearest.is_repaired == (nearest.distance > 0.0));
        // The set is convex, so from the nearest point all of it lies away from the given one.
        let given = given.as_slice().expect("complete").to_vec();
        for other in [DMatrix::identity(6, 6), DMatrix::from_element(6, 6, 1.0)] {
            let way_back = given.iter().zip(&repaired).map(|(given, nearest)| given - nearest);
            let way_on = other.iter().zip(&repaired).map(|(other, nearest)| other - nearest);
            let product: f64 = way_back.zip(way_on).map(|(a, b)| a * b).sum();
            prop_assert!(product < 1e-6, "{product}");
        }
    }

    #[test]
    fn no_input_makes_it_panic_or_answer_with_nan(
        series in prop::collection::vec(
            prop::collection::vec(prop::option::of(any::<f64>()), 0..6), 0..5),
        decay in any::<f64>(),
        threshold in any::<f64>(),
    ) {
        let dense: Vec<Vec<f64>> = series
            .iter()
            .map(|series| series.iter().copied().flatten().collect())
            .collect();
        let all = [
            Correlations::pairwise(&series, 2),
            Correlations::pearson(&dense),
            Covariance::ewma(&dense, decay).map(|covariance| covariance.correlations()),
        ];
        for correlations in all.into_iter().flatten() {
            let exposures = vec![1.0; correlations.size()];
            for i in 0..correlations.size() {
                for j in 0..correlations.size() {
                    let value = correlations.at(i, j);
                    prop_assert!(value.is_none_or(|r| (-1.0..=1.0).contains(&r)));
                }
            }
            for figure in [
                correlations.average(),
                correlations.effective_positions(&exposures),
                correlations.effective_dimensions(),
                correlations.effective_rank(),
            ] {
                prop_assert!(figure.is_none_or(f64::is_finite));
            }
            let members: usize = correlations.clusters(threshold).iter().map(Vec::len).sum();
            prop_assert_eq!(members, correlations.size());
            let kept = correlations.well_defined();
            prop_assert!(correlations.subset(&kept).is_complete());
        }
    }
}
