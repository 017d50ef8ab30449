//! What people call things and say of them, judged alike whatever it is.

use crate::error::Refusal;

/// A name without the space around it. `whose` begins the sentence that says the rule, such as
/// "A portfolio's".
///
/// # Errors
/// `Validation`, at `name`, for one that is empty, longer than `most` or not printable.
pub fn name(text: &str, whose: &str, most: usize) -> Result<String, Refusal> {
    let name = text.trim();
    let is_name =
        !name.is_empty() && name.chars().count() <= most && !name.chars().any(char::is_control);
    is_name.then(|| name.to_owned()).ok_or_else(|| {
        let rule = format!("{whose} name has 1 to {most} printable characters.");
        Refusal::validation(rule).at("name")
    })
}

/// # Errors
/// `Validation`, at `description`, for one that is longer than `most`.
pub fn description(text: &str, most: usize) -> Result<String, Refusal> {
    if text.chars().count() <= most {
        return Ok(text.to_owned());
    }
    let rule = format!("A description has at most {most} characters.");
    Err(Refusal::validation(rule).at("description"))
}
