//! A report for whoever works on the machine itself: written at once, and not kept.

use super::make::{document, off_the_threads};
use super::{AskedReport, Request, report_request};
use crate::domain::export::Download;
use crate::domain::id::{PortfolioId, UserId};
use crate::domain::portfolio::Portfolio;
use crate::error::{Code, Error, Refusal};
use crate::render::text::file_stem;
use crate::services::meter::Meter;
use crate::services::{Services, jobs, report};
use crate::store;

/// A portfolio as somebody names it, whosever it is.
pub enum Named {
    Id(PortfolioId),
    /// Whatever the case.
    Name(String),
}

/// Makes a report on any portfolio. `meter` tells how far it is, and stops it.
///
/// # Errors
/// `NotFound` for a portfolio that is not there, `Conflict` for a name that several people use,
/// `Validation` for what breaks a rule.
pub async fn report(
    services: &Services,
    of: Named,
    asked: AskedReport,
    meter: &Meter,
) -> Result<Download, Error> {
    let (owner, portfolio) = find(services, &of).await?;
    let Request::Report { moment, title, sections } = report_request(services, &asked)? else {
        return Err(Error::Internal("a report is asked for as something else".into()));
    };
    let format = asked.format;
    let (id, as_of) = (portfolio.id, moment.as_of);
    let asked = report::Asked { owner, portfolio: id, moment, title, sections };
    let made = report::make(services, asked, meter).await?;
    let content = off_the_threads(move || document(&made, format)).await?;
    meter.all_done();
    let stem = file_stem(&portfolio.name);
    let file_name = format!("{stem}-report-{as_of}.{}", format.extension());
    Ok(Download { file_name, format, content })
}

async fn find(services: &Services, of: &Named) -> Result<(UserId, Portfolio), Error> {
    let mut books = jobs::all_books(services).await?;
    if let Named::Id(id) = of {
        books.retain(|(_, own)| own == id);
    }
    let mut owners: Vec<_> = books.into_iter().map(|(owner, _)| owner).collect();
    owners.dedup();
    let mut found = Vec::new();
    for owner in owners {
        let mut tx = services.db.begin_as(owner).await?;
        let rows = match of {
            Named::Id(id) => store::portfolios::owned(tx.statement(), owner, &[*id]).await?,
            Named::Name(name) => {
                store::portfolios::named(tx.statement(), owner, std::slice::from_ref(name)).await?
            }
        };
        found.extend(rows.into_iter().map(|one| (owner, one)));
    }
    if found.len() > 1 {
        return Err(Refusal::new(Code::Conflict, "Several people have a portfolio of that name.")
            .hint("Give its id, as the API has it.")
            .into());
    }
    Ok(found.pop().ok_or_else(|| Refusal::not_found("portfolio"))?)
}
