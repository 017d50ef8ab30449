//! The nightly chain as data: what each step waits for, of the same date.

use crate::domain::job::JobKind;

/// Every step with those it needs, in an order in which they can run.
pub const STEPS: &[(JobKind, &[JobKind])] = &[
    (JobKind::MarketData, &[]),
    (JobKind::Greeks, &[JobKind::MarketData]),
    (JobKind::Factors, &[JobKind::MarketData, JobKind::Greeks]),
    (JobKind::MarketRisk, &[JobKind::Factors]),
    (JobKind::Snapshots, &[JobKind::MarketData, JobKind::Greeks, JobKind::Factors]),
    (JobKind::Stress, &[JobKind::Factors]),
    (JobKind::Alerts, &[JobKind::Snapshots, JobKind::Stress]),
    (JobKind::Correlations, &[JobKind::MarketData]),
    (JobKind::Accuracy, &[JobKind::MarketData]),
];

/// What has to be done for a date before a step of that date.
pub fn needs(kind: JobKind) -> &'static [JobKind] {
    STEPS.iter().find(|(step, _)| *step == kind).map_or(&[], |(_, needs)| needs)
}

/// What waits for a step.
pub fn waiting_for(kind: JobKind) -> Vec<JobKind> {
    STEPS.iter().filter(|(_, needs)| needs.contains(&kind)).map(|(step, _)| *step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_comes_after_what_it_needs() {
        for (place, (step, needs)) in STEPS.iter().enumerate() {
            for need in *needs {
                assert!(STEPS[..place].iter().any(|(kind, _)| kind == need), "{step:?}");
            }
        }
    }
}
