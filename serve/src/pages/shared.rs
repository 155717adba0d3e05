//! What all pages share.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Mutex;

use super::asking::Looks;
use super::jobs::Shelf;
use super::live::Hub;
use crate::fleet::Fleet;

/// When something was made, and its HTML.
type Shown = (Instant, Arc<str>);

/// What pages need.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    /// The programs.
    pub fleet: Fleet,
    /// What the first page showed last, and when.
    pub(crate) first: Arc<Mutex<Option<Shown>>>,
    /// The samplers of pages that somebody looks at.
    pub(crate) hub: Arc<Hub>,
    /// Profiles, searches and traces that were started by a button.
    pub(crate) shelf: Arc<Shelf>,
    /// How many pages may ask programs at a time.
    pub(crate) looks: Arc<Looks>,
}
