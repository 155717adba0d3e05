//! The report as text.

use super::report::TasksReport;
use super::view::View;
use crate::report::screen::Screen;

impl TasksReport {
    /// The report as text: what was found and what is missing; deadlocks; running tasks; the other tasks of each
    /// runtime in groups, the largest first; contended resources; and the command to run next.
    pub fn render(&self, view: &View) -> String {
        self.screen(view).into_text()
    }

    /// Like [`TasksReport::render`]. If memory or time does not suffice, a note states that the rest is left out.
    pub fn screen(&self, view: &View) -> Screen {
        let mut text = Screen::new(&self.budget);
        self.write(&mut text, view);
        text.finish();
        text
    }

    fn write(&self, text: &mut Screen, view: &View) {
        self.header(text, view);
        let selected = self.select(&view.filter);
        // Without a filter, the runtimes are shown, with the reason if one has no list.
        if selected.is_empty() && !view.filter.is_everything() {
            return self.nothing(text, &view.filter);
        }
        if let Some(id) = view.filter.task {
            for index in selected {
                if text.is_cut() {
                    return;
                }
                self.one(text, index, view);
            }
            self.missing_names(text);
            return self.next_after_one(text, id);
        }
        self.deadlocks(text, &selected, view);
        self.runtimes(text, &selected, view);
        if view.filter.is_everything() {
            self.block_on_threads(text, view);
        }
        self.waited_for(text, &selected, view);
        self.missing_names(text);
        self.next(text, &selected);
    }
}
