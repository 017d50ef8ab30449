//! The one source of "now". Everything else is told the time.

use chrono::{DateTime, Utc};

/// The system's time, or one that stands still for tests and reproducible demos.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    fixed: Option<DateTime<Utc>>,
}

impl Clock {
    pub fn fixed_at(instant: DateTime<Utc>) -> Self {
        Self { fixed: Some(instant) }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(self) -> DateTime<Utc> {
        self.fixed.unwrap_or_else(Utc::now)
    }
}
