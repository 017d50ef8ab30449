//! The command line: a subcommand a function.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chrono::{Days, NaiveDate};
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use sigmasight::app::{App, AppError};
use sigmasight::config::{Config, LogFormat, Settings};
use sigmasight::domain::export::{self, DEFAULT_TEMPLATE, ExportFormat, ExportKind, TEMPLATES};
use sigmasight::domain::id::PortfolioId;
use sigmasight::domain::instrument::Symbol;
use sigmasight::domain::job::JobKind;
use sigmasight::domain::upload::RowError;
use sigmasight::domain::user::Role;
use sigmasight::graphql::id::NodeId;
use sigmasight::jobs::foreground;
use sigmasight::services::accounts::{self, NewUser};
use sigmasight::services::exports::AskedReport;
use sigmasight::services::exports::command::{self, Named};
use sigmasight::services::jobs::{Batch, RUNNABLE};
use sigmasight::services::meter::Meter;
use sigmasight::services::prices::{self, Scope};
use sigmasight::services::{demo, rates, snapshots};
use sigmasight::{doctor, graphql};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Complaints about a file that are shown; the rest is counted.
const SHOWN_ERRORS: usize = 20;

/// Portfolio-risk analytics as one navigable GraphQL graph
#[derive(Parser)]
#[command(version)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
    /// Show the causes of an error
    #[arg(short, long, global = true)]
    verbose: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the database, the demo, the API and `GraphiQL`; what happens without a subcommand
    Serve {
        /// Leave the jobs and their schedules to other processes
        #[arg(long)]
        no_scheduler: bool,
        /// Do the jobs and serve nothing
        #[arg(long, conflicts_with = "no_scheduler")]
        no_api: bool,
    },
    /// Work on jobs without serving; the same as `serve --no-api`
    Worker,
    /// Do a job of everybody's books now
    #[command(subcommand)]
    Batch(BatchCommand),
    /// Complete missing prices from the providers, or simulate them in development
    Backfill {
        /// Of these symbols, separated by commas, whether anybody holds them or not; else of
        /// everything held
        #[arg(long, value_delimiter = ',')]
        symbols: Option<Vec<Symbol>>,
        /// Back to so many days ago, where that is further than prices are kept anyway
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=9_000))]
        days: Option<u16>,
    },
    /// Bring the schema of the database up to date
    Migrate,
    /// Make the demo users and books, or complete them
    Seed {
        /// Forget the demo's books first
        #[arg(long)]
        reset: bool,
    },
    /// Load a CSV of daily prices: `symbol,date,close` and optionally `open`, `high`, `low`,
    /// `adjusted_close` and `volume`
    ImportPrices {
        /// The file
        file: PathBuf,
    },
    /// Write a report on a portfolio into a file
    Report {
        /// The portfolio, by its id as the API gives it, or by its name
        portfolio: String,
        /// MARKDOWN, JSON, CSV, XLSX or PDF
        #[arg(long, value_parser = format)]
        format: ExportFormat,
        /// A kind of report: full, summary, risk or holdings
        #[arg(long, value_parser = template, default_value = DEFAULT_TEMPLATE)]
        template: String,
        /// The session it is about [default: the last completed one]
        #[arg(long)]
        as_of: Option<NaiveDate>,
        /// The folder of the file; made when it is not there
        #[arg(long, default_value = ".")]
        output: PathBuf,
    },
    /// Print the schema of the graph
    Schema,
    /// Manage people
    #[command(subcommand)]
    User(UserCommand),
    /// Check configuration, database, prices, clock and calendar
    Doctor,
}

#[derive(Subcommand)]
enum BatchCommand {
    /// Do one here, whoever else works; the API shows it among the jobs
    Run {
        /// A step of the nightly chain, or DAILY for all of it in order
        #[arg(value_parser = kind)]
        kind: JobKind,
        /// The session it is about [default: the last completed one]
        #[arg(long)]
        date: Option<NaiveDate>,
        /// Of this portfolio alone, by its id as the API gives it
        #[arg(long, value_name = "ID", value_parser = portfolio)]
        portfolio: Option<PortfolioId>,
    },
}

/// A kind that can be run by hand, in any case.
fn kind(text: &str) -> Result<JobKind, String> {
    let known = RUNNABLE.iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text));
    known.copied().ok_or_else(|| format!("run one of {}", RUNNABLE.map(JobKind::as_str).join(", ")))
}

fn portfolio(text: &str) -> Result<PortfolioId, String> {
    NodeId::portfolio(text).ok_or_else(|| "it is no id of a portfolio".into())
}

/// A format that reports come in, in any case.
fn format(text: &str) -> Result<ExportFormat, String> {
    let known = ExportKind::Report.formats();
    let found = known.iter().find(|format| format.as_str().eq_ignore_ascii_case(text));
    let names: Vec<_> = known.iter().map(|format| format.as_str()).collect();
    found.copied().ok_or_else(|| format!("give one of {}", names.join(", ")))
}

fn template(text: &str) -> Result<String, String> {
    let found = export::template(text).map(|template| template.key.to_owned());
    let names: Vec<_> = TEMPLATES.iter().map(|template| template.key).collect();
    found.ok_or_else(|| format!("give one of {}", names.join(", ")))
}

#[derive(Subcommand)]
enum UserCommand {
    /// Register a person; the password comes from standard input, or is made up and printed
    Create {
        /// Their email address
        email: String,
        /// May operate the service
        #[arg(long)]
        admin: bool,
    },
}

fn main() -> ExitCode {
    // Settings of a developer's machine; those of the environment stand above them.
    dotenvy::dotenv().ok();
    let matches = Line::command().mut_args(unset_when_empty).get_matches();
    let line = Line::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let verbose = line.verbose;
    match start(line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody to read it is no reason for another exit code.
            let _ = writeln!(io::stderr(), "error: {}", complaint(&error, verbose));
            ExitCode::FAILURE
        }
    }
}

/// What went wrong and what to do about it, on one line; with its causes on lines of their own.
fn complaint(error: &AppError, verbose: bool) -> String {
    let mut text = error.to_string();
    if let Some(hint) = error.hint() {
        text = format!("{}. {hint}", text.trim_end_matches('.'));
    }
    let mut cause = std::error::Error::source(error);
    if cause.is_some() && !verbose {
        text.push_str(" (-v shows the causes)");
    }
    while let Some(because) = cause.filter(|_| verbose) {
        text.push_str("\n  because ");
        text.push_str(&because.to_string());
        cause = because.source();
    }
    text
}

/// A variable without a value is one that is not set: so `.env` files and Compose write it.
fn unset_when_empty(arg: Arg) -> Arg {
    let is_empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    if is_empty { arg.env(None::<&str>) } else { arg }
}

fn start(line: Line) -> Result<(), AppError> {
    if let Some(Command::Schema) = line.command {
        return print(graphql::sdl());
    }
    let config = line.settings.check()?;
    start_log(&config);
    let runtime = tokio::runtime::Runtime::new().map_err(AppError::Server)?;
    runtime.block_on(run(line.command, config))
}

async fn run(command: Option<Command>, config: Config) -> Result<(), AppError> {
    match command {
        None => App::open(config).await?.serve(true).await,
        Some(Command::Serve { no_api: true, .. } | Command::Worker) => {
            App::open(config).await?.work().await
        }
        Some(Command::Serve { no_scheduler, .. }) => {
            App::open(config).await?.serve(!no_scheduler).await
        }
        Some(Command::Backfill { symbols, days }) => {
            backfill(App::open(config).await?, symbols, days).await
        }
        Some(Command::Batch(BatchCommand::Run { kind, date, portfolio })) => {
            let portfolios = portfolio.map(|id| vec![id]);
            // Whoever asks by name wants it done, also when it has been.
            let batch = Batch { kind, date, portfolios, force: true };
            batch_run(App::open(config).await?, batch).await
        }
        Some(Command::Migrate) => {
            App::open(config).await?;
            print("The schema is up to date.\n")
        }
        Some(Command::Seed { reset }) => seed(App::open(config).await?, reset).await,
        Some(Command::ImportPrices { file }) => import(App::open(config).await?, file).await,
        Some(Command::Report { portfolio, format, template, as_of, output }) => {
            let of = NodeId::portfolio(&portfolio).map_or(Named::Name(portfolio), Named::Id);
            let asked = AskedReport {
                portfolio: None,
                format,
                template: Some(template),
                sections: None,
                as_of,
            };
            report(App::open(config).await?, of, asked, output).await
        }
        Some(Command::User(UserCommand::Create { email, admin })) => {
            create_user(App::open(config).await?, &email, admin).await
        }
        Some(Command::Doctor) => {
            let report = doctor::examine(config).await;
            print(&report.text)?;
            if report.is_healthy {
                return Ok(());
            }
            Err(AppError::Refused("something needs mending; see the lines above".into()))
        }
        Some(Command::Schema) => print(graphql::sdl()),
    }
}

async fn seed(app: App, reset: bool) -> Result<(), AppError> {
    if reset {
        demo::reset(&app.services).await?;
    }
    demo::seed(&app.services, app.config.environment).await?;
    let sessions = snapshots::history(&app.services);
    demo::remember(&app.services, &sessions, &Meter::default()).await?;
    print("The demo is complete.\n")
}

async fn import(app: App, file: PathBuf) -> Result<(), AppError> {
    let bytes = tokio::fs::read(&file).await.map_err(|error| AppError::File(file, error))?;
    let imported = prices::import_by_command(&app.services, bytes).await?;
    for warning in &imported.warnings {
        print(&format!("note: {}\n", warning.message))?;
    }
    for error in imported.errors.iter().take(SHOWN_ERRORS) {
        print(&format!("{}\n", told(error)))?;
    }
    print(&format!(
        "{} bars of {} symbols stored, {} rows refused\n",
        imported.bars,
        imported.symbols.len(),
        imported.rejected
    ))?;
    if imported.symbols.is_empty() {
        return Err(AppError::Refused("the file holds no good row".into()));
    }
    prices::fill(&app.services).await?;
    rates::fill(&app.services).await?;
    Ok(())
}

async fn backfill(
    app: App,
    symbols: Option<Vec<Symbol>>,
    days: Option<u16>,
) -> Result<(), AppError> {
    let last = app.services.last_session();
    let from = days.and_then(|days| last.checked_sub_days(Days::new(days.into())));
    let scope = Scope { symbols, from, only_since: None, to: None };
    let meter = Meter::default();
    let bars = with_bar(&meter, prices::complete(&app.services, &scope, &meter)).await?;
    print(&format!("{bars} bars stored; prices are complete to {last} as far as they can be had\n"))
}

async fn batch_run(app: App, batch: Batch) -> Result<(), AppError> {
    let kind = batch.kind.as_str();
    let meter = Meter::default();
    with_bar(&meter, foreground::run(&app.services, batch, &meter)).await?;
    let failed = meter.progress().failed;
    if failed > 0 {
        return Err(AppError::Refused(format!("{kind}: {failed} failed; the log says why")));
    }
    print(&format!("{kind} is done.\n"))
}

async fn report(app: App, of: Named, asked: AskedReport, output: PathBuf) -> Result<(), AppError> {
    let meter = Meter::default();
    let written = with_bar(&meter, command::report(&app.services, of, asked, &meter)).await?;
    let path = output.join(&written.file_name);
    let failed = |error| AppError::File(path.clone(), error);
    tokio::fs::create_dir_all(&output).await.map_err(failed)?;
    tokio::fs::write(&path, &written.content).await.map_err(failed)?;
    print(&format!("{}\n", path.display()))
}

/// Shows how far a piece of work is while it goes on. An interrupt asks it to stop.
async fn with_bar<T>(
    meter: &Meter,
    work: impl Future<Output = Result<T, sigmasight::error::Error>>,
) -> Result<T, AppError> {
    /// How often the bar is drawn.
    const FRAME: Duration = Duration::from_millis(100);
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} {elapsed} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut frames = tokio::time::interval(FRAME);
    let mut work = std::pin::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = tokio::signal::ctrl_c() => meter.stop(),
            _ = frames.tick() => {}
        }
        let progress = meter.progress();
        bar.set_length(u64::try_from(progress.total.unwrap_or(0)).unwrap_or(0));
        bar.set_position(u64::try_from(progress.processed).unwrap_or(0));
        bar.set_message(progress.message.unwrap_or_default());
    };
    bar.finish_and_clear();
    Ok(done?)
}

fn told(error: &RowError) -> String {
    let place = error.row.map_or_else(|| "file".into(), |row| format!("row {row}"));
    let column = error.column.as_ref().map_or_else(String::new, |column| format!(" {column}"));
    let hint = error.hint.as_ref().map_or_else(String::new, |hint| format!(" {hint}"));
    format!("{place}{column}: {} [{}]{hint}", error.message, error.code.code())
}

async fn create_user(app: App, email: &str, admin: bool) -> Result<(), AppError> {
    let (password, is_made_up) = if io::stdin().is_terminal() {
        (made_up_password()?, true)
    } else {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(AppError::Server)?;
        match line.trim_end_matches(['\r', '\n']) {
            "" => (made_up_password()?, true),
            given => (given.to_owned(), false),
        }
    };
    let new = NewUser {
        email,
        password: password.clone(),
        full_name: None,
        role: if admin { Role::Admin } else { Role::User },
        is_demo: false,
    };
    let user = accounts::register(&app.services, new).await?;
    print(&format!("Registered {}.\n", user.email))?;
    if is_made_up { print(&format!("Password: {password}\n")) } else { Ok(()) }
}

/// 24 letters and digits: 142 bits.
fn made_up_password() -> Result<String, AppError> {
    use rand::distr::{Alphanumeric, SampleString};
    use rand::{SeedableRng, rngs::StdRng};
    let mut random =
        StdRng::try_from_os_rng().map_err(|error| AppError::Server(io::Error::other(error)))?;
    Ok(Alphanumeric.sample_string(&mut random, 24))
}

fn print(text: &str) -> Result<(), AppError> {
    io::stdout().write_all(text.as_bytes()).map_err(AppError::Server)
}

/// The log goes to standard error: standard output is for answers.
fn start_log(config: &Config) {
    // The settings were checked: nothing of it is left out.
    let filter = tracing_subscriber::EnvFilter::new(&config.log_level);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    match config.log_format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Pretty => log.with_target(false).init(),
    }
}

#[cfg(test)]
mod tests {
    use sigmasight::error::{Code, Error, Refusal};

    use super::*;

    #[test]
    fn a_complaint_is_one_line_with_a_hint_and_has_its_causes_when_they_are_asked_for() {
        let refused = Refusal::new(Code::Validation, "It is no session.").hint("Monday is one.");
        let refused = AppError::from(Error::from(refused));
        for verbose in [false, true] {
            assert_eq!(complaint(&refused, verbose), "It is no session. Monday is one.");
        }
        let away = AppError::from(Error::from(sqlx::Error::PoolClosed));
        let line = "the database failed. Check that PostgreSQL runs and answers, and try again.";
        assert_eq!(complaint(&away, false), format!("{line} (-v shows the causes)"));
        let cause = format!("\n  because {}", sqlx::Error::PoolClosed);
        assert_eq!(complaint(&away, true), format!("{line}{cause}"));
    }
}
