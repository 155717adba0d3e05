//! How the page of a view is made.

use crate::page::{Ask, Page, PageError};

/// Makes a view's page.
type MakePage = fn(&Ask<'_>) -> Result<Page, PageError>;
/// Makes a view's data.
type MakeData = fn(&Ask<'_>) -> Result<String, PageError>;

/// How a view is made.
pub(crate) struct Maker {
    /// The view's route in `views::VIEWS`.
    pub(crate) route: &'static str,
    /// Makes its page.
    pub(crate) page: MakePage,
    /// Makes its data: JSON, at `ROUTE.json` with the same parameters.
    pub(crate) data: Option<MakeData>,
}
