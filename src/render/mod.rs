//! Documents from figures: bytes made of one plain model, without reading or asking anything.
//!
//! A number is rounded once, when it enters the model, so that every format carries the same. What
//! people wrote (names, tags, notes) is hostile until shown otherwise: [`text`] makes it harmless
//! for each format.

pub mod csv;
pub mod fix;
pub mod json;
pub mod markdown;
pub mod pdf;
pub mod report;
pub mod table;
pub mod text;
pub mod xlsx;

#[cfg(test)]
mod tests;

/// Why a document could not be made; never the fault of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("a CSV file could not be written")]
    Csv(#[from] ::csv::Error),
    #[error("a workbook could not be written")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    #[error("a stream could not be compressed")]
    Compress(#[from] std::io::Error),
    #[error("a font of the program's own cannot be read: {0}")]
    Font(String),
}
