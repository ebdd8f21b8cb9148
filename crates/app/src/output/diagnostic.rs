//! Errors as people read them: the cause chain once, a caret where a file is wrong, one hint.

use std::error::Error;
use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use crate::failure::{Failure, Place};

/// Places that are shown with their text; the rest are counted.
const PLACES_SHOWN_MAX: usize = 5;
/// Narrower, carets lose their lines.
const WIDTH_MIN: usize = 60;
/// Wider, sentences lose their readers.
const WIDTH_MAX: usize = 120;

/// Renders a failure, with a line end.
pub fn render(failure: &Failure, width: usize, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width.clamp(WIDTH_MIN, WIDTH_MAX))
        .with_links(false)
        .with_break_words(false)
        .with_context_lines(1);
    let mut text = String::new();
    for place in failure.places.iter().take(PLACES_SHOWN_MAX) {
        // Writing to a string does not fail.
        let _ = handler.render_report(&mut text, &Pointing(place));
    }
    let more = failure.places.len().saturating_sub(PLACES_SHOWN_MAX) + failure.places_more;
    if more > 0 {
        text.push_str(&format!("  … and {more} more\n"));
    }
    let label = console::style("error").red().bold().force_styling(colour);
    text.push_str(&format!("{label}: {}\n", failure.error));
    let mut cause = failure.error.source();
    while let Some(error) = cause {
        text.push_str(&format!("  caused by: {error}\n"));
        cause = error.source();
    }
    if let Some(hint) = &failure.hint {
        let label = console::style("hint").cyan().bold().force_styling(colour);
        text.push_str(&format!("{label}: {hint}\n"));
    }
    text
}

/// One place, as a diagnostic.
struct Pointing<'a>(&'a Place);

impl fmt::Debug for Pointing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Display for Pointing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { name, first_line, span, message, .. } = self.0;
        match (span, first_line) {
            (Some(_), _) => f.write_str(message),
            (None, 0) => write!(f, "{name}: {message}"),
            (None, line) => write!(f, "{name}:{line}: {message}"),
        }
    }
}

impl Error for Pointing<'_> {}

impl Diagnostic for Pointing<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.span.map(|_| self as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (start, end) = self.0.span?;
        let label = LabeledSpan::new(Some("here".to_owned()), start, end.saturating_sub(start));
        Some(Box::new(std::iter::once(label)))
    }
}

/// The text is a part of the file: line numbers begin where that part does.
impl SourceCode for Pointing<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let Place { name, text, first_line, .. } = self.0;
        let inner = text.as_str().read_span(span, before, after)?;
        let first_line = usize::try_from(first_line.saturating_sub(1)).unwrap_or(usize::MAX);
        Ok(Box::new(MietteSpanContents::new_named(
            name.clone(),
            inner.data(),
            *inner.span(),
            inner.line() + first_line,
            inner.column(),
            inner.line_count() + first_line,
        )))
    }
}
