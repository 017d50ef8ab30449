//! What processes tell each other when a transaction is committed. Nobody who is not listening
//! hears of it.

use sqlx::PgExecutor;

/// Where changes of jobs are told, by their table itself; the text is the job's id.
pub const JOBS: &str = "jobs";
/// Where changes of books are told.
pub const BOOKS: &str = "books";

/// Tells of changes of books; the same text twice in a transaction is told once.
pub async fn tell(db: impl PgExecutor<'_>, texts: &[String]) -> sqlx::Result<()> {
    sqlx::query!("select pg_notify($1, text) from unnest($2::text[]) text", BOOKS, texts)
        .fetch_all(db)
        .await?;
    Ok(())
}
