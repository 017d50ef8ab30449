//! Loading prices.

use async_graphql::{Context, InputObject, Object, SimpleObject, Upload};

use super::csv_bytes;
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::types::upload::{UploadRowError, UploadWarning};
use crate::graphql::viewer::request;
use crate::market::import;
use crate::services::prices;

/// A CSV of daily prices: `symbol,date,close` and optionally `open`, `high`, `low`,
/// `adjusted_close` and `volume`. Where `adjusted_close` is given, its ratio to `close` is kept as
/// the adjustment of that day; where it jumps by a whole number, the shares were split. Exactly one
/// of `file` and `csv`.
#[derive(InputObject)]
struct ImportPricesInput {
    /// The file, as multipart/form-data; at most 64 MiB and 1,000,000 rows.
    file: Option<Upload>,
    /// Its text, for small files.
    csv: Option<String>,
    /// Where the file comes from, in words; kept in the audit log.
    #[graphql(validator(max_length = 200))]
    source: Option<String>,
}

/// What became of a file of prices.
#[derive(Default, SimpleObject)]
struct ImportPricesPayload {
    /// Bars that were new or corrected. A bar that is there already, alike, is not counted.
    imported_bars: u64,
    /// The symbols of the good rows, by name.
    symbols: Vec<String>,
    /// Rows refused. 0 when the whole file is refused: see `rows`.
    rejected_count: usize,
    /// What is wrong with the file or its rows, by row; the first 1,000 findings.
    rows: Vec<UploadRowError>,
    /// What is worth knowing about what was accepted.
    warnings: Vec<UploadWarning>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

#[derive(Default)]
pub struct Prices;

#[Object]
impl Prices {
    /// Loads daily prices, for everybody. Requires the ADMIN role. Bars that are there are
    /// corrected, and their earlier versions kept; simulated bars of the same symbols make room.
    #[graphql(complexity = "100 + child_complexity")]
    async fn import_prices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file.")] input: ImportPricesInput,
    ) -> Result<ImportPricesPayload> {
        let request = request(ctx);
        let actor = request.user().await?;
        prices::authorize(&actor)?;
        request.moment.close().await;
        let outcome = async {
            let bytes = csv_bytes(ctx, input.file, input.csv, import::MAX_BYTES).await?;
            prices::import(&request.services, &actor, bytes, input.source.as_deref()).await
        };
        let (imported, user_errors) = settle(outcome.await)?;
        request.has_written().await;
        let Some(imported) = imported else {
            return Ok(ImportPricesPayload { user_errors, ..ImportPricesPayload::default() });
        };
        Ok(ImportPricesPayload {
            imported_bars: imported.bars,
            symbols: imported.symbols,
            rejected_count: imported.rejected,
            rows: imported.errors.into_iter().map(Into::into).collect(),
            warnings: imported.warnings.into_iter().map(Into::into).collect(),
            user_errors,
        })
    }
}
